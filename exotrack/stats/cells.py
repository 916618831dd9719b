"""From the tables of one movie to a row per cell: what happened in it, how long and how much of it was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.results import of_movie, read_provenance, read_table
from exotrack.kinetics.stays import SEEN_EXITS, least_frames
from exotrack.params import Analysis, read_toml
from exotrack.tables import EVENT_KINDS, FUSION_KINDS, Cells, Episodes, Events, Frames, Table

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
NEEDED: tuple[type[Table], ...] = (Frames, Episodes, Events, Cells)


@dataclass(frozen=True)
class Movie:
    """What of a movie's results statistics need."""

    movie_id: str
    tables: Mapping[str, pd.DataFrame]
    params: Analysis
    frame_s: float
    provenance: Mapping[str, Any]

    @property
    def stimulus_s(self) -> float:
        """Time of the first stimulus; NaN without one."""
        times = self.params.classify.stimulus_s
        return float(min(times)) if times else float("nan")


def read_movie(folder: Path) -> Movie:
    """Read the tables that are needed; `InputError` names the file that is missing or damaged."""
    record = read_provenance(folder)
    frame_s = of_movie(record, "frame_s")
    if frame_s is None or not frame_s > 0:
        raise InputError(f"{folder}: provenance.json does not say the frame interval; run the analysis again")
    tables = {table.name: read_table(folder / f"{table.name}.parquet", table) for table in NEEDED}
    name = str(record.get("movie_id", folder.name))
    return Movie(name, tables, read_toml(folder / "params.toml"), frame_s, record)


