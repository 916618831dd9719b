"""XML inside image files, parsed without the features that make XML dangerous."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from exotrack.errors import InputError

MAX_BYTES = 400_000_000
"""About 2 million planes with their time stamps; more is not a movie's description."""


def parse_xml(text: str, name: str, what: str) -> ElementTree.Element:
    """Root of `text` with namespaces taken off every tag; `what` is the dialect, for messages.

    Raises `InputError` for damaged, huge, or entity-declaring text: entities expand without bound or name other files,
    and no image format has a use for them.
    """
    if len(text) > MAX_BYTES:
        raise InputError(f"{name}: its {what} has {len(text) / 1e6:.0f} MB; the file is damaged or not a movie")
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text):
        raise InputError(f"{name}: its {what} declares entities, which {what} never does; the file is refused")
    try:
        root = ElementTree.fromstring(text.strip("\0 \r\n\t"))
    except ElementTree.ParseError as problem:
        raise InputError(f"{name}: its {what} is damaged ({problem}); save the movie again") from problem
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
