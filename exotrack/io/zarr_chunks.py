"""Which chunks of a zarr array are on the disk. zarr reads a chunk that is not there as zeros, without a word.

Format: zarr 2 and 3, and the sharding codec of zarr 3 (ZEP 2): a shard ends, or begins, with a table of the place of each of
its chunks, in which all ones mean "never written".
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NEVER = 2**64 - 1


def missing_chunk(array: Any, folder: Path, position: tuple[int, ...], seen: dict[str, Any]) -> str:
    """Key of a chunk that is missing from the plane at `position` (of the axes before y and x), or "".

    `seen` remembers what was found for the chunks looked at so far.
    """
    chunk = array.shards or array.chunks
    leading = [where // length for where, length in zip(position, chunk, strict=False)]
    grid = [range(-(-size // length)) for size, length in zip(array.shape[-2:], chunk[-2:], strict=True)]
    for trailing in itertools.product(*grid):
        key = array.metadata.encode_chunk_key((*leading, *trailing))
        if key not in seen:
            seen[key] = _present(array, folder / key)
        if seen[key] is None or not _holds(array, seen[key], position):
            return str(key)
    return ""


def _present(array: Any, path: Path) -> NDArray[np.bool_] | None:
    """None if the chunk file is not there; for a shard, which of its inner chunks were written; else an empty array."""
    if not path.is_file():
        return None
    if array.shards is None:
        return np.zeros(0, bool)
    codec = next((codec for codec in array.metadata.codecs if hasattr(codec, "index_location")), None)
    shape = tuple(shard // inner for shard, inner in zip(array.shards, array.chunks, strict=True))
    if codec is None or [type(step).__name__ for step in codec.index_codecs] != ["BytesCodec", "Crc32cCodec"]:
        return np.zeros(0, bool)  # another kind of table: zarr itself must do
    need = 16 * int(np.prod(shape))
    with open(path, "rb") as file:
        if str(codec.index_location).endswith("end"):
            file.seek(-(need + 4), 2)
        table = np.frombuffer(file.read(need), "<u8").reshape(*shape, 2)
    return np.asarray(~np.all(table == _NEVER, axis=-1))


def _holds(array: Any, present: NDArray[np.bool_], position: tuple[int, ...]) -> bool:
    """All inner chunks that the plane crosses were written."""
    if not present.size:
        return True
    inner = tuple((where % shard) // chunk for where, shard, chunk in zip(position, array.shards, array.chunks, strict=False))
    height, width = (-(-size // chunk) for size, chunk in zip(array.shape[-2:], array.chunks[-2:], strict=True))
    # a shard at the lower or right edge holds chunks outside the picture, which nobody writes
    crossed = present[inner][:height, :width]
    return bool(crossed.all())
