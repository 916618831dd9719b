"""Micrographs are opened with the spacing they have, and refused where it is missing, a placeholder or absurd."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile

from exotrack.em import Stack, detect, open_stack
from exotrack.em.stack import check_size
from exotrack.errors import CalibrationError, InputError
from exotrack.params import VesicleParams


def test_an_mrc_has_its_spacing_and_a_placeholder_is_none(tmp_path: Path) -> None:
    grey = np.arange(3 * 20 * 24, dtype=np.int16).reshape(3, 20, 24)
    for name, angstrom in (("good", 22.0), ("one", 1.0)):
        with mrcfile.new(tmp_path / f"{name}.mrc") as file:
            file.set_data(grey)
            file.voxel_size = angstrom
    stack = open_stack(tmp_path / "good.mrc")
    assert stack.spacing_nm == pytest.approx((2.2, 2.2, 2.2))
    assert np.array_equal(stack.read(slice(1, 3), slice(2, 9), slice(4, 20)), grey[1:3, 2:9, 4:20])
    with pytest.raises(CalibrationError, match=r"^one\.mrc: .*placeholder.*give it in nm with --spacing-nm Z,Y,X$"):
        open_stack(tmp_path / "one.mrc")


def test_bytes_that_imod_wrote_unsigned_are_read_so(tmp_path: Path) -> None:
    path = tmp_path / "bytes.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.full((2, 20, 20), 100, np.int8))
        file.voxel_size = 20.0
    raw = bytearray(path.read_bytes())
    raw[152:160] = np.array([1146047817, 0], "<i4").tobytes()
    raw[1024:] = bytes([200]) * (len(raw) - 1024)
    path.write_bytes(raw)
    assert open_stack(path).read().max() == 200


@pytest.mark.parametrize("kind", ["plain", "tiled"])
def test_a_window_of_a_tiff_is_that_part(tmp_path: Path, kind: str) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (5, 200, 300)).astype(np.uint8)
    how = {"tile": (64, 64), "compression": "zlib"} if kind == "tiled" else {}
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="minisblack", **how)
    stack = open_stack(tmp_path / "a.tif", (5, 5, 5))
    assert np.array_equal(stack.read(slice(1, 4), slice(20, 150), slice(33, 270)), grey[1:4, 20:150, 33:270])


class Watched:
    """Voxels that note the largest window that was asked of them; a wide section that is in no file."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape, self.dtype, self.largest = shape, np.dtype(np.uint8), 0

    def read(self, z: slice, y: slice, x: slice) -> np.ndarray:
        size = [part.stop - part.start for part in (z, y, x)]
        self.largest = max(self.largest, int(np.prod(size)))
        grain = np.random.default_rng((y.start, x.start)).integers(90, 110, size)
        return grain.astype(np.uint8)


def test_a_section_of_40_000_pixels_is_read_in_windows() -> None:
    voxels = Watched((1, 80, 40_000))
    found = detect(Stack(voxels, (np.nan, 4.0, 4.0), contrast="dark"), VesicleParams(diameter_nm=(60.0, 110.0)))
    # The score weighs faint rings as high as false ones: in pure grain, about one a million pixels passes.
    assert len(found) <= 6
    assert voxels.largest < 80 * 40_000 / 15


def test_a_mask_that_no_memory_holds_is_refused() -> None:
    check_size((1, 20_000, 20_000), "mask.tif")
    with pytest.raises(
        InputError, match=r"^mask.tif: a mask or label image of 1 x 40000 x 40000 is held in memory whole"
    ) as said:
        check_size((1, 40_000, 40_000), "mask.tif")
    assert "crop image and mask to the cell, or average both" in str(said.value)


def test_spacing_that_cannot_be_is_refused() -> None:
    pixels = np.zeros((20, 20))
    for wrong in (0.01, 352.0):
        with pytest.raises(CalibrationError, match="give the true spacing with --spacing-nm X"):
            Stack.from_array(pixels, wrong)
    with pytest.raises(CalibrationError, match="found 2 numbers"):
        Stack.from_array(np.zeros((4, 20, 20)), (5, 5))
    assert Stack.from_array(pixels, (70.0, 2.0, 2.0)).spacing_nm == (70.0, 2.0, 2.0)


def test_uneven_voxels_of_a_file_must_be_said(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["main"] = np.zeros((4, 20, 20), np.uint8)
        file["main"].attrs["resolution"] = (30.0, 8.0, 8.0)
    with pytest.raises(CalibrationError, match=r"30 x 8 x 8 nm, uneven"):
        open_stack(tmp_path / "v.h5")
    assert open_stack(tmp_path / "v.h5", (30, 8, 8)).spacing_nm == (30.0, 8.0, 8.0)
