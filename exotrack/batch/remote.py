"""Movies and results that lie elsewhere: what fsspec reaches, with a message where its package is missing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from exotrack.errors import InputError

EXTRAS = {
    "s3": "exotrack[s3]",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "http": "aiohttp",
    "https": "aiohttp",
}


def opened(url: str) -> tuple[Any, str]:
    """The file system of `url` and the path in it; `InputError` if its package is missing or the address is wrong."""
    import fsspec

    scheme = url.partition("://")[0]
    try:
        files, path = fsspec.core.url_to_fs(url)
    except ImportError:
        raise InputError(f"{url}: addresses of kind {scheme} need a package; pip install {EXTRAS.get(scheme, scheme)}") from None
    except Exception as error:  # noqa: BLE001 - every package raises its own kinds for a wrong address or missing rights
        raise InputError(f"{url}: cannot be reached ({type(error).__name__}: {' '.join(str(error).split())[:200]})") from None
    return files, str(path).rstrip("/")


def traits(url: str) -> str:
    """What says that a remote file is still the same without reading it: size and tag or time, of every file below `url`."""
    files, path = opened(url)
    files.invalidate_cache()  # what was listed some time ago is not what is there
    try:
        found = files.find(path, detail=True) or {path: files.info(path)}
    except FileNotFoundError:
        raise InputError(f"{url}: no such file; check the path") from None
    except Exception as error:  # noqa: BLE001 - see `opened`
        raise InputError(f"{url}: cannot be reached ({type(error).__name__}: {' '.join(str(error).split())[:200]})") from None
    marks = ("size", "ETag", "etag", "mtime", "LastModified", "created", "md5Hash", "content_md5")
    lines = [f"{name} {[str(info.get(mark)) for mark in marks]}" for name, info in sorted(found.items())]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def fetch(url: str, folder: Path) -> Path:
    """Copy a file or folder to `folder` and return where it is; `InputError` if it cannot be read."""
    files, path = opened(url)
    target = folder / path.rsplit("/", 1)[-1]
    try:
        files.get(path, str(target), recursive=bool(files.isdir(path)))
    except FileNotFoundError:
        raise InputError(f"{url}: no such file; check the path") from None
    return target
