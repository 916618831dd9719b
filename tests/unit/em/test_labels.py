"""Labels and points made elsewhere become vesicles of the right size, and what is none is refused in one line."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from cases import shared_data

from exotrack.em import Stack, measure_labels, open_stack, read_vesicles
from exotrack.em.backends import GROUP, LabelResult, find_with, names, tabled
from exotrack.em.filling import darkness_in
from exotrack.em.labels import split_pieces
from exotrack.errors import InputError, ParameterError

SPACING = (30.0, 8.0, 8.0)


def ball(radius_nm: float, spacing: tuple[float, float, float]) -> np.ndarray:
    """A labelled ball in the middle of a volume."""
    half = [int(np.ceil(radius_nm / s)) + 2 for s in spacing]
    grid = np.meshgrid(*(np.arange(-h, h + 1) * s for h, s in zip(half, spacing, strict=True)), indexing="ij")
    return (np.sqrt(sum(axis**2 for axis in grid)) <= radius_nm).astype(np.uint8)


@pytest.mark.parametrize("spacing", [(4.0, 4.0, 4.0), SPACING, (2.0, 5.0, 5.0)])
def test_a_ball_has_the_diameter_of_its_volume_at_any_anisotropy(spacing: tuple[float, float, float]) -> None:
    row = measure_labels(ball(90.0, spacing).astype(np.int64), spacing).iloc[0]
    assert row["diameter_nm"] == pytest.approx(180, rel=0.02)
    assert row["diameter_kind"] == "volume_eq"
    assert row["volume_nm3"] == pytest.approx(np.pi / 6 * 180**3, rel=0.05)
    assert row["circularity"] > 0.95


def test_a_count_of_voxels_is_never_taken_for_an_area() -> None:
    labels = ball(90.0, SPACING).astype(np.int64)
    found = float(measure_labels(labels, SPACING).iloc[0]["diameter_nm"])
    mistaken = 2 * np.sqrt(labels.sum() * 8 * 8 / np.pi)
    assert abs(found / 180 - 1) < 0.02
    assert mistaken / 180 > 1.8
    flat = labels[labels.shape[0] // 2][None]
    disc = measure_labels(flat, (np.nan, 8.0, 8.0)).iloc[0]
    assert disc["diameter_kind"] == "area_eq"
    assert disc["diameter_nm"] == pytest.approx(180, rel=0.02)


def test_the_volumes_of_a_real_label_file_are_those_of_its_voxels() -> None:
    path = shared_data("em/hydra_vesicles/labels_7-13_30-8-8nm.h5")
    stack = open_stack(path, SPACING, contrast="dark")
    found = read_vesicles(path, stack)
    counts = np.bincount(stack.read().ravel())[1:]
    assert found["volume_nm3"].to_numpy() == pytest.approx(counts[counts > 0] * 30.0 * 8 * 8)
    assert found["diameter_nm"].to_numpy() == pytest.approx(np.cbrt(6 * found["volume_nm3"] / np.pi).to_numpy())
    # The file keeps eight bits of more than 255 numbers: many labels are several vesicles far apart.
    apart = read_vesicles(path, stack, split=True)
    assert (len(found), len(apart)) == (254, 675)
    # Whatever counts as a slip of the brush, the mean is not that of voxels taken for an area (368.7 nm).
    for least in (5, 100):
        assert 175 < apart["diameter_nm"][apart["volume_nm3"] >= least * 30.0 * 8 * 8].mean() < 185


def test_dense_cores_of_real_patches_are_darker_than_clear_ones() -> None:
    import h5py

    folder = shared_data("em/hydra_vesicles")

    def read(name: str) -> np.ndarray:
        with h5py.File(folder / "7-13" / name) as file:
            return file["main"][:]

    patches, masks, boxes = read("im.h5"), read("mask.h5") > 0, read("vesicle_big-bbs_7-13_30-8-8.h5")
    pairs = (folder / "7-13_lv_label.txt").read_text().strip("()\n ").split("),(")
    kinds = dict(tuple(map(int, pair.split(":"))) for pair in pairs)
    # A number that stands for several vesicles has a box about all of them, and an empty mask in its middle.
    rows = [k for k in range(len(patches)) if masks[k].any()]
    kind = np.array([kinds[int(boxes[k, 0])] for k in rows])
    dark = np.array([darkness_in(patches[k], masks[k]) for k in rows])
    dense, clear = dark[kind == 2], dark[kind == 1]
    above = (dense[:, None] > clear[None]).mean() + 0.5 * (dense[:, None] == clear[None]).mean()
    assert above >= 0.95


@pytest.fixture
def stack() -> Stack:
    return Stack.from_array(np.zeros((60, 80), np.uint8), 2.0, contrast="dark", image_id="cell")


BAD = {
    "shape": (np.ones((60, 70), np.uint8), "labels of 1 x 60 x 70 for an image of 1 x 60 x 80; both must have one shape"),
    "empty": (np.zeros((60, 80), np.uint8), "the label image is empty (0 everywhere)"),
    "fractions": (np.full((60, 80), 0.3, np.float32), "labels are whole numbers, found fractions (float32)"),
    "negative": (np.full((60, 80), -1, np.int16), "labels are 0 outside and positive inside vesicles, found -1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_labels_are_one_line(name: str, stack: Stack, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "labels.tif", BAD[name][0])
    with pytest.raises(InputError) as caught:
        read_vesicles(tmp_path / "labels.tif", stack)
    assert str(caught.value).startswith(f"labels.tif: {BAD[name][1]}")


def test_points_of_every_kind_are_read(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,radius\n10,20,5\n30,40,6\n")
    (tmp_path / "b.txt").write_text("PM pm 1 2 0\ndocked_SV v1 10 20 5\nfDCV v2 30 40 6\npits p 3 3 3\n")
    (tmp_path / "c.mod").write_bytes(imod([(10.5, 20.5, 0), (30.5, 40.5, 0)], [5.0, 6.0]))
    for name in ("a.csv", "b.txt", "c.mod"):
        found = read_vesicles(tmp_path / name, stack)
        assert found[["x_nm", "y_nm", "diameter_nm"]].to_numpy().tolist() == [[20, 40, 20], [60, 80, 24]]
        assert set(found["backend"]) == {"points"}


def imod(points: list[tuple[float, float, float]], sizes: list[float]) -> bytes:
    """An IMOD model of one object and one contour."""
    head = b"IMODV1.2" + bytes(232)
    thing = b"OBJT" + bytes(176)
    contour = b"CONT" + struct.pack(">4i", len(points), 0, 0, 0) + b"".join(struct.pack(">3f", *p) for p in points)
    size = b"SIZE" + struct.pack(">i", 4 * len(sizes)) + struct.pack(f">{len(sizes)}f", *sizes)
    return head + thing + contour + size + b"IEOF"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,radius\n", "holds no vesicles"),
        ("x,y,radius\n500,2,3\n", "1 of 1 points lie outside"),
        ("a,b\n1,2\n", "needs columns"),
    ],
)
def test_bad_points_are_one_line(text: str, message: str, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_vesicles(tmp_path / "p.csv", stack)


def test_pieces_of_a_label_can_be_told_apart() -> None:
    labels = np.zeros((1, 20, 20), np.int64)
    labels[0, 2:5, 2:5] = labels[0, 10:14, 10:14] = 7
    assert len(measure_labels(labels, (np.nan, 1, 1))) == 1
    assert len(measure_labels(split_pieces(labels), (np.nan, 1, 1))) == 2


BACKEND = """
import numpy as np
from exotrack.em.backends import LabelResult
def find(image, spacing_nm, threshold=100):
    from scipy.ndimage import label
    labels, count = label(image > threshold)
    return LabelResult(labels, {k: 0.5 for k in range(1, count + 1)}, {"threshold": threshold})
def breaks(image, spacing_nm):
    raise RuntimeError("no model")
"""


def test_an_installed_backend_is_found_used_and_its_failure_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_finder.py").write_text(BACKEND)
    about = tmp_path / "my_finder-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-finder\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\nmine = my_finder:find\nbroken = my_finder:breaks\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert {"mine", "broken"} <= set(names())
    pixels = np.zeros((40, 50), np.uint8)
    pixels[5:15, 8:18] = 200
    stack = Stack.from_array(pixels, 3.0, contrast="dark")
    table, said = find_with("mine", stack)
    assert said == {"threshold": 100}
    assert table.iloc[0][["backend", "score"]].tolist() == ["mine", 0.5]
    assert table.iloc[0]["y_nm"] == pytest.approx(9.5 * 3)
    with pytest.raises(InputError, match=r"^backend broken failed: RuntimeError: no model$"):
        find_with("broken", stack)
    with pytest.raises(ParameterError, match=r"did you mean 'mine'"):
        find_with("mien", stack)
    with pytest.raises(InputError, match="gave labels of shape"):
        tabled("mine", LabelResult(np.zeros((3, 3), int)), (40, 50), stack)
    sys.modules.pop("my_finder", None)
