"""Results on disk: a folder with every table as Parquet and CSV, the parameters, the provenance and a data dictionary.

The folder appears complete or not at all. Parquet is what exotrack reads back: units and meanings travel in the field
metadata. The CSV twins are for people and spreadsheets.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from exotrack import __version__
from exotrack.errors import InputError
from exotrack.io.atomic import atomic_folder
from exotrack.io.crate import CRATE, write_crate
from exotrack.io.dictionary import about, datapackage, describe
from exotrack.io.plain import to_json
from exotrack.params import Analysis, EmAnalysis, Params, read_em_toml, read_toml, to_toml
from exotrack.tables import ALL, CALIBRATION, EVERY, MICROGRAPHS, Table, Vesicles

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

EXECUTED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A spreadsheet may execute a text cell that begins with one of these (OWASP, CSV injection)."""

MAY_MISS = ("float64", "Int64", "boolean")
"""Types of columns that may hold missing values."""

PIECE = 65_536
"""Rows written at a time, and in a row group of a Parquet file: some MB of a wide table."""

FILES = (
    *(f"{table.name}.{suffix}" for table in ALL for suffix in ("parquet", "csv")),
    "params.toml", "provenance.json", "datapackage.json", CRATE,
)  # fmt: skip
"""What `write_results` puts into a folder."""

_TABLES = {table.name: table for table in EVERY}

_P = TypeVar("_P", bound=Params)


@dataclass(frozen=True)
class Results(Generic[_P]):
    """What a results folder holds: `tables` by name, the parameters and the provenance."""

    folder: Path
    tables: Mapping[str, pd.DataFrame]
    params: _P
    provenance: Mapping[str, Any]


def write_results(
    folder: str | Path,
    frames: Mapping[str, pd.DataFrame],
    params: Params,
    provenance: Mapping[str, Any],
    *,
    overwrite: bool = False,
    extra: Callable[[Path], object] | None = None,
) -> Path:
    """Write tables, params.toml, provenance.json, datapackage.json and the crate's metadata to `folder`, all or nothing.

    Parameters
    ----------
    folder : made new; what it held before is replaced only with `overwrite`.
    frames : tables by the name they have in `exotrack.tables`; each is checked against its contract first.
    params, provenance : as given to, and returned by, the analysis.
    extra : called with the temporary folder before it is renamed, to put further files there (the report).

    Raises `OutputError` or `TryAgainError` (see `atomic_folder`), `InputError` for a table that breaks its contract.
    """
    folder = Path(folder)
    title = str(provenance.get("movie_id", folder.name))
    with atomic_folder(folder, overwrite) as temporary:
        write_described(temporary, frames, title, provenance)
        (temporary / "params.toml").write_text(to_toml(params), encoding="utf-8", newline="\n")
        if extra is not None:
            extra(temporary)
        write_crate(temporary, title, f"Results of exotrack for {title}", provenance, _created(provenance))
    return folder


def write_described(folder: Path, frames: Mapping[str, pd.DataFrame], title: str, provenance: Mapping[str, Any]) -> None:
    """Write tables, by their names, as Parquet and CSV into a folder that exists, with data dictionary and provenance.

    Raises `InputError` for a table that breaks its contract, before any is written.
    """
    for name, frame in frames.items():
        _TABLES[name].check(frame)
    for name, frame in frames.items():
        write_table(frame, _TABLES[name], folder / f"{name}.parquet")
        write_table(frame, _TABLES[name], folder / f"{name}.csv")
    (folder / "datapackage.json").write_bytes(to_json(datapackage(folder, frames, title, _created(provenance))))
    (folder / "provenance.json").write_bytes(to_json(provenance))


@overload
def read_results(folder: str | Path, of: None = None) -> Results[Any]: ...
@overload
def read_results(folder: str | Path, of: Literal["movie"]) -> Results[Analysis]: ...
@overload
def read_results(folder: str | Path, of: Literal["micrograph"]) -> Results[EmAnalysis]: ...
def read_results(folder: str | Path, of: Literal["movie", "micrograph"] | None = None) -> Results[Any]:
    """Read a results folder back, as `exotrack run` (of a movie) or `exotrack em` (of a micrograph) wrote it.

    of : what the results must be of; None takes either.

    Raises `InputError` naming the file that is missing, damaged or out of contract, or if the results are of the other kind.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such results folder; give a folder that `exotrack run` wrote")
    found: Literal["movie", "micrograph"] = "micrograph" if is_of_micrograph(folder) else "movie"
    if of not in (None, found):
        wished = "exotrack run" if of == "movie" else "exotrack em"
        raise InputError(f"{folder}: holds results of a {found}; give a folder that `{wished}` wrote")
    frames = {
        table.name: read_table(folder / f"{table.name}.parquet", table) for table in (ALL if found == "movie" else MICROGRAPHS)
    }
    params = read_toml(folder / "params.toml") if found == "movie" else read_em_toml(folder / "params.toml")
    return Results(folder, frames, params, read_provenance(folder))


def is_of_micrograph(folder: str | Path) -> bool:
    """Whether a results folder is one of `exotrack em`."""
    return (Path(folder) / f"{Vesicles.name}.parquet").is_file()


def read_calibration(folder: str | Path, of: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """The tables of a calibration of the movie whose results have provenance `of`, by name.

    Raises `InputError` naming the file that is missing, damaged or out of contract, or if another movie was calibrated.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give one that `exotrack calibrate` wrote")
    frames = {table.name: read_table(folder / f"{table.name}.parquet", table) for table in CALIBRATION}
    record = read_provenance(folder)
    if _identity(record) != _identity(of):
        raise InputError(
            f"{folder}: calibrates {record.get('movie_id')}, not the movie of these results; give that of the same file"
        )
    return frames


