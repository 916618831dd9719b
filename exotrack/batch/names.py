"""Names that are safe in a path: of movies, of their folders, and of the values in a partitioned dataset."""

from __future__ import annotations

import hashlib
import unicodedata

MOST_LETTERS = 100
"""Longest name of a movie, and longest value of a design column, that a study may give."""
MOST_BYTES = 180
"""Longest name of a folder made from one: file systems take 255 bytes, and temporary names put some around it."""
_ESCAPED = set('%/=:\\?*"<>|#&')


def problem_with(text: str) -> str:
    """Why `text` cannot name a movie or a condition; empty if it can."""
    if not text.strip():
        return "is empty"
    if len(text) > MOST_LETTERS:
        return f"has {len(text)} characters, at most {MOST_LETTERS} are allowed"
    if not all(letter.isprintable() for letter in text):
        return "holds control characters or bytes that are no text"
    return ""


def movie_name(text: str) -> str:
    """A name for tables and folders from that of a file: printable, no separators, no leading dot, of bounded length."""
    plain = unicodedata.normalize("NFC", "".join(mark if mark.isprintable() and mark not in "/\\" else "_" for mark in text))
    return _short(plain.strip().lstrip(".") or "movie", text)


def partition(key: str, value: str) -> str:
    """``condition=high K`` as a folder of a hive dataset: what a path or a reader would take for its own is percent-encoded."""
    marks = (f"%{ord(mark):02X}" if mark in _ESCAPED or not mark.isprintable() else mark for mark in value)
    return f"{key}={_short(''.join(marks), value)}"


def _short(name: str, whole: str) -> str:
    if len(name.encode("utf-8", "surrogatepass")) <= MOST_BYTES and len(name) <= MOST_LETTERS * 3:
        return name
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    kept = name.encode("utf-8", "replace")[: MOST_BYTES - 9].decode("utf-8", "ignore").rstrip("%. ")
    return f"{kept}-{digest}"
