"""Counts of vesicles in electron micrographs, and what a model says of them: the shares of its states at rest.

Two kinds of table are read: counts by class, or one row for each vesicle with its state, as an analysis of micrographs writes.
A class is what is seen of a state (docked, tethered) or the name of a state of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from exotrack.errors import InputError
from exotrack.kinetics.catalogue import Model
from exotrack.kinetics.generator import resting
from exotrack.kinetics.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("vesicles.parquet", "vesicles.csv")
"""Tables with one row for each vesicle in a folder."""
BEYOND = ("", "proximal", "reserve", "fusing")
"""States of vesicles in micrographs that no movie tells apart: left out unless the model has states of these names."""


@dataclass(frozen=True)
class Micrograph:
    """Vesicles counted by class in cells at rest.

    snapshot : their counts, and how much more these vary than those of independent vesicles. left_out : vesicles by class that
    no model of the comparison knows. n_images : images they are from; 0 if not given.
    """

    snapshot: Snapshot
    left_out: Mapping[str, int]
    n_images: int = 0

    def fractions(self, model: Model, values: Mapping[str, float], inputs: Mapping[str, float]) -> dict[str, float]:
        """Share of each class that was counted, at rest; they sum to 1.

        Raises
        ------
        InputError : a class that is none of the model's, or a model that never comes to rest.
        """
        numbers = resting(model, values, inputs)
        found = {name: float(sum(numbers[k] for k in places(model, name))) for name in self.snapshot.counts}
        total = sum(found.values())
        if total <= 1e-5 * numbers.sum():
            raise InputError(f"model {model.id}: at rest it has no vesicle in any of the classes {', '.join(found)}")
        return {name: value / total for name, value in found.items()}

    def log_likelihood(self, model: Model, values: Mapping[str, float], inputs: Mapping[str, float]) -> float:
        """Multinomial log-likelihood of the counts, less its largest value."""
        return self.snapshot.log_likelihood(self.fractions(model, values, inputs))


def places(model: Model, name: str) -> list[int]:
    """Numbers of the states of a model that a class holds; `InputError` if none."""
    found = [k for k, state in enumerate(model.states) if state.seen == name]
    found = found or [k for k, state in enumerate(model.states) if state.name == name]
    if not found:
        seen = sorted({state.seen for state in model.states if state.seen})
        raise InputError(
            f"model {model.id}: vesicles of class {name!r} were counted, but none of its states is seen or called so; it has "
            f"{', '.join(seen) or 'nothing that is seen'} and the states {', '.join(model.names)}. Rename the class, or leave it "
            "out"
        )
    return found


def read_micrographs(path: Path, models: Sequence[Model]) -> Micrograph:
    """Counts from a file or folder.

    Parameters
    ----------
    path : a CSV file with columns class and n, and cell or image if counts are given by them; a table with a row for each vesicle
        and a column state (and image_id); or a folder that holds such a table as vesicles.csv or vesicles.parquet.
    models : those that are compared; vesicles that are beyond any movie are left out if none of them has a state of their name.

    Raises
    ------
    InputError : not such a table, counts that are not whole numbers of 0 or more, or fewer than two classes of vesicles.
    """
    table = _read(path)
    if "state" in table.columns:
        table = table.rename(columns={"state": "class"}).assign(n=1)
    if not {"class", "n"} <= set(table.columns):
        raise InputError(f"{path}: needs columns class and n, or a column state; found {', '.join(map(str, table.columns))}")
    n = _numbers(table, path)
    names = table["class"].fillna("").astype(str).str.strip()
    known = {name for one in models for state in one.states for name in (state.seen, state.name)} - {""}
    beyond = names.isin(BEYOND) & ~names.isin(known)
    left_out = {str(name): int(k) for name, k in n[beyond].groupby(names[beyond]).sum().items()}
    counts = n[~beyond].groupby(names[~beyond]).sum()
    if len(counts) < 2:
        raise InputError(
            f"{path}: {len(counts)} class of vesicles can be used ({', '.join(counts.index) or 'none'}); a share needs two, "
            "such as docked and tethered"
        )
    image = next((key for key in ("image", "cell", "image_id", "cell_id") if key in table.columns), "")
    effect = 1.0 if not image else _design_effect(n[~beyond], names[~beyond], table.loc[~beyond, image])
    whole = {str(name): int(k) for name, k in counts.items()}
    return Micrograph(Snapshot(whole, effect), left_out, table[image].nunique() if image else 0)


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    file = path
    if path.is_dir():
        here = [path / name for name in NAMES if (path / name).is_file()]
        if not here:
            raise InputError(
                f"{path}: holds no {' or '.join(NAMES)}; give the folder of an analysis of micrographs, or a CSV file"
            )
        file = here[0]
    try:
        return pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as a table ({error}); give a CSV file with columns class and n") from None


def _numbers(table: pd.DataFrame, path: Path) -> pd.Series[float]:
    import pandas as pd

    n = pd.to_numeric(table["n"], errors="coerce")
    wrong = ~(np.isfinite(n) & (n >= 0) & (n == n.round()))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{path}: row {row + 1}: n is {table['n'].iloc[row]!r}; counts are whole numbers of 0 or more")
    return n.astype(float)


def _design_effect(n: pd.Series[float], names: pd.Series[str], image: pd.Series[str]) -> float:
    """How much more shares differ between images than those of independent vesicles: Pearson's chi-squared over its degrees
    of freedom, at least 1 (Rao & Scott 1981, J Am Stat Assoc 76:221).
    """
    table = n.groupby([image, names]).sum().unstack(fill_value=0.0).to_numpy(float)
    table = table[table.sum(axis=1) > 0]
    degrees = (len(table) - 1) * (table.shape[1] - 1)
    if degrees < 1:
        return 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    squared = ((table - expected) ** 2 / np.where(expected > 0, expected, 1.0)).sum()
    effect: float = max(float(squared) / degrees, 1.0)
    return effect
