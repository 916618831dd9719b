"""The same analysis without the viewer: the command for a terminal, and a study file for ``exotrack batch``; no Qt."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exotrack.params import Analysis, to_toml


@dataclass(frozen=True)
class Order:
    """A run that was asked for: movie, results folder, parameters file and calibration that wins over the file's."""

    movie: Path
    out: Path
    params: Path
    opened: Mapping[str, Any] = field(default_factory=dict)
    overwrite: bool = False

    @property
    def words(self) -> list[str]:
        """Words of the command after ``exotrack``."""
        words = ["run", str(self.movie), "--out", str(self.out), "--params", str(self.params)]
        for name, value in self.opened.items():
            words += [f"--{name.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
        return words + (["--overwrite"] if self.overwrite else [])

    @property
    def command(self) -> str:
        """As it is typed."""
        return shlex.join(["exotrack", *self.words])


def write_params(params: Analysis, path: Path) -> Path:
    """The parameters as the command line reads them; all or nothing."""
    from exotrack.io.atomic import atomic_file

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as temporary:
        temporary.write_text(to_toml(params), encoding="utf-8", newline="\n")
    return path


def write_study(folder: Path, name: str, params: Analysis, movies: Sequence[Path], opened: Mapping[str, Any]) -> Path:
    """Write ``NAME.toml`` with ``NAME.params.toml`` and ``NAME.csv`` (one line for each movie) for ``exotrack batch``.

    opened : calibration that holds for every movie. Paths are written relative to the folder that holds all of them.
    """
    import tomli_w

    folder.mkdir(parents=True, exist_ok=True)
    write_params(params, folder / f"{name}.params.toml")
    above = [movie.absolute().parent for movie in movies]
    root = next(one for one in [above[0], *above[0].parents] if all(one in (other, *other.parents) for other in above))
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "condition"])
        rows.writerows([movie.absolute().relative_to(root).as_posix(), ""] for movie in movies)
    content = {
        "params": f"{name}.params.toml",
        "movies": {"table": f"{name}.csv", "root": str(root)},
        **({"open": dict(opened)} if opened else {}),
    }
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(content), encoding="utf-8", newline="\n")
    return path
