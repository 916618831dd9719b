"""Vesicles of a micrograph as they are corrected by hand, and where they stand to a membrane; no Qt.

Every change makes a new table, so that all of them can be taken back. Sizes and places are in nm, layers in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.tables import Vesicles
from napari_exotrack._colours import em_palette
from napari_exotrack._opened import missing_value

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.em.membrane import Membrane

BY_HAND = "points"
PLACES = ("z_nm", "y_nm", "x_nm")


class Micrograph:
    """The vesicles of an image with `spacing_nm` (z, y, x), and all tables before the present one.

    flat : a single section, whose layers have two axes.
    """

    def __init__(self, name: str, spacing_nm: Sequence[float], flat: bool) -> None:
        self.name, self.spacing_nm, self.flat = name, tuple(spacing_nm), flat
        self.vesicles: pd.DataFrame = Vesicles.empty()
        self.membrane: Membrane | None = None
        self.rule = "touching"
        self._before: list[pd.DataFrame] = []
        self._after: list[pd.DataFrame] = []

    @property
    def axes(self) -> tuple[str, ...]:
        """Columns of the places, as the axes of the layers are."""
        return PLACES[1:] if self.flat else PLACES

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Distance of pixels along the axes of the layers (nm)."""
        return np.array(self.spacing_nm[1:] if self.flat else self.spacing_nm, float)

    def take(self, vesicles: pd.DataFrame) -> None:
        """Begin with these vesicles; can be taken back."""
        self._change(vesicles)

    def add(self, at_px: Sequence[float], diameter_nm: float) -> int:
        """Add a vesicle that was seen at a place (pixels of the layer); its number."""
        import pandas as pd

        if not diameter_nm > 0:
            raise InputError(f"a vesicle has a diameter above 0, found {diameter_nm:g} nm")
        number = int(self.vesicles["vesicle_id"].max()) + 1 if len(self.vesicles) else 1
        place = dict(zip(self.axes, np.asarray(at_px, float)[-len(self.axes) :] * self.spacing, strict=True))
        row = {
            "image_id": [self.name], "vesicle_id": [number], "backend": [BY_HAND], "diameter_nm": [float(diameter_nm)],
            "diameter_kind": ["given"], "touches_border": [False], "filling": ["unresolved"],
            **{axis: [float(place.get(axis, 0.0))] for axis in PLACES},
        }  # fmt: skip
        new = Vesicles.build({key: row.get(key, [missing_value(column)]) for key, column in Vesicles.columns().items()})
        self._change(pd.concat([self.vesicles, new], ignore_index=True) if len(self.vesicles) else new)
        return number

    def vesicle_at(self, at_px: Sequence[float]) -> int | None:
        """Number of the vesicle in whose sphere a place (pixels of the layer) lies, the nearest of several, or None."""
        if self.vesicles.empty:
            return None
        away = (self.points() - np.asarray(at_px, float)[-len(self.axes) :]) * self.spacing
        share = np.linalg.norm(away, axis=1) / (self.vesicles["diameter_nm"].to_numpy(float) / 2)
        nearest = int(np.argmin(share))
        return int(self.vesicles["vesicle_id"].iloc[nearest]) if share[nearest] <= 1 else None

    def delete(self, numbers: Sequence[int]) -> None:
        """Take vesicles out."""
        self._change(self.vesicles[~self.vesicles["vesicle_id"].isin(list(numbers))].reset_index(drop=True))

    def resize(self, number: int, diameter_nm: float) -> None:
        """Give a vesicle another diameter; what was measured with the old one is missing from then on."""
        if not diameter_nm > 0:
            raise InputError(f"a vesicle has a diameter above 0, found {diameter_nm:g} nm")
        changed = self.vesicles.copy()
        own = changed["vesicle_id"] == number
        changed.loc[own, "diameter_nm"] = float(diameter_nm)
        changed.loc[own, "diameter_kind"] = "given"
        changed.loc[own, ["diameter_sd_nm", "area_nm2", "volume_nm3", "circularity", "completeness"]] = np.nan
        self._change(changed)

    def undo(self) -> bool:
        """Take the last change back; whether there was one."""
        return self._step(self._before, self._after)

    def redo(self) -> bool:
        """Make it again."""
        return self._step(self._after, self._before)

    def draw(self, lines_px: Sequence[NDArray[Any]], picture: NDArray[Any] | None = None) -> None:
        """The membrane along drawn lines (n, axes), or, with a picture (y, x), traced in it between their points; no line: none.

        Raises `InputError` for lines of too few points, or tracing in a stack of sections.
        """
        from exotrack.em.membrane import TRACED_NM, Membrane, trace

        lines = [np.asarray(line, float)[:, -len(self.axes) :] * self.spacing for line in lines_px if len(line) > 1]
        if not lines:
            self.membrane = None
            self._place()
            return
        floor = float(self.spacing.max()) / 2
        if picture is None:
            self.membrane = Membrane.from_lines(lines, thickness_nm=TRACED_NM, resolution_nm=floor)
        elif not self.flat:
            raise InputError("tracing needs a single section; draw whole lines, one in each section")
        else:
            parts = [trace(picture, line, self.spacing_nm[1:]) for line in lines]
            whole = Membrane.from_lines([one.vertices for one in parts], thickness_nm=2 * parts[0].half_nm, resolution_nm=floor)
            self.membrane = parts[0] if len(parts) == 1 else whole
        self._place()

    def decide(self, rule: str) -> None:
        """States by another rule; `InputError` if it needs what is not there, and then the old one stays."""
        before, self.rule = self.rule, rule
        try:
            self._place()
        except InputError:
            self.rule = before
            raise

    def lines(self) -> list[NDArray[np.float64]]:
        """From the centre of each vesicle to the nearest point of the membrane, (2, axes) in pixels each."""
        table = self.vesicles
        closest = [f"closest_{axis}" for axis in self.axes]
        known = table[np.isfinite(table[closest].to_numpy(float)).all(axis=1)]
        ends = np.stack([known[list(self.axes)].to_numpy(float), known[closest].to_numpy(float)], axis=1)
        return list(ends / self.spacing)

    def points(self) -> NDArray[np.float64]:
        """(n, axes) centres in pixels."""
        return np.asarray(self.vesicles[list(self.axes)].to_numpy(float) / self.spacing)

    def sizes(self) -> NDArray[np.float64]:
        """(n,) diameters in pixels."""
        return np.asarray(self.vesicles["diameter_nm"].to_numpy(float) / self.spacing_nm[-1])

    def colours(self) -> list[str]:
        """Colour of each vesicle: of its state, as in the report."""
        found = em_palette()
        return [found[state or "none"] for state in self.vesicles["state"]]

    def write(self, path: Path) -> Path:
        """Write the table (.csv or .parquet), all or nothing."""
        from exotrack.io.atomic import atomic_file
        from exotrack.io.results import write_table

        with atomic_file(path) as temporary:
            write_table(self.vesicles, Vesicles, temporary, path.suffix)
        return path

    def _change(self, vesicles: pd.DataFrame) -> None:
        self._before.append(self.vesicles)
        self._after.clear()
        self.vesicles = vesicles
        self._place()

    def _step(self, back: list[pd.DataFrame], forth: list[pd.DataFrame]) -> bool:
        if not back:
            return False
        forth.append(self.vesicles)
        self.vesicles = back.pop()
        self._place()
        return True

    def _place(self) -> None:
        """Distances and states of the present vesicles to the present membrane by the present rule."""
        from exotrack.em.states import place

        if self.vesicles.empty:
            return
        if self.membrane is None:
            gone = {key: np.nan for key in self.vesicles if key.startswith(("dist_pm_", "closest_"))}
            self.vesicles = Vesicles.build(self.vesicles.assign(**gone, state="", rule_id="", distance_kind=""))
            return
        self.vesicles = place(self.vesicles, self.membrane, self.rule)
