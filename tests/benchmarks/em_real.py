"""Real electron micrographs kept beside the project: hand-drawn boxes, and labels and patches of Hydra. Used by `em.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.em import Stack, detect
from exotrack.em.filling import darkness_in
from exotrack.em.labels import measure_labels, split_pieces
from exotrack.params import VesicleParams

DATA = Path(__file__).parents[3] / "shared" / "data" / "em"
VOXEL_NM = (30.0, 8.0, 8.0)
"""Of the volume of Hydra."""
CRUMB = 10
"""Voxels below which a piece of a label is a slip of the brush: a ball of 33 nm, about one section thick."""


LEAFLETS_NM, LEAFLETS_PX = 4.0, 27.0
"""Distance of the two leaflets of a bilayer, and what it measures in the cryo-EM micrograph, whose scale is not known."""


def alone(listed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes without those that are but the overlap of two others: they were read from outlines drawn over one another."""
    low, high = np.maximum(listed[:, None, :2], listed[None, :, :2]), np.minimum(listed[:, None, 2:], listed[None, :, 2:])
    both = np.concatenate([low, high], axis=2)[~np.eye(len(listed), dtype=bool)]
    same = [bool((np.abs(both - box).max(axis=1) <= 8).any()) for box in listed]
    # A box inside another is the overlap of itself and that one.
    inside = [
        bool(((listed[:, :2] <= box[:2] + 1).all(axis=1) & (listed[:, 2:] >= box[2:] - 1).all(axis=1)).sum() > 1)
        for box in listed
    ]
    return listed[~(np.array(same) | np.array(inside))]


def boxes(data: Path, given: float = round(LEAFLETS_NM / LEAFLETS_PX, 2)) -> list[str]:
    """Score on the cryo-EM micrograph whose vesicles were boxed by hand; `given` is the side of a pixel (nm)."""
    from PIL import Image
    from scipy.optimize import linear_sum_assignment

    folder = data / "cryoem_isolated_vesicles"
    if not folder.is_dir():
        return ["The cryo-EM micrograph is not beside the project."]
    pixels = np.asarray(Image.open(folder / "mic12020_raw.png").convert("L"))
    listed = np.array(json.loads((folder / "mic12020_boxes.json").read_text())["boxes_xyxy"], float)
    kept = alone(listed)
    x0, y0, x1, y1 = kept.T * given
    true = pd.DataFrame({"y_nm": (y0 + y1) / 2, "x_nm": (x0 + x1) / 2, "diameter_nm": (x1 - x0 + y1 - y0) / 2})
    inside = (x0 > given) & (y0 > given) & (x1 < (pixels.shape[1] - 2) * given) & (y1 < (pixels.shape[0] - 2) * given)
    limits = (float(true["diameter_nm"][inside].min()), float(true["diameter_nm"][inside].max()))
    params = VesicleParams(diameter_nm=(max(0.8 * limits[0], 3 * given), 1.2 * limits[1]))
    found = detect(Stack.from_array(pixels, given, contrast="dark"), params)
    apart = np.hypot(*(true[a].to_numpy()[:, None] - found[a].to_numpy()[None] for a in ("y_nm", "x_nm")))
    cost = np.where(apart <= 0.25 * true["diameter_nm"].to_numpy()[:, None], apart, 1e6)
    rows, columns = linear_sum_assignment(cost)
    same = cost[rows, columns] < 1e6
    hits, size = int(same.sum()), found["diameter_nm"].to_numpy()[columns[same]] / true["diameter_nm"].to_numpy()[rows[same]]
    f1 = 2 * hits / max(len(true) + len(found), 1)
    return [
        f"Isolated vesicles in ice (very low contrast), {len(true)} boxes by hand ({len(listed) - len(true)} more is "
        "the overlap of "
        f"two), {limits[0]:.0f} to {limits[1]:.0f} nm, defaults but for these sizes: {len(found)} found, {hits} of them "
        f"boxed: precision {hits / max(len(found), 1):.2f}, recall "
        f"{hits / len(true):.2f}, **F1 {f1:.2f}**; diameters {100 * (size.mean() - 1):+.1f} % of the boxes. The file "
        "does not say "
        f"its scale; {given:g} nm a pixel is taken, at which the leaflets of its bilayers are {LEAFLETS_NM:g} nm apart.",
        "",
    ]


