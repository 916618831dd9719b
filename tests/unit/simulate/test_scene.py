"""The cell, the distractors and the imperfections of microscope and stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import bare_simulation
from scipy import ndimage

from exotrack.simulate import simulate
from exotrack.simulate.presets import Simulation
from exotrack.simulate.scenery import draw_scenery

RATES = {
    "endosome": "endosomes_per_um2",
    "blink": "blinks_per_um2_s",
    "static": "static_per_um2",
    "step": "steps_per_um2",
    "haze": "haze_per_um2",
    "visit": "visits_per_um2_s",
}


def with_only(kind: str, rate: float) -> Simulation:
    size = {"height_px": 96, "width_px": 96, "n_frames": 60}
    return bare_simulation(field=size, distractors={RATES[kind]: rate})


@pytest.mark.parametrize("cover", [0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_footprint_is_one_piece_without_holes_of_the_size_asked_for(cover: float, seed: int) -> None:
    sim = bare_simulation(cell={"cover": cover}, field={"height_px": 128, "width_px": 160})
    inside = draw_scenery(sim, np.random.default_rng(seed)).footprint > 0
    assert inside.mean() == pytest.approx(cover, abs=0.08)
    assert ndimage.label(inside)[1] == 1
    assert ndimage.binary_fill_holes(inside).sum() == inside.sum()


def test_the_background_is_that_of_the_cell_inside_and_of_the_glass_outside() -> None:
    sim = bare_simulation(cell={"cover": 0.4, "unevenness": 0.2}, field={"height_px": 200, "width_px": 200})
    scenery = draw_scenery(sim, np.random.default_rng(0))
    deep = ndimage.binary_erosion(scenery.footprint > 0, iterations=12)
    far = ndimage.binary_erosion(scenery.footprint == 0, iterations=12)
    assert scenery.background[deep].mean() == pytest.approx(sim.cell.inside_photons, rel=0.15)
    assert scenery.background[far].mean() == pytest.approx(sim.cell.outside_photons, rel=0.02)
    spread = scenery.background[deep].std() / scenery.background[deep].mean()
    assert 0.1 < spread < 0.3


@pytest.mark.parametrize("kind", RATES)
def test_each_distractor_comes_alone_and_makes_no_event(kind: str) -> None:
    truth = simulate(with_only(kind, 0.1), np.random.default_rng(3))
    assert set(truth.others["kind"]) == {kind}
    assert len(truth.events) == len(truth.spots) == 0
    bare = simulate(bare_simulation(field={"height_px": 96, "width_px": 96, "n_frames": 60}), np.random.default_rng(3))
    assert truth.movie.read(0, 60).mean() > bare.movie.read(0, 60).mean()


def test_a_blink_is_over_within_three_frames() -> None:
    blinks = simulate(with_only("blink", 0.05), np.random.default_rng(0)).others.groupby("other_id")["frame"]
    assert (blinks.max() - blinks.min()).max() <= 2


def test_a_step_goes_out_within_a_frame() -> None:
    steps = simulate(with_only("step", 0.2), np.random.default_rng(0)).others
    for _, one in steps.groupby("other_id"):
        levels = one["amplitude"].round(2).value_counts()
        assert (levels == 1).sum() <= 2  # one partial frame per unit that goes out
        assert one["amplitude"].is_monotonic_decreasing


def test_endosomes_move_further_than_granules() -> None:
    others = simulate(with_only("endosome", 0.1), np.random.default_rng(0)).others
    ends = others.groupby("other_id")[["y_um", "x_um"]].agg(["first", "last"])
    moved = np.hypot(*(ends[c]["last"] - ends[c]["first"] for c in ("y_um", "x_um")))
    assert moved.median() > 0.3
    assert others["sigma_um"].min() > 0.16


def test_lost_focus_widens_images_and_keeps_their_light() -> None:
    still: dict[str, Any] = {"kinetics": {"docked_per_um2": 0.05}, "vesicles": {"docked_um2_s": 0.0, "docked_sd_nm": 0.0}}
    truth = simulate(bare_simulation(**still, illumination={"defocus_um_s": 0.1}), np.random.default_rng(2))
    track = truth.tracks[truth.tracks["track_id"] == truth.tracks["track_id"].iloc[0]]
    assert track["sigma_um"].iloc[-1] > 1.3 * track["sigma_um"].iloc[0]
    light = track["amplitude"] * track["sigma_um"] ** 2
    assert np.ptp(light) < 0.02 * light.mean()


def test_flicker_is_common_to_the_whole_field() -> None:
    truth = simulate(bare_simulation(illumination={"flicker": 0.1}), np.random.default_rng(2))
    levels = truth.movie.read(0, 40).astype(float) - 100.0
    top, bottom = levels[:, :24].mean(axis=(1, 2)), levels[:, 24:].mean(axis=(1, 2))
    assert np.corrcoef(top, bottom)[0, 1] > 0.98
    assert top.std() / top.mean() == pytest.approx(0.1, rel=0.35)


def test_the_background_bleaches_to_its_floor() -> None:
    sim = bare_simulation(cell={"bleach_per_s": 3.0, "bleach_floor": 0.5})
    levels = simulate(sim, np.random.default_rng(0)).movie.read(0, 40).mean(axis=(1, 2)) - 100.0
    assert levels[-1] / levels[0] == pytest.approx(0.5, abs=0.02)


def test_synaptic_vesicles_sit_in_boutons_and_answer_the_stimulus() -> None:
    sim = bare_simulation(
        "synapse",
        field={"height_px": 128, "width_px": 128, "n_frames": 60},
        kinetics={"docked_per_um2": 0.36, "stimulus_s": (40.0,), "stimulated_per_s": 0.1, "kiss_fraction": 0.5},
    )
    events = simulate(sim, np.random.default_rng(1)).events
    fused = events[events["kind"].isin(["full_fusion", "kiss_and_run"])]
    assert len(fused) > 10
    assert fused["t_since_stimulus_s"].median() < 6.0
    assert (fused["t_s"] > 39.9).mean() > 0.9
    place = fused[["y_um", "x_um"]].to_numpy()
    apart = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1)) + 99 * np.eye(len(place))
    assert np.median(apart.min(axis=1)) < 0.5


def test_a_moving_edge_changes_the_light_at_the_edge_and_nothing_else() -> None:
    size = {"height_px": 128, "width_px": 128, "n_frames": 60}
    cell = {"cover": 0.4, "unevenness": 0.0}
    still, moving = (
        simulate(bare_simulation(field=size, cell=cell | {"edge_wave_um": wave, "edge_wave_s": 6.0}), np.random.default_rng(2))
        for wave in (0.0, 0.5)
    )
    pixel_um = still.params.field.pixel_um
    inside = still.footprint > 0
    rim_um = pixel_um * np.minimum(ndimage.distance_transform_edt(inside) + ndimage.distance_transform_edt(~inside), 1e9)
    change = np.array([moving.movie.frames.expected(k) - still.movie.frames.expected(k) for k in range(0, 60, 3)])
    seen = moving.params.cell.inside_photons - moving.params.cell.outside_photons
    assert np.abs(change[:, rim_um > 0.5 + 5 * moving.params.cell.edge_um]).max() < 0.01 * seen
    assert np.ptp(change, axis=0)[rim_um < 0.2].min() > 0.4 * seen
    assert np.abs(change[0] - change.mean(axis=0)).max() > 0.2 * seen  # it moves with time
    assert still.footprint.tolist() == moving.footprint.tolist()
