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
CRUMBS = (1, 5, 10, 20, 50, 100)
"""Voxels below which a piece of a label may be a slip of the brush."""
SCALES = (0.1, 0.15, 0.2, 0.3)
"""Sides of a pixel (nm) tried for the cryo-EM micrograph."""
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


def boxes(data: Path) -> list[str]:
    """Score on the cryo-EM micrograph whose vesicles were boxed by hand, at several scales because its own is not known."""
    folder = data / "cryoem_isolated_vesicles"
    if not folder.is_dir():
        return ["The cryo-EM micrograph is not beside the project."]
    listed = np.array(json.loads((folder / "mic12020_boxes.json").read_text())["boxes_xyxy"], float)
    kept = alone(listed)
    lines = [
        f"Isolated vesicles in ice (very low contrast), {len(kept)} boxes by hand; one more ({len(listed)} in all) is "
        "but the overlap "
        "of two, and left out. Parameters are the defaults but for the limits of the diameter, which are those of the "
        "boxes that no "
        "border cuts, a fifth wider. The file does not say its scale. At 0.15 nm a pixel the leaflets of a bilayer, "
        f"{LEAFLETS_PX:g} pixels apart by eye in one vesicle, are {LEAFLETS_NM:g} nm apart.",
        "",
        "No number was fitted on this image, but it was looked at while the search was made: that vesicles in ice "
        "belong among the "
        "micrographs from which the score is fitted, that rings are looked for as if sections were thin, which of "
        "several fits of "
        "the score was kept, the scale, and which boxes set the limits, were all settled with its score in view. The score is "
        "therefore no test on an unseen image.",
        "",
        "| nm a pixel | boxes | found | boxed | precision | recall | F1 | diameter over box |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return [*lines, *(_boxed(folder, kept, given) for given in SCALES), ""]


def _boxed(folder: Path, kept: NDArray[np.float64], given: float) -> str:
    """A line of the table at one scale."""
    from PIL import Image
    from scipy.optimize import linear_sum_assignment

    pixels = np.asarray(Image.open(folder / "mic12020_raw.png").convert("L"))
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
    return (
        f"| {given:g} | {len(true)} | {len(found)} | {hits} | {hits / max(len(found), 1):.2f} | {hits / len(true):.2f} | "
        f"**{f1:.2f}** | {100 * (size.mean() - 1):+.0f} % |"
    )


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
    exact = np.allclose(whole["volume_nm3"], counts[counts > 0] * volume)
    lines = [
        f"Labels of Hydra (30 x 8 x 8 nm): {len(whole)} numbers in {len(pieces)} pieces. The boxes of most numbers span "
        "many vesicles, "
        f"as they do where a file keeps eight bits of a larger number. Volumes are {'' if exact else 'not '}those of a "
        "plain count of "
        "voxels. Published are a mean diameter of 180.1 nm, a mean volume of 3.618e6 nm3 and, from a count of voxels "
        "taken for an "
        "area, 368.7 nm. How near the pieces come depends on the size below which one is a slip of the brush, which "
        "nothing in the "
        "file says:",
        "",
        "| pieces of at least | number | mean volume (nm3) | mean diameter (nm) | by voxels taken for an area (nm) |",
        "|---|---|---|---|---|",
    ]
    for least in CRUMBS:
        kept = pieces[voxels >= least]
        area = 2 * np.sqrt(voxels[voxels >= least] * VOXEL_NM[1] * VOXEL_NM[2] / np.pi)
        lines.append(
            f"| {least} voxels | {len(kept)} | {kept['volume_nm3'].mean():.3g} | {kept['diameter_nm'].mean():.1f} | "
            f"{area.mean():.1f} |"
        )
    return [
        *lines,
        "",
        f"No row gives all three. If every labelled voxel belongs to a vesicle, the published mean volume is that of "
        f"{sum(counts) * volume / 3.618e6:.1f} of them, no whole number: the published figures were then not made from "
        "this file as it "
        "is. The sizes agree with them within a few per cent; they do not confirm them.",
        "",
        *patches(folder),
    ]


def patches(folder: Path) -> list[str]:
    """How well the darkness of the core tells the classes of the patches apart."""
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

    def above(one: int, other: int) -> float:
        high, low = dark[kind == one][:, None], dark[kind == other][None]
        return float((high > low).mean() + 0.5 * (high == low).mean())

    clear, dense, halo = (int((kind == number).sum()) for number in (1, 2, 3))
    return [
        f"Patches of the same volume: of {len(pixels)}, {len(pixels) - len(rows)} have an empty mask and are left out; "
        "classes are a "
        f"network's predictions. Area under the curve by core darkness: {dense} dense against {clear} clear "
        f"**{above(2, 1):.3f}**, "
        f"{dense} dense against {halo} with a halo {above(2, 3):.3f}, {halo} with a halo against {clear} clear "
        f"{above(3, 1):.3f}. "
        f"With {dense} dense ones the first is not known better than to some hundredths.",
    ]
