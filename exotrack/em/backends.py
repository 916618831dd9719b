"""Backends: other finders of vesicles, installed beside exotrack and announced as entry points.

A package announces a callable in the group ``exotrack.em_backends``. It gets grey values and spacing, and gives labels; from
there on nothing knows who made them. Models and their files stay in the backend's own package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack._settings import nearest
from exotrack.em.labels import checked, measure_labels
from exotrack.em.stack import Spacing, Stack
from exotrack.errors import ExotrackError, InputError, ParameterError
from exotrack.tables import Vesicles

if TYPE_CHECKING:
    import pandas as pd

GROUP = "exotrack.em_backends"
OWN = ("ring", "shell", "disc")
"""What exotrack finds by itself."""


@dataclass(frozen=True, eq=False)
class LabelResult:
    """What a backend gives.

    Attributes
    ----------
    labels : of the image's shape; 0 outside, a positive whole number in each vesicle.
    score : number of each label to its score from 0 to 1, where the backend has one.
    meta : whatever should stand in the record: model, version, settings.
    """

    labels: NDArray[Any]
    score: Mapping[int, float] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


Backend = Callable[..., LabelResult]
"""Called as ``backend(image, spacing_nm, **options)``; image (y, x) or (z, y, x) as stored, spacing of as many axes in nm."""


def names() -> list[str]:
    """Names of the installed backends."""
    return sorted(point.name for point in entry_points(group=GROUP))


def find_with(name: str, stack: Stack, **options: Any) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Vesicles that the backend `name` finds in a stack, and what it says of itself.

    Raises
    ------
    ParameterError : there is no such backend. InputError : it failed, or gave what are no labels of this image.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        listed = ", ".join(found) or "none"
        raise ParameterError(f"unknown backend {name!r}{nearest(name, found)}; installed are {listed}")
    pixels = stack.read()
    image, spacing = (pixels[0], stack.spacing_nm[1:]) if stack.flat else (pixels, stack.spacing_nm)
    try:
        result = found[name].load()(image, spacing, **options)
    except ExotrackError:
        raise
    except Exception as problem:
        raise InputError(f"backend {name} failed: {type(problem).__name__}: {' '.join(str(problem).split())[:200]}") from problem
    return tabled(name, result, image.shape, stack), dict(result.meta)


def tabled(name: str, result: Any, shape: tuple[int, ...], stack: Stack) -> pd.DataFrame:
    """The table of a backend's labels; `InputError` where it broke the contract."""
    if not isinstance(result, LabelResult):
        raise InputError(f"backend {name} gave {type(result).__name__}, not a LabelResult")
    labels = np.asarray(result.labels)
    if labels.shape != tuple(shape):
        raise InputError(f"backend {name} gave labels of shape {labels.shape} for an image of {tuple(shape)}")
    if not labels.any():
        return Vesicles.empty()
    whole = checked(labels, f"backend {name}")
    spacing: Spacing = stack.spacing_nm
    table = measure_labels(whole if whole.ndim == 3 else whole[None], spacing, image_id=stack.image_id, backend=name)
    if result.score is not None:
        table["score"] = [float(result.score.get(int(k), np.nan)) for k in table["vesicle_id"]]
    return table


def cellpose(image: NDArray[Any], spacing_nm: tuple[float, ...], *, diameter_nm: float = 45.0, **options: Any) -> LabelResult:
    """Cellpose as a backend; needs ``pip install "exotrack[cellpose]"`` and a model that Cellpose itself keeps.

    Parameters
    ----------
    diameter_nm : of a typical vesicle. options : passed to ``cellpose.models.CellposeModel``.
    """
    try:
        from cellpose import models
    except ImportError as problem:
        raise InputError('the backend cellpose needs the package cellpose; pip install "exotrack[cellpose]"') from problem
    model = models.CellposeModel(**options)
    deep = image.ndim == 3
    uneven = {"do_3D": True, "anisotropy": spacing_nm[0] / spacing_nm[-1], "z_axis": 0} if deep else {}
    masks = model.eval(image, diameter=diameter_nm / spacing_nm[-1], **uneven)[0]
    return LabelResult(np.asarray(masks, np.int32), meta={"model": "cellpose", **options})
