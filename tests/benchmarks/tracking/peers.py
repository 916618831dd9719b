"""Every call to another tool: detectors with one threshold each, and linkers. A tool that is not installed says so."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from .matching import compare
from .movies import OFFSET, PIXEL_UM, READ_E, Array, Made

PACKAGES = {
    "trackpy": "trackpy", "laptrack": "laptrack", "scikit-image": "skimage", "opencv-python-headless": "cv2",
    "picassosr": "picasso",
}  # fmt: skip
"""Name on the package index to the module."""
TRACKPY = "trackpy.locate (diameter 7, separation 3)"
"""Of the diameters 5, 7, 9 and separations 3 to 8 the best on movies A and B and on dense ones."""
TRACKPY_PLAIN = "trackpy.locate (diameter 7)"
"""The faster one, to which speeds are compared."""


def installed(package: str) -> bool:
    """Whether a peer is there."""
    return find_spec(PACKAGES[package]) is not None


@dataclass(frozen=True)
class Detector:
    """`find(image, threshold)` gives y, x (pixels) and score (n, 3); `scored` if the scores are what the threshold cuts."""

    name: str
    package: str
    find: Callable[[Array, float], Array]
    scored: bool = True


def detectors(sigma_px: float, offset: float = OFFSET, read: float = READ_E) -> list[Detector]:
    """Those that compete; the spot's width, and where asked for the camera, are given to them."""
    dog = partial(cv_dog, sigma_px)
    return [
        Detector(TRACKPY, "trackpy", partial(trackpy_locate, 3)),
        Detector(TRACKPY_PLAIN, "trackpy", partial(trackpy_locate, None)),
        Detector("scikit-image blob_log", "scikit-image", partial(blob, "log", sigma_px), scored=False),
        Detector("scikit-image blob_dog", "scikit-image", partial(blob, "dog", sigma_px), scored=False),
        Detector("OpenCV DoG(1, 1.6)", "opencv-python-headless", partial(dog, 1.6)),
        Detector("OpenCV DoG(1, 4)", "opencv-python-headless", partial(dog, 4.0)),
        Detector("OpenCV matched filter", "opencv-python-headless", partial(cv_matched, sigma_px, offset, read)),
    ]


def trackpy_locate(separation: int | None, image: Array, threshold: float) -> Array:
    """Crocker and Grier's centroid in numba; the threshold is trackpy's minmass."""
    import trackpy

    trackpy.quiet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = trackpy.locate(image, 7, minmass=threshold, separation=separation, engine="numba")
    return found[["y", "x", "mass"]].to_numpy(float).reshape(-1, 3)


def blob(kind: str, sigma_px: float, image: Array, threshold: float) -> Array:
    """Whole-pixel blobs of one width (log), of 1 to 2 pixels (dog); they have no score."""
    from skimage import feature

    pixels = image.astype(np.float32)
    if kind == "log":
        found = feature.blob_log(pixels, min_sigma=sigma_px, max_sigma=sigma_px, num_sigma=1, threshold=threshold)
    else:
        found = feature.blob_dog(pixels, min_sigma=1, max_sigma=2, threshold=threshold)
    return np.column_stack([found[:, :2], np.full(len(found), np.inf)])


def cv_dog(sigma_px: float, ratio: float, image: Array, threshold: float) -> Array:
    """Difference of two Gaussians, local maxima, vertex of a parabola."""
    import cv2

    pixels = image.astype(np.float32)
    narrow = cv2.GaussianBlur(pixels, (0, 0), sigma_px)
    return maxima(narrow - cv2.GaussianBlur(pixels, (0, 0), ratio * sigma_px), threshold)


def cv_matched(sigma_px: float, offset: float, read: float, image: Array, threshold: float) -> Array:
    """Least-squares height of a Gaussian on a level background in 9 x 9 pixels, over the noise of that background."""
    import cv2

    pixels = image.astype(np.float32)
    line = cv2.getGaussianKernel(9, sigma_px) / cv2.getGaussianKernel(9, sigma_px).max()
    spot = line @ line.T
    mean, n = spot.mean(), spot.size
    box = cv2.boxFilter(pixels, -1, (9, 9), normalize=False)
    height = (cv2.sepFilter2D(pixels, -1, line, line) - mean * box) / ((spot - mean) ** 2).sum()
    ground = (box - height * spot.sum()) / n
    return maxima(height / np.sqrt(np.maximum(ground - offset + read**2, 1.0)), threshold)


def maxima(response: Array, threshold: float) -> Array:
    """Highest of their 3 x 3 pixels and above the threshold, off the rim: y, x to a part of a pixel, and the response."""
    import cv2

    top = (response >= cv2.dilate(response, np.ones((3, 3), np.uint8))) & (response > threshold)
    top[[0, -1]] = top[:, [0, -1]] = False
    y, x = np.nonzero(top)
    middle = response[y, x].astype(float)
    shift = []
    for before, after in ((response[y - 1, x], response[y + 1, x]), (response[y, x - 1], response[y, x + 1])):
        bend = 2 * middle - before - after
        shift.append(np.where(bend > 0, 0.5 * (after - before) / np.where(bend > 0, bend, 1.0), 0.0).clip(-0.5, 0.5))
    return np.column_stack([y + shift[0], x + shift[1], middle])


