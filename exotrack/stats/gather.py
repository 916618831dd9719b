"""A study read from disk: results folders found, their cells put into one table, the design beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exotrack._blocks import Execution, map_blocks
from exotrack.errors import InputError
from exotrack.io.results import read_provenance, read_table
from exotrack.stats.cells import empty_stays, read_movie, units_of
from exotrack.stats.design import STIMULUS, Design
from exotrack.stats.filling import counts
from exotrack.tables import TEXT, Units, Vesicles

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Gathered:
    """All cells of a study: `units` (columns of `Units` and of the design), their docked `stays`, `notes`."""

    units: pd.DataFrame
    stays: pd.DataFrame
    notes: tuple[str, ...] = ()


def find(paths: Sequence[str | Path], filling: bool = False) -> list[Path]:
    """Results folders: each path itself, or all that lie in it however deep; `InputError` where there is none."""
    mark = f"{Vesicles.name if filling else 'cells'}.parquet"
    made_by = "exotrack em" if filling else "exotrack run"
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            raise InputError(f"{path}: no such folder; give results of `{made_by}`, or a folder of them")
        inside = sorted(file.parent for file in path.rglob(mark) if not any(part.startswith(".") for part in file.parts))
        if not inside:
            raise InputError(f"{path}: holds no results ({mark}); give folders that `{made_by}` wrote, or a folder of them")
        found += [folder for folder in inside if folder not in found]
    return found


def gather(
    paths: Sequence[str | Path], design: Design | None = None, by: str = "condition", run: Execution = Execution()
) -> Gathered:
    """Read all movies.

    Parameters
    ----------
    paths : results folders of ``exotrack run``, or folders of them.
    design : what each movie is; None: what folders named ``condition=NAME`` and the like say, or the records of the runs.
    by : "stimulus" splits every cell at its first stimulus.

    Raises
    ------
    InputError : nothing to read, a movie that comes twice or that the design lacks, one that cannot be counted.
    """
    import pandas as pd

    folders = find(paths)
    known = design or told_by(folders)
    parts = list(map_blocks("read", _one, [(folder, known, by == STIMULUS) for folder in folders], run))
    _require_once([str(units["movie_id"].iloc[0]) for units, _ in parts])
    begins, stays = 0, []
    for units, own in parts:
        stays.append(own.assign(row=own["row"] + begins))
        begins += len(units)
    units = pd.concat([one for one, _ in parts], ignore_index=True)
    columns = (*known.columns, STIMULUS) if by == STIMULUS else known.columns
    notes = [f"{name}: is in {known.source} but has no results" for name in known.unused(sorted(set(units["movie_id"])))]
    kinds = [name for name in units if str(name).startswith(("n_", "expected_"))]
    if not units[kinds].to_numpy(float).sum() > 0:
        raise InputError(f"the tables of {len(folders)} movies hold no events: there is nothing to compare; see their reports")
    return Gathered(_built(units, columns), pd.concat(stays, ignore_index=True), tuple(notes))


def gather_filling(paths: Sequence[str | Path], design: Design | None = None) -> Gathered:
    """Read the vesicles of electron micrographs, and count the classes of filling in each image (see `filling.counts`)."""
    import pandas as pd

    folders = find(paths, filling=True)
    known = design or told_by(folders)
    counted = [counts(read_table(folder / "vesicles.parquet", Vesicles)) for folder in folders]
    units = pd.concat(counted, ignore_index=True)
    _require_once(units["movie_id"].tolist())
    about = pd.DataFrame([known.of(name) for name in units["movie_id"]], index=units.index)
    unused = [f"{name}: is in {known.source} but has no results" for name in known.unused(units["movie_id"].tolist())]
    ready = _built(units.assign(**{key: about[key] for key in known.columns}), known.columns)
    return Gathered(ready, empty_stays(), tuple(unused))


def told_by(folders: Sequence[Path]) -> Design:
    """The design as the places of the results tell it (``condition=high K/animal=3/movie``), or the records of the runs."""
    from urllib.parse import unquote

    rows: dict[tuple[str, str], dict[str, str]] = {}
    columns: dict[str, None] = {}
    for folder in folders:
        record = read_provenance(folder)
        own = record.get("design")
        said = {str(key): str(value) for key, value in own.items()} if isinstance(own, dict) else {}
        parts = [part.partition("=") for part in folder.absolute().parts if "=" in part]
        said |= {unquote(key): unquote(value) for key, _, value in parts}
        columns |= dict.fromkeys(said)
        rows[str(record.get("movie_id", folder.name)), ""] = said
    return Design(tuple(columns), {who: {key: said.get(key, "") for key in columns} for who, said in rows.items()})


def _one(folder: Path, design: Design, split: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    import pandas as pd

    units, stays = units_of(read_movie(folder), split)
    who = zip(units["movie_id"], units["cell_id"], strict=True)
    about = pd.DataFrame([design.of(movie, cell) for movie, cell in who], index=units.index)
    extra: dict[str, Any] = {key: about[key] for key in design.columns}
    if split:
        extra[STIMULUS] = units["period"]
    return units.assign(**extra), stays


def _built(units: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    ready = Units.build(units.assign(group="", cluster="", block="")).astype(dict.fromkeys(columns, TEXT))
    ready.attrs["design"] = tuple(columns)
    return ready


def _require_once(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InputError(f"movie {twice[0]} comes {list(names).count(twice[0])} times; give each once, under a name of its own")