def units_of(movie: Movie, split: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The cells of a movie.

    Parameters
    ----------
    split : give two rows a cell, before and after the first stimulus.

    Returns
    -------
    Columns of `exotrack.tables.Units` but group, cluster and block, and a table of docked stays: row (of the first table),
    entry_s and exit_s (age at which it came under observation and left it), ended, fused.

    Raises
    ------
    InputError : no cells; a cell without area or time; `split` without a stimulus inside the movie.
    """
    import pandas as pd

    cells = movie.tables["cells"]
    _require_exposure(movie, cells)
    parts, stays, n = [], [], 0
    for period, from_s, until_s in periods(movie, split):
        rows = _period(movie, from_s, until_s).assign(period=period)
        own = _stays(movie, from_s, until_s)
        rows = rows.assign(**_of_stays(own, len(rows)))
        parts.append(rows)
        stays.append(own.assign(row=own["row"] + n))
        n += len(rows)
    return pd.concat(parts, ignore_index=True), pd.concat(stays, ignore_index=True)


def periods(movie: Movie, split: bool) -> list[tuple[str, float, float]]:
    """(period, from, until) in s: the whole movie, or before and after its first stimulus."""
    if not split:
        return [("whole", -np.inf, np.inf)]
    at, t = movie.stimulus_s, movie.tables["frames"]["t_s"]
    if not (len(t) and t.min() < at <= t.max()):
        told = "has no stimulus" if np.isnan(at) else f"has its stimulus at {at:g} s, outside its frames"
        raise InputError(f"movie {movie.movie_id} {told}; run it with --stimulus-s, or leave it out of --by stimulus")
    return [("before", -np.inf, at), ("after", at, np.inf)]


def _period(movie: Movie, from_s: float, until_s: float) -> pd.DataFrame:
    """Counts and levels of every cell between two times."""
    import pandas as pd

    tables, cells = movie.tables, movie.tables["cells"]
    usable = tables["frames"]["status"].isin(("ok", "saturated")).to_numpy()
    share = float((usable & _between(tables["frames"]["t_s"], from_s, until_s)).sum()) / max(float(usable.sum()), 1.0)
    area, observed = cells["area_um2"].to_numpy(), cells["observed_s"].to_numpy() * share
    found: dict[str, Any] = {
        "movie_id": movie.movie_id, "cell_id": cells["cell_id"].to_numpy(), "area_um2": area, "observed_s": observed,
        "exposure": area * observed,
    }  # fmt: skip
    events, episodes = tables["events"], tables["episodes"]
    cell, n = _own(events, cells), len(cells)
    inside = (cell >= 0) & _between(events["t_s"], from_s, until_s)
    kind = events["kind"].to_numpy(dtype=object)
    for one in EVENT_KINDS:
        found[f"n_{one}"] = np.bincount(cell[inside & (kind == one)], minlength=n).astype(float)
    fused = inside & np.isin(kind, FUSION_KINDS)
    found |= _expected(events, kind, np.where(fused, cell, -1), n)
    kissed = np.where(inside & (kind == "kiss_and_run"), cell, -1)
    moving = (episodes["state"] == "mobile").to_numpy() & _between(episodes["t_first_s"], from_s, until_s)
    for name, where, values in (
        ("decay_s", np.where(fused, cell, -1), events["decay_s"]),
        ("rise_s", np.where(fused, cell, -1), events["rise_s"]),
        ("fusion_diffusion_um2_s", np.where(fused, cell, -1), events["diffusion_um2_s"]),
        ("mobile_diffusion_um2_s", np.where(moving, _own(episodes, cells), -1), episodes["diffusion_um2_s"]),
        ("kiss_release", kissed, events["fraction_released"]),
    ):
        found[name] = _level(where, values.to_numpy(float), n)
    return pd.DataFrame(found)


def _own(rows: pd.DataFrame, cells: pd.DataFrame) -> NDArray[np.intp]:
    """Row of each row's cell in the table of cells; -1 outside every cell."""
    ids = cells["cell_id"].to_numpy()
    order = np.argsort(ids)
    own = rows["cell_id"].to_numpy(dtype=float, na_value=np.nan)
    place = np.searchsorted(ids[order], own).clip(0, len(ids) - 1)
    return np.where(ids[order][place] == own, order[place], -1)


def _level(cell: NDArray[np.intp], values: Real, n: int) -> Real:
    """Geometric mean of each cell over the values above 0; NaN without any."""
    known = (cell >= 0) & (values > 0)
    counted = np.bincount(cell[known], minlength=n)
    total = np.bincount(cell[known], np.log(values[known]), n)
    return np.asarray(np.exp(np.divide(total, counted, out=np.full(n, np.nan), where=counted > 0)), dtype=float)


def _expected(events: pd.DataFrame, kind: NDArray[Any], cell: NDArray[np.intp], n: int) -> dict[str, Real]:
    """Sums of the probabilities of both kinds over the called fusions of each cell; what a person called counts as that kind.

    Candidates that were turned down are left out: there are hundreds of them to an event, and their small probabilities, which
    are not calibrated that finely, would outweigh the events.
    """
    own = events[[f"p_{one}" for one in FUSION_KINDS]].to_numpy(float)
    sure = events["edited"].to_numpy(bool) | ~np.isfinite(own).all(axis=1)
    called = np.stack([kind == one for one in FUSION_KINDS], axis=1)
    share = np.where(sure[:, None], called, own)
    mine = cell >= 0
    return {
        f"expected_{one}": np.asarray(np.bincount(cell[mine], part[mine], n), dtype=float)
        for one, part in zip(FUSION_KINDS, share.T, strict=True)
    }


def empty_stays() -> pd.DataFrame:
    """A table of docked stays without any."""
    import pandas as pd

    no, never = np.zeros(0), np.zeros(0, bool)
    return pd.DataFrame({"row": np.zeros(0, np.int64), "entry_s": no, "exit_s": no, "ended": never, "fused": never})


def _stays(movie: Movie, from_s: float, until_s: float) -> pd.DataFrame:
    """Docked stays whose beginning was seen, as far as they lie between two times; none of a label that is dark while docked.

    Shorter ones than the analysis records would not be there, so each comes under observation at that age.
    """
    import pandas as pd

    if movie.params.classify.cargo != "lumenal":
        return empty_stays()
    least_s = (least_frames(movie.params, movie.frame_s) - 0.5) * movie.frame_s
    stays, cells = movie.tables["episodes"], movie.tables["cells"]
    row = _own(stays, cells)
    stays = stays[(stays["state"] == "docked").to_numpy() & stays["entry_observed"].to_numpy() & (row >= 0)]
    row = row[stays.index.to_numpy()]
    begun = stays["t_first_s"].to_numpy(float)
    length = stays["n_frames"].to_numpy(float) * movie.frame_s
    entry, out = np.maximum(least_s, from_s - begun), np.minimum(length, until_s - begun)
    exits = stays["exit_kind"].to_numpy(dtype=object)
    ended = stays["exit_observed"].to_numpy() & np.isin(exits, SEEN_EXITS) & (length <= until_s - begun)
    kept = out > entry
    fused = ended & np.isin(exits, FUSION_KINDS)
    return pd.DataFrame(
        {"row": row[kept], "entry_s": entry[kept], "exit_s": out[kept], "ended": ended[kept], "fused": fused[kept]}
    )


def _of_stays(stays: pd.DataFrame, n: int) -> dict[str, Real]:
    row = stays["row"].to_numpy()
    sums = {
        "n_stays": np.ones(len(row)), "stay_ends": stays["ended"], "stay_fusions": stays["fused"],
        "stay_total_s": stays["exit_s"] - stays["entry_s"],
    }  # fmt: skip
    return {key: np.asarray(np.bincount(row, np.asarray(value, dtype=float), n), dtype=float) for key, value in sums.items()}


def _between(t: pd.Series, from_s: float, until_s: float) -> NDArray[np.bool_]:
    at = t.to_numpy(float)
    return np.asarray((at >= from_s) & (at < until_s))


def _require_exposure(movie: Movie, cells: pd.DataFrame) -> None:
    if len(cells) == 0:
        raise InputError(f"movie {movie.movie_id} has no cells; run it with a mask, or leave it out")
    wrong = ~((cells["area_um2"] > 0) & (cells["observed_s"] > 0) & np.isfinite(cells["area_um2"] * cells["observed_s"]))
    if wrong.any():
        row = cells[wrong].iloc[0]
        raise InputError(
            f"movie {movie.movie_id}, cell {row['cell_id']}: area {row['area_um2']:g} um2 and {row['observed_s']:g} s observed "
            "make no exposure, so it has no rate; run it with a mask, or leave it out"
        )
