"""The tables hold what the design promises, and say so when given something else."""

from __future__ import annotations

import pandas as pd
import pytest

from exotrack import tables
from exotrack.errors import InputError
from exotrack.tables import EVERY, Candidates, Column, Episodes, Events, Spots, Table, Tracks

PROMISED = {
    "spots": "movie_id frame t_s y_um x_um sigma_um amplitude background snr y_sd_um x_sd_um",
    "tracks": "movie_id frame t_s y_um x_um sigma_um amplitude background snr y_sd_um x_sd_um track_id",
    "traces": "track_id frame t_s y_um x_um amplitude background sigma_um intensity observed",
    "episodes": "episode_id movie_id cell_id track_id state first_frame last_frame t_first_s duration_s n_frames entry_observed "
    "exit_observed exit_kind diffusion_um2_s height_nm",
    "events": "event_id movie_id cell_id track_id kind frame t_s y_um x_um p_full_fusion p_kiss_and_run p_other confident "
    "amplitude dff rise_s decay_s decay_sd_s diffusion_um2_s diffusion_sd_um2_s fraction_released fraction_released_sd docked_s "
    "docked_entry_observed t_since_stimulus_s edited",
    "candidates": "candidate_id track_id frame y_um x_um called reasons",
    "cells": "movie_id cell_id area_um2 observed_s n_tethering n_docking n_undocking n_full_fusion n_kiss_and_run",
    "vesicles": "image_id vesicle_id backend score z_nm y_nm x_nm diameter_nm diameter_kind dist_pm_surface_nm dist_pm_centre_nm "
    "nn_dist_nm core_darkness occupancy occupancy_sd filling state rule_id touches_border",
}
"""Columns that people outside build on: more may come, none may go or change its name."""

CLOSED = {
    ("episodes", "state"): ("mobile", "tethered", "docked"),
    ("episodes", "exit_kind"): ("undocking", "full_fusion", "kiss_and_run", "lost", "censored"),
    ("vesicles", "filling"): ("full", "partial", "empty", "unresolved"),
    ("vesicles", "state"): ("docked", "tethered", "proximal", "reserve", "fusing"),
    ("events", "kind"): ("tethering", "docking", "undocking", "full_fusion", "kiss_and_run"),
}

by_name = {table.name: table for table in EVERY}
every = pytest.mark.parametrize("table", EVERY, ids=lambda table: table.name)


@pytest.mark.parametrize("name", PROMISED)
def test_the_promised_columns_are_there(name: str) -> None:
    assert [key for key in PROMISED[name].split() if key not in by_name[name].columns()] == []


@pytest.mark.parametrize(("name", "column"), CLOSED)
def test_closed_sets_are_closed(name: str, column: str) -> None:
    assert by_name[name].columns()[column].choices == CLOSED[name, column]


@every
def test_an_empty_table_has_every_column_with_its_dtype(table: type[Table]) -> None:
    empty = table.empty()
    assert len(empty) == 0
    assert {key: str(dtype) for key, dtype in empty.dtypes.items()} == {key: c.dtype for key, c in table.columns().items()}
    assert table.check(empty) is empty


@every
def test_every_column_says_what_it_is_and_names_carry_their_units(table: type[Table]) -> None:
    for key, column in table.columns().items():
        assert column.about.endswith((".", ")")) or column.about[-1].isalnum(), key
        assert len(column.about) > 8, key
        unit = key.removesuffix("_sd").rpartition("_")[2]
        if key.endswith("um2_s"):
            assert column.unit == "um^2/s", key
        elif key.startswith("per_"):
            assert column.unit == {"um": "1/um", "um2": "1/um^2"}[unit], key
        elif unit in ("um", "um2", "nm", "s"):
            assert column.unit == {"um": "um", "um2": "um^2", "nm": "nm", "s": "s"}[unit], key
        assert (column.dtype == "float64") >= bool(column.unit not in ("", "frame")), key


@every
def test_a_table_says_what_a_row_is(table: type[Table]) -> None:
    assert table.__doc__
    assert table.__doc__.strip().endswith(".")


def test_a_subclass_keeps_the_columns_of_its_base_first() -> None:
    assert list(Tracks.columns())[: len(Spots.columns())] == list(Spots.columns())
    assert list(Tracks.columns())[-2:] == ["track_id", "observed"]


def test_building_casts_orders_repeats_and_keeps_what_is_extra() -> None:
    built = Spots.build({"mine": [7, 8], "x_um": [1, 2], "frame": [0.0, 1.0], "movie_id": "cell"})
    assert list(built) == [*Spots.columns(), "mine"]
    assert built["frame"].tolist() == [0, 1]
    assert str(built["x_um"].dtype) == "float64"
    assert built["movie_id"].tolist() == ["cell", "cell"]
    assert built["snr"].isna().all()


def test_undefined_is_missing_never_zero() -> None:
    row = {"event_id": [1], "movie_id": ["cell"], "kind": ["docking"], "frame": [3], "confident": [True], "edited": [False]}
    event = Events.build(row).iloc[0]
    assert pd.isna(event["cell_id"])
    assert pd.isna(event["p_full_fusion"])
    assert pd.isna(event["docked_entry_observed"])


WRONG = {
    "absent": (lambda good: good.drop(columns="kind"), "table events: column kind is missing; found event_id, movie_id"),
    "dtype": (lambda good: good.assign(frame=1.5), "table events: column frame is float64, expected int64"),
    "choice": (lambda good: good.assign(kind="fusion"), "table events: kind holds 'fusion', allowed are tethering, docking"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_breaks_the_contract_is_named(fault: str) -> None:
    good = Events.build(
        {"event_id": [1], "movie_id": ["cell"], "kind": ["docking"], "frame": [3], "confident": [True], "edited": [False]}
    )
    spoil, message = WRONG[fault]
    with pytest.raises(InputError) as caught:
        Events.check(spoil(good))
    assert str(caught.value).startswith(message)


def test_a_whole_number_without_values_cannot_be_made_up() -> None:
    with pytest.raises(InputError, match=r"^table spots: column frame \(int64\) is missing$"):
        Spots.build({"movie_id": ["cell"]})


def test_a_candidate_that_was_not_called_has_an_empty_kind() -> None:
    rows = {"candidate_id": [1, 2], "frame": [0, 1], "called": ["", "full_fusion"], "reasons": ["no_change|at_end", ""]}
    assert len(Candidates.check(Candidates.build(rows))) == 2


def test_the_dictionary_holds_every_column_once() -> None:
    listed = [(table, key) for table, key, column in tables.dictionary() if isinstance(column, Column)]
    assert len(listed) == len(set(listed)) == sum(len(table.columns()) for table in EVERY)
    assert ("episodes", "exit_kind") in listed
    assert Episodes.name == "episodes"
