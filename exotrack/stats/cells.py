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
    usable = tables["frames"]["status"].isin(("ok", "saturated"))
    share = float((usable & _between(tables["frames"]["t_s"], from_s, until_s)).sum()) / max(float(usable.sum()), 1.0)
    events = tables["events"]
    events = events[_between(events["t_s"], from_s, until_s)]
    observed = cells["observed_s"] * share
    found: dict[str, Any] = {
        "movie_id": movie.movie_id,
        "cell_id": cells["cell_id"],
        "area_um2": cells["area_um2"],
        "observed_s": observed,
        "exposure": cells["area_um2"] * observed,
    }
    ids = cells["cell_id"]
    for kind in EVENT_KINDS:
        counted = events.loc[events["kind"] == kind, "cell_id"].value_counts()
        found[f"n_{kind}"] = ids.map(counted).fillna(0.0).astype("float64")
    fused = events[events["kind"].isin(FUSION_KINDS)]
    found |= _expected(fused, ids)
    episodes = tables["episodes"]
    moving = episodes[(episodes["state"] == "mobile") & _between(episodes["t_first_s"], from_s, until_s)]
    kissed = fused[fused["kind"] == "kiss_and_run"]
    for name, rows, key in (
        ("decay_s", fused, "decay_s"), ("rise_s", fused, "rise_s"), ("fusion_diffusion_um2_s", fused, "diffusion_um2_s"),
        ("mobile_diffusion_um2_s", moving, "diffusion_um2_s"), ("kiss_release", kissed, "fraction_released"),
    ):  # fmt: skip
        found[name] = ids.map(_level(rows, key)).astype("float64")
    return pd.DataFrame(found)


def _level(rows: pd.DataFrame, key: str) -> pd.Series:
    """Geometric mean of each cell over the values above 0."""
    known = rows[(rows[key] > 0) & rows["cell_id"].notna()]
    return np.exp(np.log(known[key]).groupby(known["cell_id"].astype("int64")).mean())


def _expected(fused: pd.DataFrame, ids: pd.Series) -> dict[str, pd.Series]:
    """Sums of the probabilities of both kinds over the called fusions of each cell; what a person called counts as that kind.

    Candidates that were turned down are left out: there are hundreds of them to an event, and their small probabilities, which
    are not calibrated that finely, would outweigh the events.
    """
    own = fused[[f"p_{kind}" for kind in FUSION_KINDS]].to_numpy(float)
    sure = fused["edited"].to_numpy(bool) | ~np.isfinite(own).all(axis=1)
    called = np.stack([fused["kind"] == kind for kind in FUSION_KINDS], axis=1)
    share = np.where(sure[:, None], called, own)
    cell = fused["cell_id"].astype("Int64")
    return {
        f"expected_{kind}": ids.map(fused.assign(p=part)["p"].groupby(cell).sum()).fillna(0.0).astype("float64")
        for kind, part in zip(FUSION_KINDS, share.T, strict=True)
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
    stays = movie.tables["episodes"]
    stays = stays[(stays["state"] == "docked") & stays["entry_observed"] & stays["cell_id"].notna()]
    row = stays["cell_id"].astype("int64").map({cell: k for k, cell in enumerate(movie.tables["cells"]["cell_id"])})
    begun = stays["t_first_s"].to_numpy(float)
    length = stays["n_frames"].to_numpy(float) * movie.frame_s
    entry, out = np.maximum(least_s, from_s - begun), np.minimum(length, until_s - begun)
    ended = (stays["exit_observed"] & stays["exit_kind"].isin(SEEN_EXITS)).to_numpy() & (length <= until_s - begun)
    found = pd.DataFrame({
        "row": row.to_numpy(), "entry_s": entry, "exit_s": out, "ended": ended,
        "fused": ended & stays["exit_kind"].isin(FUSION_KINDS).to_numpy(),
    })  # fmt: skip
    return found[(out > entry) & row.notna().to_numpy()].astype({"row": "int64"}).reset_index(drop=True)


def _of_stays(stays: pd.DataFrame, n: int) -> dict[str, Real]:
    row = stays["row"].to_numpy()
    sums = {
        "n_stays": np.ones(len(row)), "stay_ends": stays["ended"], "stay_fusions": stays["fused"],
        "stay_total_s": stays["exit_s"] - stays["entry_s"],
    }  # fmt: skip
    return {key: np.asarray(np.bincount(row, np.asarray(value, dtype=float), n), dtype=float) for key, value in sums.items()}


def _between(t: pd.Series, from_s: float, until_s: float) -> pd.Series:
    return (t >= from_s) & (t < until_s)


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
