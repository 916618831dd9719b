"""Results folders: what is written comes back, in every form it is written in."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import frictionless
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pyarrow import parquet

from exotrack import __version__, params, tables
from exotrack.errors import InputError, OutputError, TryAgainError
from exotrack.io.results import FILES, PIECE, read_results, read_table, write_results, write_table

AWKWARD = 0.1 + 0.2


def some_tables(movie_id: str = 'cell, "one" µ') -> dict[str, pd.DataFrame]:
    """Every table; events and candidates hold rows with what is awkward: missing values, quotes, commas, tiny numbers."""
    frames = {table.name: table.empty() for table in tables.ALL}
    frames["events"] = tables.Events.build(
        {
            "event_id": [1, 2],
            "movie_id": movie_id,
            "cell_id": [1, pd.NA],
            "track_id": [7, pd.NA],
            "kind": ["full_fusion", "docking"],
            "frame": [3, 9],
            "t_s": [AWKWARD, 1e-17],
            "y_um": [-1.5, np.nan],
            "confident": [True, False],
            "docked_entry_observed": [True, pd.NA],
            "edited": False,
        }
    )
    frames["candidates"] = tables.Candidates.build(
        {"candidate_id": [1], "frame": [3], "called": "", "reasons": "too_dim|moving", "log_rise": [np.pi]}
    )
    return frames


def write(folder: Path, movie_id: str = 'cell, "one" µ') -> Path:
    return write_results(
        folder,
        some_tables(movie_id),
        params.preset("synapse"),
        {"movie_id": movie_id, "started": "2026-01-01T00:00:00+00:00"},
    )


def test_everything_comes_back(tmp_path: Path) -> None:
    back = read_results(write(tmp_path / "movie"))
    for name, frame in some_tables().items():
        assert_frame_equal(frame, back.tables[name])
    assert back.params == params.preset("synapse")
    assert back.provenance["movie_id"] == 'cell, "one" µ'


def test_the_folder_holds_what_the_design_names(tmp_path: Path) -> None:
    names = {file.name for file in write(tmp_path / "movie").iterdir()}
    twins = {f"{table.name}.{suffix}" for table in tables.ALL for suffix in ("parquet", "csv")}
    assert names == twins | {"params.toml", "provenance.json", "datapackage.json", "ro-crate-metadata.json"} == {*FILES}


@pytest.mark.parametrize("name", [table.name for table in tables.ALL])
def test_the_csv_twin_holds_the_same_numbers(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "movie")
    table = next(table for table in tables.ALL if table.name == name)
    assert_frame_equal(read_table(folder / f"{name}.csv", table), some_tables()[name])


def test_csv_cells_are_plain(tmp_path: Path) -> None:
    text = (write(tmp_path / "movie") / "events.csv").read_bytes().decode("utf-8")
    first, second = csv.DictReader(text.splitlines())
    assert (first["t_s"], second["t_s"]) == (repr(AWKWARD), "1e-17")
    assert (first["y_um"], second["y_um"]) == ("-1.5", "")
    assert (second["cell_id"], second["docked_entry_observed"], first["confident"]) == ("", "", "true")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_a_spreadsheet_has_nothing_to_execute(tmp_path: Path, start: str) -> None:
    movie_id = f"{start}cmd|' /C calc'!A0"
    folder = write(tmp_path / "movie", movie_id)
    with (folder / "events.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["movie_id"] == "'" + movie_id
    assert rows[0]["y_um"] == "-1.5"  # a negative number is no formula
    assert read_results(folder).tables["events"]["movie_id"][0] == movie_id
    assert read_table(folder / "events.csv", tables.Events)["movie_id"][0] == movie_id


@pytest.mark.parametrize("n", [PIECE, 2 * PIECE + 1])
def test_a_table_longer_than_a_piece_comes_back(tmp_path: Path, n: int) -> None:
    status = np.where(np.arange(n) < PIECE, "ok", "black")
    frame = np.arange(n)
    table = tables.Frames.build({"movie_id": "=m", "frame": frame, "t_s": 0.1 * frame, "status": status, "mean": np.nan})
    for path in (tmp_path / "frames.parquet", tmp_path / "frames.csv"):
        write_table(table, tables.Frames, path)
    assert_frame_equal(read_table(tmp_path / "frames.parquet", tables.Frames), table)
    text = (tmp_path / "frames.csv").read_text(encoding="utf-8").splitlines()
    assert len(text) == n + 1
    assert text[-1].startswith('"\'=m",')


def test_units_and_meanings_travel_in_the_parquet_fields(tmp_path: Path) -> None:
    folder = write(tmp_path / "movie")
    for table in tables.ALL:
        schema = parquet.read_schema(folder / f"{table.name}.parquet")
        for name, column in table.columns().items():
            metadata = schema.field(name).metadata
            assert (metadata[b"unit"].decode(), metadata[b"description"].decode()) == (column.unit, column.about)
        assert schema.metadata[b"exotrack_table"].decode() == table.name
        assert schema.metadata[b"exotrack_version"].decode() == __version__
        assert schema.metadata[b"description"]


def test_pandas_reads_the_parquet_with_its_dtypes(tmp_path: Path) -> None:
    assert_frame_equal(pd.read_parquet(write(tmp_path / "movie") / "events.parquet"), some_tables()["events"])


@pytest.mark.parametrize("movie_id", ['cell, "one" µ', "=1+1", "-", "line\nbreak"])
def test_a_frictionless_validator_finds_no_fault(tmp_path: Path, movie_id: str) -> None:
    folder = write(tmp_path / "movie", movie_id)
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.valid, report.flatten(["title", "message"])
    assert len(report.tasks) == len(tables.ALL)


def test_a_frictionless_validator_finds_a_forbidden_kind(tmp_path: Path) -> None:
    folder = write(tmp_path / "movie")
    text = (folder / "events.csv").read_text().replace('"docking"', '"parking"')
    (folder / "events.csv").write_text(text)
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert "constraint-error" in {kind for (kind,) in report.flatten(["type"])}


def test_the_dictionary_describes_every_column(tmp_path: Path) -> None:
    every = {table.name: table.empty() for table in tables.EVERY} | some_tables()
    folder = write_results(tmp_path / "movie", every, params.preset("granule"), {"movie_id": "cell"})
    package = json.loads((folder / "datapackage.json").read_text())
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    fields = {r["name"]: {f["name"]: f for f in r["schema"]["fields"]} for r in package["resources"]}
    for name, key, column in tables.dictionary():
        field = fields[name][key]
        assert field["description"] == column.about
        assert field.get("unit", "") == column.unit
        assert tuple(field.get("constraints", {}).get("enum", ())) == column.choices
    assert fields["candidates"]["log_rise"]["type"] == "number"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "events.parquet").unlink(), r"events\.parquet: table events is missing"),
        (lambda f: (f / "events.parquet").write_bytes(b"PAR1 nonsense"), r"events\.parquet: cannot be read as table events"),
        (lambda f: (f / "spots.parquet").replace(f / "events.parquet"), r"spots\.parquet: table spots is missing"),
        (lambda f: shutil.copy(f / "spots.parquet", f / "events.parquet"), r"table events: column event_id is missing"),
        (lambda f: (f / "provenance.json").unlink(), r"provenance\.json: cannot be read"),
        (lambda f: (f / "provenance.json").write_text("{"), r"provenance\.json: is not JSON"),
        (lambda f: (f / "provenance.json").write_text("[]"), r"provenance\.json: holds no provenance"),
    ],
)  # fmt: skip
def test_a_damaged_folder_is_named(tmp_path: Path, spoil: object, message: str) -> None:
    folder = write(tmp_path / "movie")
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        read_results(folder)


def test_a_tampered_kind_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "movie")
    events = some_tables()["events"].assign(kind=["full_fusion", "parking"]).astype({"kind": "str"})
    write_table(events, tables.Events, folder / "events.parquet")
    with pytest.raises(InputError, match=r"events\.parquet: table events: kind holds 'parking', allowed are tethering"):
        read_results(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such results folder"):
        read_results(tmp_path / "nowhere")


def test_a_table_out_of_contract_is_not_written(tmp_path: Path) -> None:
    frames = some_tables() | {"spots": tables.Spots.empty().drop(columns="snr")}
    with pytest.raises(InputError, match="table spots: column snr is missing"):
        write_results(tmp_path / "movie", frames, params.preset("granule"), {})
    assert list(tmp_path.iterdir()) == []


def test_a_failing_report_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "report.html").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_results(tmp_path / "movie", some_tables(), params.preset("granule"), {}, extra=fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to fill up")
def test_a_disk_that_fills_up_means_try_again(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        # By hand: pyarrow deletes what it fails to write, and root may delete a device.
        with Path("/dev/full").open("wb") as full:
            full.write(b"0" * 100_000)

    with pytest.raises(TryAgainError, match=r"movie: the disk is full \(.*No space left.*\); free some space and run the same"):
        write_results(tmp_path / "movie", some_tables(), params.preset("granule"), {}, extra=fill)
    assert list(tmp_path.iterdir()) == []


def test_results_are_not_overwritten_unasked(tmp_path: Path) -> None:
    write(tmp_path / "movie")
    with pytest.raises(OutputError, match="--overwrite"):
        write(tmp_path / "movie")


def test_results_from_before_a_column_was_added_can_still_be_read(tmp_path: Path) -> None:
    row = {
        "event_id": [1],
        "movie_id": ["a"],
        "kind": ["docking"],
        "frame": [3],
        "confident": [True],
        "edited": [False],
        "mine": [7],
    }
    old = tables.Events.build(row).drop(columns=["marker_dff", "marker_dff_sd", "saturated"])
    old.to_parquet(tmp_path / "events.parquet")
    read = read_table(tmp_path / "events.parquet", tables.Events)
    assert list(read) == [*tables.Events.columns(), "mine"]
    assert read[["marker_dff", "saturated"]].isna().all(axis=None)
    assert str(read["saturated"].dtype) == "boolean"
