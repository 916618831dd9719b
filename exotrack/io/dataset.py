"""One table of all movies of a study, as one table: what ``exotrack batch`` keeps movie by movie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exotrack._blocks import Execution, map_blocks
from exotrack._settings import nearest
from exotrack.errors import InputError
from exotrack.io.results import MAY_MISS, read_table
from exotrack.tables import ALL, Movies, Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

READ = ("done", "touched")
"""States of movies that are read; the others have no results that hold."""


def read_dataset(
    folder: str | Path, table: str, columns: Sequence[str] | None = None, conditions: Sequence[str] | None = None,
    run: Execution = Execution(),
) -> pd.DataFrame:  # fmt: skip
    """Read one table of all movies of a study.

    Parameters
    ----------
    folder : of ``exotrack batch``. table : its name, such as "events"; see docs/tables.md.
    columns : of that table; None: all. Only these are read, which matters for spots and traces.
    conditions : None: all movies; else only those of these conditions.
    run : how fast; never changes a row.

    Returns
    -------
    The rows of every movie that is done, in the order of the study, with the dtypes, units and frames from 0 of the table, and
    in front the columns movie, condition and what else the design has (animal_id, day), as categories. Their categories are
    sorted; of condition they are `conditions` where given. A movie without rows is in the categories of movie all the same.

    Raises
    ------
    InputError : no study; an unknown table, column or condition; a movie whose table is missing, damaged or lacks a column.
    """
    import pandas as pd
    import pyarrow as pa

    folder = Path(folder)
    if not (folder / "movies.parquet").is_file():
        raise InputError(f"{folder}: holds no study; give a folder that `exotrack batch` wrote")
    kind = _table(table)
    known = kind.columns()
    for name in columns or ():
        if name not in known:
            raise InputError(f"table {table}: no column {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    movies = _movies(folder, conditions)
    wanted = list(known) if columns is None else list(dict.fromkeys(columns))
    paths = [folder / "movies" / name / f"{table}.parquet" for name in movies["movie_id"]]
    parts: list[pa.Table] = list(map_blocks("read", _part, [(path, wanted, columns is None) for path in paths], run))
    design = {
        name: pd.Categorical(movies[name], categories=list(conditions) if conditions and name == "condition" else None)
        for name in ("movie_id", *_design(movies))
    }
    row = pd.Series(range(len(parts)), dtype="int64").repeat([part.num_rows for part in parts]).to_numpy()
    whole = pa.concat_tables(parts, promote_options="default").to_pandas() if parts else pd.DataFrame(columns=wanted)
    front = {("movie" if name == "movie_id" else name): values.take(row) for name, values in design.items()}
    return pd.DataFrame({**front, **{name: _typed(whole[name], kind, str(name)) for name in whole if name not in front}})


def _table(name: str) -> type[Table]:
    tables = {table.name: table for table in ALL}
    if name not in tables:
        raise InputError(f"a study has no table {name!r}{nearest(name, tables)}; there are {', '.join(tables)}")
    return tables[name]


def _movies(folder: Path, conditions: Sequence[str] | None) -> pd.DataFrame:
    """Those that are done, of the wanted conditions."""
    movies = read_table(folder / "movies.parquet", Movies)
    there = sorted(set(movies["condition"]))
    for name in conditions or ():
        if name not in there:
            raise InputError(f"{folder}: no condition {name!r}{nearest(name, there)}; there are {', '.join(there)}")
    kept = movies["status"].isin(READ) & (movies["condition"].isin(conditions) if conditions else True)
    return movies[kept].reset_index(drop=True)


def _design(movies: pd.DataFrame) -> list[str]:
    """Columns of the design that say something."""
    own = [name for name in movies if name in ("condition", "animal_id", "study_id") or name not in Movies.columns()]
    return [str(name) for name in own if (movies[name] != "").any()]


def _part(path: Path, columns: Sequence[str], every: bool) -> pa.Table:
    """The wanted columns that the file has; `every`: also those that are further than the contract."""
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path) as file:
            there = file.schema_arrow.names
            return file.read(columns=None if every else [name for name in columns if name in there])
    except (OSError, ArrowException) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: cannot be read ({said}); run exotrack batch again") from None


def _typed(values: pd.Series, table: type[Table], name: str) -> Any:
    """A column as its contract has it: concatenation turns what some files lack into missing values."""
    column = table.columns().get(name)
    if column is None:
        return values
    if column.dtype not in (*MAY_MISS, "str") and values.isna().any():
        raise InputError(f"table {table.name}: column {name} is missing in some movies; run them again")
    return (values.fillna("") if column.dtype == "str" else values).astype(column.dtype)
