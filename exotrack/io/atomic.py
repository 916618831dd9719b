"""Files and folders that appear complete or not at all.

Everything is built under a temporary name beside its place, flushed to disk and renamed. What goes wrong on the way
(an error, Ctrl-C, a full disk) removes the temporary and leaves what was there before untouched.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from exotrack.errors import ExotrackError, OutputError, TryAgainError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def atomic_file(path: str | Path, lasting: bool = True) -> Iterator[Path]:
    """Give a temporary path to write; on leaving it becomes `path`, unless there was an error, when it is removed.

    lasting : it must outlive a power failure from then on, so the disk is waited for.

    Raises `OutputError` if the folder cannot be written, `TryAgainError` if the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if lasting:
            _flush(temporary)
        os.replace(temporary, path)
        if lasting:
            _flush(path.parent)
    except OSError as error:
        raise explained(error, path) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


@contextmanager
def atomic_folder(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder to fill; on leaving it becomes `path`, unless there was an error, when it is removed.

    An empty `path` is replaced. One that holds something is refused (`OutputError`) unless `overwrite`: then the old
    folder is deleted only after the new one stands in its place. Other errors are those of `atomic_file`.
    """
    path = Path(path)
    check_place(path, overwrite)
    short = path.name[:50]  # a name as long as the file system takes leaves no room for what is put around it
    temporary, old = (path.with_name(f".{short}.{os.getpid()}.{end}") for end in ("tmp", "old"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        for file in sorted(temporary.rglob("*")):
            _flush(file)
        _flush(temporary)
        swap(temporary, path, old)
    except OSError as error:
        raise explained(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_place(path: Path, overwrite: bool = False) -> None:
    """Refuse, before any work, a results folder that cannot be written or would be overwritten (`OutputError`)."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise OutputError(f"{path}: is a file or a link, not a folder; choose another name with --out")
    parent = next(above for above in path.absolute().parents if above.exists())
    if not parent.is_dir():
        raise OutputError(f"{path}: {parent} is a file, not a folder; choose another name with --out")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: {parent} cannot be written (permission denied); choose another place with --out")
    if not overwrite and path.is_dir() and any(path.iterdir()):
        raise OutputError(f"{path}: already holds files; choose another place with --out, or replace them with --overwrite")


def swap(new: Path, path: Path, old: Path) -> None:
    """Put the folder `new` in the place `path`; what was there goes to `old` on the way, and is deleted. Raises `OSError`."""
    try:
        if path.exists():
            os.replace(path, old)
        os.replace(new, path)
        _flush(path.parent)
    finally:
        # Whatever interrupted the two renames, `path` holds either the new folder or the old one.
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        elif old.exists():
            os.replace(old, path)


def _flush(path: Path) -> None:
    # A rename survives a power cut only once the folder that holds the name is on disk too; some file systems (and
    # Windows) refuse to flush a folder, and then there is nothing more to be done.
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.EACCES, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(handle)


def explained(error: OSError, path: Path) -> ExotrackError:
    """What to tell a user of an error met in writing `path`: `TryAgainError` for a full disk, else `OutputError`."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return TryAgainError(f"{path}: the disk is full ({reason}); free some space and run the same command again")
    if error.errno in _FORBIDDEN:
        return OutputError(f"{path}: cannot be written ({reason}); choose another place with --out")
    return OutputError(f"{path}: could not be written ({reason}); check the disk or choose another place with --out")
