"""Compressed or tiled TIFF pages, decoded by tifffile a block at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.guard import one_error, shown, warnings_are_errors
from exotrack.io.raw import runs
from exotrack.io.stored import Indices


@dataclass(frozen=True, eq=False)
class PageFrames:
    """Frames that are pages of one or more TIFF files.

    Each block opens the file once and goes straight to its pages: no chain is walked and no OME-XML is parsed again.

    Attributes
    ----------
    paths : the files.
    file : for each frame, which of `paths`; None when there is one file.
    ifds : for each frame, where its page's table of tags begins; negative means that the file does not hold it.
    height, width : pixels.
    stored : dtype of the decoded pixels.
    cut : the file is known to be cut short, so tifffile's complaints about that are not news.
    """

    paths: tuple[str, ...]
    file: Indices | None
    ifds: Indices
    height: int
    width: int
    stored: str
    cut: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, height, width)."""
        return len(self.ifds), self.height, self.width

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype in the byte order of this machine."""
        dtype: np.dtype[Any] = np.dtype(self.stored).newbyteorder("=")
        return dtype

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (exclusive), (n, height, width)."""
        from tifffile import TiffFile

        out = np.empty((stop - start, self.height, self.width), self.dtype)
        for path, first, last in runs(self.paths, self.file, start, stop):
            with one_error(path, "cannot be opened"), warnings_are_errors(path, "tifffile", self.cut), TiffFile(path) as tif:
                for frame in range(first, last):
                    with one_error(path, f"frame {frame} cannot be decoded"):
                        out[frame - start] = self._page(tif, frame, path)
        return out

    def window(self, start: int, stop: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Part of frames `start` to `stop` (exclusive); only the tiles or strips it lies in are decoded."""
        import zarr
        from tifffile import TiffFile

        out = np.empty((stop - start, rows.stop - rows.start, columns.stop - columns.start), self.dtype)
        for path, first, last in runs(self.paths, self.file, start, stop):
            with one_error(path, "cannot be opened"), warnings_are_errors(path, "tifffile", self.cut), TiffFile(path) as tif:
                for frame in range(first, last):
                    with one_error(path, f"frame {frame} cannot be decoded"), self._found(tif, frame, path).aszarr() as store:
                        array: Any = zarr.open_array(store, mode="r")
                        out[frame - start] = np.asarray(array[..., rows, columns]).reshape(out.shape[1:])
        return out

    def _page(self, tif: Any, frame: int, path: str) -> NDArray[Any]:
        pixels: NDArray[Any] = self._found(tif, frame, path).asarray(maxworkers=1)
        return pixels.reshape(self.height, self.width)

    def _found(self, tif: Any, frame: int, path: str) -> Any:
        """The page of a frame, with all its pixels there."""
        from tifffile import TiffPage

        offset = int(self.ifds[frame])
        if offset < 0:
            raise InputError(f"{shown(path)}: frame {frame} is not in the file")
        tif.filehandle.seek(offset)
        page = TiffPage(tif, frame)
        # tifffile fills strips without bytes with zeros: a picture that never was
        if not all(page.databytecounts) or not all(page.dataoffsets):
            raise InputError(f"{shown(path)}: frame {frame} has strips without pixels")
        return page