def hydra(data: Path) -> list[str]:
    """Sizes of the labelled vesicles of Hydra, and dense against clear by the darkness of the core."""
    import h5py

    folder = data / "hydra_vesicles"
    if not folder.is_dir():
        return ["The volume of Hydra is not beside the project."]
    with h5py.File(folder / "labels_7-13_30-8-8nm.h5") as file:
        labels = file["main"][:].astype(np.int64)
    counts = np.bincount(labels.ravel())[1:]
    volume = float(np.prod(VOXEL_NM))
    whole = measure_labels(labels, VOXEL_NM)
    pieces = measure_labels(split_pieces(labels), VOXEL_NM)
    voxels = (pieces["volume_nm3"] / volume).to_numpy()
    real = pieces[voxels >= CRUMB]
    size, peer = real["diameter_nm"], 2 * np.sqrt(voxels[voxels >= CRUMB] * VOXEL_NM[1] * VOXEL_NM[2] / np.pi)
    exact = np.allclose(whole["volume_nm3"], counts[counts > 0] * volume)
    even = sum(counts) * volume / 3.618e6
    auc, dense, clear = patches(folder)
    return [
        f"Labels of Hydra (30 x 8 x 8 nm): {len(whole)} numbers in {len(pieces)} pieces, because the file keeps eight "
        "bits of a larger "
        f"number. Volumes are {'' if exact else 'not '}those of a plain count of voxels. Pieces of {CRUMB} voxels and "
        f"more: {len(real)}, "
        f"of mean volume {real['volume_nm3'].mean():.3g} nm3 and mean equal-volume diameter **{size.mean():.1f} nm** (standard "
        f"deviation {size.std():.0f}, standard error {size.std() / np.sqrt(len(size)):.1f}); published: 180.1 nm. A "
        "count of voxels "
        f"taken for an area would say {peer.mean():.1f} nm (published by that error: 368.7). The published mean volume "
        "of 3.618e6 nm3 "
        f"is that of {even:.1f} vesicles of this file, no whole number: the published figures cannot be had from it to "
        "the last digit.",
        "",
        f"Patches of the same volume, {dense} dense against {clear} clear vesicles (classes predicted by a network, not "
        "by hand; patches "
        f"without a mask left out): area under the curve by core darkness **{auc:.3f}**.",
    ]


def patches(folder: Path) -> tuple[float, int, int]:
    """Area under the curve of dense against clear by core darkness, and how many there are of each."""
    import h5py

    def read(name: str) -> NDArray[Any]:
        with h5py.File(folder / "7-13" / name) as file:
            return np.asarray(file["main"][:])

    pixels, masks, boxed = read("im.h5"), read("mask.h5") > 0, read("vesicle_big-bbs_7-13_30-8-8.h5")
    listed = (folder / "7-13_lv_label.txt").read_text().strip("()\n ").split("),(")
    kinds = dict(tuple(map(int, pair.split(":"))) for pair in listed)
    # The boxes of numbers that stand for several vesicles are centred on none: their masks are empty.
    rows = [k for k in range(len(pixels)) if masks[k].any()]
    kind = np.array([kinds[int(boxed[k, 0])] for k in rows])
    dark = np.array([darkness_in(pixels[k], masks[k]) for k in rows])
    dense, clear = dark[kind == 2], dark[kind == 1]
    above = (dense[:, None] > clear[None]).mean() + 0.5 * (dense[:, None] == clear[None]).mean()
    return float(above), len(dense), len(clear)
