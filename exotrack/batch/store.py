"""Where results go: a folder of this machine or a URL. Whatever is written appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from exotrack.batch.places import check_url, is_url, local
from exotrack.batch.remote import opened
from exotrack.errors import OutputError
from exotrack.io.atomic import atomic_file, explained, swap

STAMP = "stamp.json"
"""Written last: where it is, everything else is."""


class Store(Protocol):
    """Files below one place, by names with / between folders."""

    where: str

    def read(self, name: str) -> bytes | None:
        """Content of a file; None if there is none."""

    def write(self, name: str, content: bytes, lasting: bool = True) -> None:
        """Write a file at once; one that is not `lasting` need not outlive a power failure, and costs no wait for the disk."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a file that must not be there yet; False if it is."""

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, sorted; nothing if there is no such folder."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Files in a folder and their bytes."""

    def remove(self, name: str) -> None:
        """Remove a file or folder if it is there."""

    def put(self, folder: Path, name: str) -> None:
        """Move a folder of this machine to its place, in the stead of what is there."""

    def same(self, source: str, name: str) -> None:
        """Make `name` the same file as `source`, without copying where that can be done."""

    def room(self, work: str) -> Any:
        """A context that gives a folder of this machine to prepare things in; `work` tells runs apart."""


class LocalStore:
    """A folder of this machine, or of a disk that all machines of a cluster see."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.where = str(self.root)

    def read(self, name: str) -> bytes | None:
        """Content of a file; None if there is none."""
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, content: bytes, lasting: bool = True) -> None:
        """Write a file at once; one that is not `lasting` without waiting for the disk."""
        path = self.root / name
        _made(path.parent)
        with atomic_file(path, lasting) as temporary:
            temporary.write_bytes(content)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file that must not be there yet; False if it is."""
        path = self.root / name
        _made(path.parent)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(content)
            os.link(temporary, path)  # unlike a rename it fails where there is one already, on NFS too
        except FileExistsError:
            return False
        except OSError as error:
            raise explained(error, path) from error
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, sorted; nothing if there is no such folder."""
        try:
            return sorted(os.listdir(self.root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def sizes(self, folder: str) -> dict[str, int]:
        """Files in a folder and their bytes."""
        try:
            with os.scandir(self.root / folder) as found:
                return {entry.name: entry.stat().st_size for entry in found if entry.is_file()}
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def remove(self, name: str) -> None:
        """Remove a file or folder if it is there."""
        path = self.root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()

    def put(self, folder: Path, name: str) -> None:
        """Move a folder of the same disk to its place, in the stead of what is there."""
        path = self.root / name
        _made(path.parent)
        try:
            swap(folder, path, folder.with_name(folder.name + ".old"))
        except OSError as error:
            raise explained(error, path) from error

    def same(self, source: str, name: str) -> None:
        """Link `name` to the file `source`, or copy it where the disk knows no links."""
        path = self.root / name
        _made(path.parent)
        with atomic_file(path) as temporary:
            try:
                os.link(self.root / source, temporary)
            except OSError:
                shutil.copyfile(self.root / source, temporary)

    @contextmanager
    def room(self, work: str) -> Iterator[Path]:
        """A folder on the same disk, so that what is prepared there can be renamed into place; removed at the end."""
        _made(self.root / ".parts" / work)
        try:
            place = Path(tempfile.mkdtemp(dir=self.root / ".parts" / work))
        except OSError as error:
            raise explained(error, self.root) from error
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


class RemoteStore:
    """A URL of a kind that fsspec knows. A single file appears whole; of a folder, the stamp is written last."""

    def __init__(self, url: str) -> None:
        check_url(url)
        self.where = url.rstrip("/")
        self._files, self._root = opened(self.where)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def read(self, name: str) -> bytes | None:
        """Content of a file; None if there is none."""
        try:
            return bytes(self._files.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes, lasting: bool = True) -> None:
        """Write a file at once."""
        try:
            self._files.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(self._path(name), content)
        except OSError as error:
            raise explained(error, Path(name)) from error

    def create(self, name: str, content: bytes) -> bool:
        """Write a file that must not be there yet; False if it is. As safe as the store's own conditional writes are."""
        if self._files.exists(self._path(name)):
            return False
        self.write(name, content)
        return True

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, sorted; nothing if there is no such folder."""
        return sorted(str(info["name"]).rstrip("/").rpartition("/")[2] for info in self._listed(folder))

    def sizes(self, folder: str) -> dict[str, int]:
        """Files in a folder and their bytes."""
        return {str(i["name"]).rpartition("/")[2]: int(i["size"]) for i in self._listed(folder) if i["type"] == "file"}

    def _listed(self, folder: str) -> list[dict[str, Any]]:
        try:
            self._files.invalidate_cache()
            return list(self._files.ls(self._path(folder), detail=True))
        except FileNotFoundError:
            return []

    def remove(self, name: str) -> None:
        """Remove a file or folder if it is there."""
        with suppress(FileNotFoundError):
            self._files.rm(self._path(name), recursive=True)

    def put(self, folder: Path, name: str) -> None:
        """Copy a folder to its place: the old stamp goes first, the new one comes last."""
        self.remove(f"{name}/{STAMP}")
        try:
            for file in sorted((file for file in folder.rglob("*") if file.is_file()), key=lambda file: file.name == STAMP):
                target = self._path(f"{name}/{file.relative_to(folder).as_posix()}")
                self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
                self._files.put_file(str(file), target)
        except OSError as error:
            raise explained(error, Path(name)) from error

    def same(self, source: str, name: str) -> None:
        """Copy within the store."""
        self._files.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
        self._files.cp_file(self._path(source), self._path(name))

    @contextmanager
    def room(self, work: str) -> Iterator[Path]:
        """A temporary folder of this machine."""
        with tempfile.TemporaryDirectory(prefix="exotrack-") as place:
            yield Path(place)


def store(where: str | Path) -> LocalStore | RemoteStore:
    """The store at a path or URL; `OutputError` if it cannot be one."""
    if is_url(str(where)):
        return RemoteStore(str(where))
    root = Path(local(str(where)))
    if root.is_symlink() and not root.exists():
        raise OutputError(f"{root}: is a link that leads nowhere; choose another place with --out")
    if root.exists() and not root.is_dir():
        raise OutputError(f"{root}: is a file, not a folder; choose another name with --out")
    return LocalStore(root.resolve())


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explained(error, folder) from error
