"""Masks of cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from exotrack.errors import InputError
from exotrack.io import read_mask

LABELS = np.zeros((32, 40), np.uint8)
LABELS[4:20, 5:15] = 1
LABELS[22:30, 20:38] = 2


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_labels(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "m.tif", LABELS.astype(dtype))
    np.save(tmp_path / "m.npy", LABELS.astype(dtype))
    for name in ("m.tif", "m.npy"):
        found = read_mask(tmp_path / name, (32, 40))
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, LABELS)


def test_png_and_yes_no(tmp_path: Path) -> None:
    Image.fromarray(LABELS).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png", (32, 40)), LABELS)
    Image.fromarray(LABELS > 0).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "b.png", (32, 40)), LABELS > 0)
    np.save(tmp_path / "b.npy", LABELS > 0)
    np.testing.assert_array_equal(read_mask(tmp_path / "b.npy", (32, 40)), LABELS > 0)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (LABELS[:, :39], "a mask must have the movie's shape, 32 x 40 pixels, found 32 x 39; draw it on a frame of this movie"),
        (LABELS * 0, "a mask has 0 outside and positive labels inside cells, found 0 to 0"),
        (LABELS.astype(int) - 1, "found -1 to 1"),
        (LABELS * 0.3, "a mask holds whole numbers"),
        (np.full((32, 40), np.nan), "a mask holds whole numbers"),
        (np.array([{"a": 1}], object), "cannot be read as a mask"),
    ],
    ids=["shape", "empty", "negative", "fractions", "nan", "pickle"],
)
def test_what_is_no_mask(tmp_path: Path, array: np.ndarray, says: str) -> None:
    np.save(tmp_path / "m.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=rf"^m.npy: .*{says}"):
        read_mask(tmp_path / "m.npy", (32, 40))


def test_files_that_are_no_masks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.tif: no such file"):
        read_mask(tmp_path / "gone.tif", (32, 40))
    for name in ("a.tif", "a.png", "a.npy"):
        (tmp_path / name).write_text("hello")
        with pytest.raises(InputError, match=f"{name}: cannot be read as a mask"):
            read_mask(tmp_path / name, (32, 40))
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InputError, match=r"a mask is a TIFF, PNG or .npy file, found .txt"):
        read_mask(tmp_path / "a.txt", (32, 40))
    tifffile.imwrite(tmp_path / "s.tif", np.stack([LABELS] * 5))
    with pytest.raises(InputError, match="a mask is one picture, found 5 pages"):
        read_mask(tmp_path / "s.tif", (32, 40))
