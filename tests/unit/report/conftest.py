"""A small cell whose tables are written down, not analysed, so that the page is tested apart from the stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from exotrack import tables as contract
from exotrack.movie import Movie
from exotrack.physics import pixel_gaussian, spread_sigma_um

PIXEL_UM, FRAME_S, SIDE = 0.1, 0.1, 160


@dataclass
class Scene:
    """What `write_report` takes."""

    movie: Movie
    tables: dict[str, Any]
    footprint: np.ndarray


def build_scene(
    n_fusions: int = 6, n_frames: int = 120, seed: int = 1, movie_id: str = "cell 7", side: int = SIDE, n_docked: int = 40
) -> Scene:
    """Fusions at known places and times in a round cell; every other one is a kiss-and-run. Frame 5 is black."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:side, :side]
    footprint = ((yy - side / 2) ** 2 + (xx - side / 2) ** 2 < (0.42 * side) ** 2).astype(np.int32)
    light = 100 + 60 * footprint[None] * np.exp(-np.arange(n_frames) / (2.0 * n_frames))[:, None, None]
    events, fits, traces = [], [], []
    for number in range(1, n_fusions + 1):
        angle, reach = rng.uniform(0, 2 * np.pi), 0.4 * side * np.sqrt(rng.uniform())
        y, x = side / 2 + reach * np.sin(angle), side / 2 + reach * np.cos(angle)
        frame, kind = int(rng.integers(12, n_frames - 10)), ("full_fusion", "kiss_and_run")[number % 2]
        event, fit, trace = _fusion(number, kind, frame, y, x, n_frames, light, rng)
        events.append(event)
        fits += fit
        traces += trace
    pixels = rng.poisson(light).astype(np.uint16)
    pixels[5] = 0
    tables = {
        "frames": _frames(pixels, movie_id),
        "events": contract.Events.build(_rows([*events, *_dockings(rng, n_docked, n_frames, side, n_fusions)], movie_id)),
        "fits": contract.Fits.build(_columns(fits)),
        "traces": contract.Traces.build(_columns(traces)),
        "episodes": _episodes(rng, n_docked, movie_id),
        "candidates": _candidates(rng, events, n_frames, side),
        "cells": contract.Cells.build(
            {
                "movie_id": [movie_id], "cell_id": [1], "area_um2": [footprint.sum() * PIXEL_UM**2],
                "observed_s": [n_frames * FRAME_S], "n_tethering": [0], "n_docking": [n_docked], "n_undocking": [0],
                "n_full_fusion": [n_fusions // 2], "n_kiss_and_run": [n_fusions - n_fusions // 2],
                "footprint": ["estimated"],
            }
        ),
    }  # fmt: skip
    movie = Movie.from_array(pixels, pixel_um=PIXEL_UM, frame_s=FRAME_S, movie_id=movie_id, notes=("made by hand",))
    return Scene(movie, tables, footprint)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in (rows[0] if rows else {})}


def _rows(rows: list[dict[str, Any]], movie_id: str) -> dict[str, list[Any]]:
    keys = {key: None for row in rows for key in row}
    whole = {key: [row.get(key, np.nan) for row in rows] for key in keys}
    return {**whole, "movie_id": [movie_id] * len(rows), "edited": [False] * len(rows)}