def located(peer: Detector, pixels: Array, threshold: float) -> Array:
    """Frame, y, x and score of every spot of a movie (n, 4)."""
    parts = [peer.find(image, threshold) for image in pixels]
    frame = np.repeat(np.arange(len(parts)), [len(part) for part in parts]).astype(float)
    return np.column_stack([frame, np.concatenate(parts)])


def tuned(peer: Detector, made: Made) -> float:
    """The threshold with the best F1 against the truth of `made`, whose frames are not those that are reported.

    A coarse search from high to low, which ends where F1 has fallen by 0.15, then a fine one about the best.
    """
    size, known = made.pixels.shape[1], dict[float, float]()
    many = located(peer, made.pixels, 0.0) if peer.scored else None
    ladder = _ladder(made, many)
    for threshold in ladder:
        found = many[many[:, 3] > threshold] if many is not None else located(peer, made.pixels, threshold)
        known[threshold] = compare(made.spots, found, size).f1
        if known[threshold] < max(known.values()) - 0.15:
            break
    best = ladder.index(max(known, key=lambda key: known[key]))
    ends = ladder[max(best - 1, 0)], ladder[min(best + 1, len(ladder) - 1)]
    for threshold in np.linspace(*ends, 14 if peer.scored else 8)[1:-1]:
        found = many[many[:, 3] > threshold] if many is not None else located(peer, made.pixels, float(threshold))
        known[float(threshold)] = compare(made.spots, found, size).f1
    return max(known, key=lambda key: known[key])


def _ladder(made: Made, many: Array | None) -> list[float]:
    """Thresholds from high to low: at ranks of the scores, or in equal ratios."""
    if many is None:
        high = max(float(image.max()) - float(np.median(image)) for image in made.pixels)
        return [float(v) for v in np.geomspace(0.8 * high, 0.02 * high, 28)]
    scores = np.sort(many[:, 3])[::-1]
    if len(scores) == 0:
        return [0.0]
    ranks = np.unique((len(made.spots) * np.geomspace(0.2, 2.0, 30)).astype(int).clip(0, len(scores) - 1))
    return [float(scores[rank]) for rank in ranks]


def trackpy_link(spots: pd.DataFrame, step_px: float, gap: int, least: int) -> pd.DataFrame:
    """trackpy.linking.link_iter with memory (the way without pandas), short tracks dropped; `spots` are in order of frame."""
    import trackpy
    from trackpy.linking import link_iter

    trackpy.quiet()
    places = [(t, one) for t, one in _by_frame(spots)]
    owner = np.concatenate([ids for _, ids in link_iter(iter(places), search_range=step_px, memory=gap)])
    return _long(spots.assign(track_id=owner), least)


def laptrack_link(spots: pd.DataFrame, step_px: float, gap: int, least: int, *, arrays: bool) -> pd.DataFrame:
    """laptrack with gap closing, by its data frames or by its faster way over arrays."""
    from laptrack import LapTrack

    cutoff = float(step_px**2)
    tracker = LapTrack(cutoff=cutoff, gap_closing_cutoff=cutoff, gap_closing_max_frame_count=gap)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not arrays:
            table = pd.DataFrame({"frame": spots["frame"], "y": spots["y_um"] / PIXEL_UM, "x": spots["x_um"] / PIXEL_UM})
            linked, *_ = tracker.predict_dataframe(table, ["y", "x"], only_coordinate_cols=False)
            places = linked[["y", "x"]].to_numpy(float) * PIXEL_UM
            frame = linked["frame"].to_numpy() if "frame" in linked else linked.index.get_level_values("frame").to_numpy()
            found = pd.DataFrame({"movie_id": "m", "frame": frame, "y_um": places[:, 0], "x_um": places[:, 1]})
            return _long(found.assign(track_id=linked["track_id"].to_numpy().astype(int)), least)
        import networkx

        graph = tracker.predict([one for _, one in _by_frame(spots)])
    owner = np.empty(len(spots), int)
    starts = np.searchsorted(spots["frame"].to_numpy(), np.arange(int(spots["frame"].max()) + 2))
    for number, part in enumerate(networkx.connected_components(graph.to_undirected())):
        owner[[starts[t] + index for t, index in part]] = number
    return _long(spots.assign(track_id=owner), least)


def _by_frame(spots: pd.DataFrame) -> list[tuple[int, Array]]:
    """Every frame from 0 with its places (n, 2) in pixels, empty ones too."""
    frame, places = spots["frame"].to_numpy(), spots[["y_um", "x_um"]].to_numpy(float) / PIXEL_UM
    edges = np.searchsorted(frame, np.arange(int(frame.max()) + 2))
    return [(t, places[edges[t] : edges[t + 1]]) for t in range(len(edges) - 1)]


def _long(tracks: pd.DataFrame, least: int) -> pd.DataFrame:
    return tracks[tracks.groupby("track_id")["frame"].transform("size") >= least]


def table(found: Array) -> pd.DataFrame:
    """Frame, y, x (pixels) as the columns that linkers and scores need, in order of frame."""
    ordered = found[np.argsort(found[:, 0], kind="stable")]
    places: dict[str, Any] = {"y_um": ordered[:, 1] * PIXEL_UM, "x_um": ordered[:, 2] * PIXEL_UM}
    return pd.DataFrame({"movie_id": "m", "frame": ordered[:, 0].astype(int), **places})
