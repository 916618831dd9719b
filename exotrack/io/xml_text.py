"""XML of image files and tracks, parsed without the features that make XML dangerous."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from exotrack.errors import InputError

MAX_BYTES = 400_000_000
"""About 2 million planes with their time stamps, or 5 million spots; more is no description of a movie."""


def parse_xml(text: str, name: str, what: str) -> ElementTree.Element:
    """Root of `text` with namespaces taken off every tag; `what` is the dialect, for messages.

    Raises `InputError` for damaged, huge, or entity-declaring text: entities expand without bound or name other files,
    and no format here has a use for them.
    """
    if len(text) > MAX_BYTES:
        raise InputError(
            f"{name}: its {what} has {len(text) / 1e6:.0f} MB, more than is read; the file is damaged or not of this kind"
        )
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text):
        raise InputError(f"{name}: its {what} declares entities, which {what} never does; the file is refused")
    try:
        root = ElementTree.fromstring(text.strip("\0 \r\n\t"))
    except ElementTree.ParseError as problem:
        raise InputError(f"{name}: its {what} is damaged ({problem}); save the file again") from problem
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