def _fusion(number, kind, frame, y, x, n_frames, light, rng):
    full = kind == "full_fusion"
    diffusion, decay_s, peak = (0.05, 1.5, 900.0) if full else (0.0, 0.6, 600.0)
    fits, traces = [], []
    for now in range(max(frame - 8, 0), min(frame + 30, n_frames)):
        since = (now - frame) * FRAME_S
        total = 1500.0 if since < 0 else (1500.0 + peak * 3) * np.exp(-since / decay_s) + (0 if full else 700)
        sigma = float(spread_sigma_um(0.13, diffusion, since))
        light[now] += total * pixel_gaussian(light.shape[1:], y, x, sigma / PIXEL_UM)
        shared = {"frame": now, "t_s": now * FRAME_S, "intensity": total + rng.normal(0, 120), "intensity_sd": 120.0}
        fit = {"intensity_model": total, "sigma_um": sigma + rng.normal(0, 0.01), "sigma_model_um": sigma}
        fits.append({"event_id": number, **shared, **fit})
        traces.append({"track_id": number, **shared, "observed": True, "status": "ok"})
    sure = float(rng.uniform(0.6, 0.99))
    event = {
        "event_id": number, "cell_id": 1, "track_id": number, "kind": kind, "frame": frame, "t_s": frame * FRAME_S,
        "y_um": y * PIXEL_UM, "x_um": x * PIXEL_UM, "p_full_fusion": sure if full else (1 - sure) / 2,
        "p_kiss_and_run": (1 - sure) / 2 if full else sure, "p_other": (1 - sure) / 2, "confident": sure > 0.9,
        "amplitude": peak, "dff": peak / 60, "rise_s": FRAME_S, "decay_s": decay_s, "decay_sd_s": 0.07,
        "diffusion_um2_s": diffusion or np.nan, "diffusion_sd_um2_s": 0.008, "fraction_released": 1.0 if full else 0.53,
        "fraction_released_sd": 0.06, "docked_s": 3.2, "docked_entry_observed": bool(number % 3),
    }  # fmt: skip
    return event, fits, traces


def _dockings(rng, n, n_frames, side, after):
    kinds = ("docking", "undocking", "tethering")
    frames = rng.integers(0, n_frames, n)
    places = (0.5 + rng.uniform(-0.27, 0.27, (n, 2))) * side * PIXEL_UM
    return [
        {
            "event_id": after + 1 + k, "cell_id": 1, "track_id": 1000 + k, "kind": kinds[k % 3], "frame": int(frames[k]),
            "t_s": frames[k] * FRAME_S, "y_um": places[k, 0], "x_um": places[k, 1], "confident": False,
        }
        for k in range(n)
    ]  # fmt: skip


def _frames(pixels, movie_id):
    n = len(pixels)
    status = np.where(np.arange(n) == 5, "black", "ok")
    return contract.Frames.build(
        {
            "movie_id": [movie_id] * n, "frame": np.arange(n), "t_s": np.arange(n) * FRAME_S, "status": status,
            "mean": pixels.mean(axis=(1, 2)), "saturated_fraction": np.zeros(n),
        }
    )  # fmt: skip


def _episodes(rng, n, movie_id):
    times = rng.exponential(4.0, n)
    seen = rng.uniform(size=n) < 0.7
    ends = np.where(seen, rng.choice(["undocking", "full_fusion", "kiss_and_run"], n), rng.choice(["lost", "censored"], n))
    return contract.Episodes.build(
        {
            "episode_id": np.arange(1, n + 1), "movie_id": [movie_id] * n, "state": ["docked"] * n, "first_frame": [0] * n,
            "last_frame": [1] * n, "duration_s": times, "n_frames": [2] * n, "entry_observed": rng.uniform(size=n) < 0.75,
            "exit_observed": seen, "exit_kind": ends,
        }
    )  # fmt: skip


def _candidates(rng, events, n_frames, side):
    words = ("no_release", "moving", "too_dim|no_release", "bleaching_step", "edge_of_lost_frames|moving")
    rows = [
        {key: event[key] for key in ("track_id", "frame", "y_um", "x_um", "p_full_fusion", "p_kiss_and_run", "p_other")}
        | {"called": event["kind"], "reasons": ""}
        for event in events
    ]
    for _ in range(80 if events else 0):
        p = 0.5 * rng.uniform() ** 4
        y, x = (0.5 + rng.uniform(-0.3, 0.3, 2)) * side * PIXEL_UM
        rows.append(
            {
                "track_id": None, "frame": int(rng.integers(0, n_frames)), "y_um": y, "x_um": x, "p_full_fusion": 0.7 * p,
                "p_kiss_and_run": 0.3 * p, "p_other": 1 - p, "called": "", "reasons": str(rng.choice(words)),
            }
        )  # fmt: skip
    return contract.Candidates.build({"candidate_id": np.arange(1, len(rows) + 1), **_columns(rows)})


@pytest.fixture(scope="session")
def scene() -> Scene:
    return build_scene()


@pytest.fixture(scope="session")
def make_scene():
    return build_scene