def _identity(provenance: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells movies apart: the checksum of the file, the length, the channel or axes it was opened with."""
    record, movie, opened = (provenance.get(key) for key in ("input", "movie", "opened"))
    sums = record.get("sha256") if isinstance(record, Mapping) else None
    shape = [movie.get(key) for key in ("n_frames", "height", "width")] if isinstance(movie, Mapping) else []
    chosen = [opened.get(key) for key in ("channel", "series", "axes")] if isinstance(opened, Mapping) else [None] * 3
    return sums, *shape, *chosen


def read_provenance(folder: Path) -> dict[str, Any]:
    """The content of provenance.json in `folder`; `InputError` if it is missing or damaged."""
    path = folder / "provenance.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a complete results folder") from None
    except ValueError as error:
        raise InputError(f"{path}: is not JSON ({error}); run the analysis again") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no provenance record; run the analysis again")
    return content


def of_movie(provenance: Mapping[str, Any], key: str) -> float | None:
    """A number of the movie (pixel_um, frame_s, ...) as its provenance records it; None if it does not."""
    movie = provenance.get("movie")
    value = movie.get(key) if isinstance(movie, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def read_columns(path: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """Some columns of a Parquet file without reading the others; `InputError` where it is missing, damaged or lacks one."""
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.read_table(path, columns=list(names))
        return [table.column(name).to_numpy() for name in names]
    except (OSError, ArrowException, KeyError) as error:
        raise InputError(f"{path}: cannot be read ({_first_line(error)}); run the analysis again") from None


def write_table(frame: pd.DataFrame, table: type[Table], path: Path, form: str | None = None) -> None:
    """Write one table as `form`, .parquet or .csv; None takes the suffix of `path`."""
    from pyarrow import csv, parquet

    schema = _schema(frame, table)
    if (form or path.suffix) == ".csv":
        with csv.CSVWriter(path, schema.remove_metadata()) as text:
            for rows in _pieces(frame, schema):
                text.write_table(_neutralised(rows))
        return
    with parquet.ParquetWriter(path, schema) as binary:
        for rows in _pieces(frame, schema):
            binary.write_table(rows)


def read_table(path: Path, table: type[Table]) -> pd.DataFrame:
    """Read one table from .parquet or .csv and check it; `InputError` if it is missing, damaged or out of contract."""
    from pyarrow import parquet

    if not path.is_file():
        raise InputError(f"{path}: table {table.name} is missing; give a complete results folder or run the analysis again")
    try:
        if path.suffix == ".csv":
            return table.check(table.build(_read_csv(path, table)))
        return table.check(_completed(parquet.ParquetFile(path).read(use_threads=False).to_pandas(), table))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # noqa: BLE001 - the parsers raise a dozen types on damaged files; all mean the same
        raise InputError(f"{path}: cannot be read as table {table.name} ({_first_line(error)}); run the analysis again") from None


def _completed(frame: pd.DataFrame, table: type[Table]) -> pd.DataFrame:
    """A table of an earlier version with the columns that came since, where those may be missing values."""
    import pandas as pd

    known = table.columns()
    later = [key for key, column in known.items() if key not in frame and (column.dtype in MAY_MISS or column.may_be_empty)]
    if not later or any(key not in frame for key in known if key not in later):
        return frame
    nothing = {key: "" if known[key].may_be_empty else math.nan for key in later}
    missing = {key: pd.Series(value, index=frame.index).astype(known[key].dtype) for key, value in nothing.items()}
    whole = frame.assign(**missing)
    return whole[[*known, *(key for key in frame if key not in known)]]


def _schema(frame: pd.DataFrame, table: type[Table]) -> pa.Schema:
    """Types of the columns with unit and meaning of each, and what the table is."""
    import pyarrow as pa

    plain = pa.Schema.from_pandas(frame, preserve_index=False)
    fields = [
        plain.field(name).with_metadata({"unit": column.unit, "description": column.about})
        for name, column in describe(table, frame).items()
    ]
    own = {b"exotrack_table": table.name, b"exotrack_version": __version__, b"description": about(table)}
    return pa.schema(fields, (plain.metadata or {}) | own)


def _pieces(frame: pd.DataFrame, schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows as Arrow tables of `PIECE` rows, at least one: a whole long table would be held several times over."""
    import pyarrow as pa

    for start in range(0, max(len(frame), 1), PIECE):
        yield pa.Table.from_pandas(frame.iloc[start : start + PIECE], schema=schema, preserve_index=False)


def _neutralised(rows: pa.Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    for index, field in enumerate(rows.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            text = rows.column(index)
            risky = pc.is_in(pc.utf8_slice_codeunits(text, 0, 1), value_set=pa.array(EXECUTED, field.type))
            joined = pc.binary_join_element_wise(pa.scalar("'", field.type), text, pa.scalar("", field.type))
            rows = rows.set_column(index, field.name, pc.if_else(risky, joined, text))
    return rows


def _read_csv(path: Path, table: type[Table]) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import csv

    text = [key for key, column in table.columns().items() if column.dtype == "str"]
    frame = csv.read_csv(
        path,
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types={key: pa.string() for key in text}),
    ).to_pandas()
    for key in set(text) & set(frame):
        cell = frame[key].fillna("").astype("str")
        neutralised = cell.str.startswith("'") & cell.str[1:2].isin(EXECUTED)
        frame[key] = cell.where(~neutralised, cell.str[1:])
    return frame


def _created(provenance: Mapping[str, Any]) -> str:
    from datetime import UTC, datetime

    return str(provenance.get("started") or datetime.now(UTC).isoformat(timespec="seconds"))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
