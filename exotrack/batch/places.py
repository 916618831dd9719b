"""Where the movies of a study are: paths and URLs from a table or a pattern, none of them outside the study's root."""

from __future__ import annotations

import csv
import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from exotrack.batch.settings import SCHEMES
from exotrack.errors import InputError

MOST_MOVIES = 1_000_000
"""Rows of a table beyond which it is no table of movies."""
_PART = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Row:
    """One movie as listed: where it stands in the list, its path or URL as written, and what is said of it."""

    where: str
    path: str
    said: dict[str, str]


@dataclass(frozen=True)
class Root:
    """What a study may reach: a folder of this machine (`folder`), or everything below a URL."""

    text: str
    folder: Path | None

    @classmethod
    def at(cls, text: str, beside: Path) -> Root:
        """The root that a study in the folder `beside` names; `InputError` if there is no such folder or kind of address."""
        if is_url(text):
            check_url(text)
            return cls(text.rstrip("/"), None)
        try:
            folder = (beside / local(text)).resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise InputError(f"movies.root: {text}: {_why(error)}") from None
        if not folder.is_dir():
            raise InputError(f"movies.root: {text}: is no folder")
        return cls(str(folder), folder)

    def place(self, text: str) -> str:
        """Absolute path or URL of `text` below the root; `InputError` if it leads outside."""
        if self.folder is None:
            return self._url(text)
        if is_url(text):
            raise InputError(f"{_cut(text)} lies outside the root {self.text}; give [movies] root = its URL")
        try:
            path = self.folder / local(text)
            whole = path.resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(f"{_cut(text)}: {_why(error)}") from None
        if not whole.is_relative_to(self.folder):
            raise InputError(f"{_cut(text)} leads outside {self.text}; allow it with [movies] root = a folder that holds it")
        return os.path.normpath(path)

    def _url(self, text: str) -> str:
        url = text if is_url(text) else f"{self.text}/{text}"
        if ".." in urlsplit(url).path.split("/") or not url.startswith(self.text + "/"):
            raise InputError(f"{_cut(text)} leads outside {self.text}; allow it with [movies] root = a URL above it")
        return url


def is_url(text: str) -> bool:
    """Whether `text` is a URL other than ``file://``."""
    return "://" in text and not text.startswith("file://")


def local(text: str) -> str:
    """A path of this machine, without ``file://``."""
    return text.removeprefix("file://")


def check_url(url: str) -> None:
    """Refuse a kind of address that is not known to hold files (`InputError`)."""
    scheme = url.partition("://")[0]
    if scheme not in SCHEMES or "::" in url:
        raise InputError(f"{_cut(url)}: addresses of kind {scheme!r} are not read; known are {', '.join(SCHEMES)}")


def table_rows(path: Path) -> list[Row]:
    """The rows of a table of movies: text separated by commas, semicolons or tabs, the first line naming the columns."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head = file.readline()
            file.seek(0)
            mark = max(",;\t", key=head.count)
            return list(_read(csv.reader(file, delimiter=mark, strict=True), path.name))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name}: cannot be read as a table ({_why(error)}); give CSV with a column path") from None


def _read(lines: Any, name: str) -> Iterator[Row]:
    heads = [head.strip() for head in next(lines, [])]
    if "path" not in heads:
        raise InputError(f"{name}: needs a column path; found {_cut(', '.join(heads)) or 'nothing'}")
    double = sorted({head for head in heads if heads.count(head) > 1})
    if double:
        raise InputError(f"{name}: column {double[0]!r} is there twice")
    for line in lines:
        if lines.line_num > MOST_MOVIES:
            raise InputError(f"{name}: has more than {MOST_MOVIES} lines; split the study")
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(heads):
            raise InputError(f"{name} line {lines.line_num}: has {len(line)} cells, the first line {len(heads)}")
        said = {head: cell.strip() for head, cell in zip(heads, line, strict=True)}
        yield Row(f"{name} line {lines.line_num}", said.pop("path"), said)


def pattern_rows(pattern: str, root: Root) -> list[Row]:
    """A row for each file that matches; the named parts of its path are columns."""
    if pattern.startswith("/") or is_url(pattern) or ".." in pattern.split("/") or "**" in pattern:
        raise InputError(f"movies.pattern: {_cut(pattern)}: must be relative to the root, without .. and **")
    glob, expression = _PART.sub("*", pattern), _expression(pattern)
    rows = []
    for path in sorted(_matching(glob, root)):
        found = expression.fullmatch(path)
        if found:
            rows.append(Row(path, path, found.groupdict()))
    if not rows:
        raise InputError(f"movies.pattern: {_cut(pattern)}: matches no file in {root.text}")
    return rows


def parts_of(pattern: str) -> list[str]:
    """Names of the named parts, in order."""
    return list(dict.fromkeys(_PART.findall(pattern)))


def _expression(pattern: str) -> re.Pattern[str]:
    seen: set[str] = set()
    built = ""
    for index, piece in enumerate(_PART.split(pattern)):
        if index % 2 == 0:
            built += "[^/]*".join(re.escape(word) for word in piece.split("*"))
        elif not piece.isidentifier():
            raise InputError(f"movies.pattern: {{{piece}}}: is no name of a column; use letters, digits and _")
        else:
            built += f"(?P={piece})" if piece in seen else f"(?P<{piece}>[^/]+?)"
            seen.add(piece)
    return re.compile(built)


def _matching(glob: str, root: Root) -> Iterator[str]:
    if root.folder is not None:
        try:
            yield from (path.relative_to(root.folder).as_posix() for path in root.folder.glob(glob))
        except (OSError, ValueError) as error:
            raise InputError(f"movies.pattern: {_cut(glob)}: {_why(error)}") from None
        return
    from exotrack.batch.remote import opened

    files, prefix = opened(root.text)
    for found in files.glob(posixpath.join(prefix, glob)):
        yield posixpath.relpath(str(found), prefix)


def _cut(text: str) -> str:
    plain = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return plain if len(plain) <= 120 else f"{plain[:80]}...{plain[-30:]}"


def _why(error: Exception) -> str:
    if isinstance(error, RuntimeError):
        return "its links lead in a circle"
    return (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split())[:200]
