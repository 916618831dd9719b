"""Tracks as GEFF, the graph exchange file format: a spot is a node, an edge joins consecutive spots of a track.

Specification 1.x of live-image-tracking-tools, written and read through its reference package.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import CalibrationError, InputError
from exotrack.io import units
from exotrack.io.atomic import atomic_folder
from exotrack.io.extra import require
from exotrack.io.foreign import checked, depth, measured, needed_pixel, of_one_movie, tracks_table
from exotrack.io.guard import one_error, shown
from exotrack.tables import Tracks

if TYPE_CHECKING:
    import pandas as pd

MAX_NODES = 50_000_000
"""More spots than any movie has; a damaged or hostile header may declare anything."""
_UNITS = {"s": "second", "um": "micrometer"}


def write_geff(tracks: pd.DataFrame, path: str | Path, overwrite: bool = False) -> None:
    """Write a Tracks table of one movie as the GEFF folder `path`, all or nothing.

    What the folder holds is replaced only with `overwrite`.

    Axes are t (seconds; frames where a time is missing), z if there is depth, y and x (micrometers); owner, frame and every
    measure are properties of the nodes, missing where they are undefined. Raises `InputError` for several movies, or if the
    package geff is not installed.
    """
    path = Path(path)
    core, spec = require("geff", path, "writing").core_io, require("geff_spec", path, "writing")
    ordered = of_one_movie(path, tracks)
    timed = bool(np.isfinite(ordered["t_s"]).all())
    axes = {"t": ("time", "second" if timed else "frame", ordered["t_s" if timed else "frame"])}
    axes |= {key[0]: ("space", "micrometer", ordered[key]) for key in ("z_um", "y_um", "x_um") if key in ordered}
    values = {name: column for name, (_, _, column) in axes.items()}
    values |= {"track_id": ordered["track_id"], "frame": ordered["frame"]}
    values |= {key: ordered[key] for key in measured(ordered) if not (timed and key == "t_s")}
    about = Tracks.columns()
    node = np.arange(len(ordered), dtype=np.uint64)
    joined = np.flatnonzero(np.diff(ordered["track_id"].to_numpy()) == 0)
    unit = {name: axis[1] for name, axis in axes.items()}
    unit |= {key: _UNITS.get(about[key].unit, about[key].unit) for key in values if key in about and about[key].unit}
    properties = {name: _property(column) for name, column in values.items()}
    metadata = spec.GeffMetadata(
        directed=True,
        axes=[spec.Axis(name=name, type=kind, unit=unit) for name, (kind, unit, _) in axes.items()],
        node_props_metadata={
            name: spec.PropMetadata(
                identifier=name,
                dtype=properties[name]["values"].dtype,
                unit=unit.get(name),
                description=about[name].about if name in about else None,
            )
            for name in values
        },
        edge_props_metadata={},
        track_node_props={"tracklet": "track_id"},
    )
    edges = np.column_stack([node[joined], node[joined + 1]])
    with atomic_folder(path, overwrite) as temporary:
        temporary.rmdir()  # the package takes even an empty folder for a GEFF
        core.write_arrays(temporary, node, properties, edges, {}, metadata, zarr_format=2)


def read_geff(path: str | Path, pixel_um: float | None = None, frame_s: float | None = None) -> pd.DataFrame:
    """Tracks table from a GEFF folder.

    Parameters
    ----------
    pixel_um : size of a pixel, needed where the axes of space are in pixels or without a unit.
    frame_s : time between frames (s); needed where time is in seconds and no node has a property frame. Wins over the file.

    Tracks are the tracklets the file names, or else those its edges make: a division ends one and begins two. Properties of
    our own names become columns, others are left. Raises `InputError` for what is damaged or lacks axes of time and space,
    `CalibrationError` if a calibration is needed and not given.
    """
    path = Path(path)
    checked(pixel_um, frame_s)
    core, spec = require("geff", path).core_io, require("geff_spec", path)
    with one_error(path, "cannot be read as GEFF"):
        metadata = spec.GeffMetadata.read(path)
        _check_size(path)
        time, space = _axes(path, metadata)
        owner = (metadata.track_node_props or {}).get("tracklet")
        known = {key for key, column in Tracks.columns().items() if column.dtype == "float64"} | {"frame"}
        wanted = {owner, time.name, *(axis.name for axis in space.values())} | (known & set(metadata.node_props_metadata))
        graph = core.read_to_memory(path, node_props=sorted(wanted - {None}))
        values = {name: _values(prop) for name, prop in graph["node_props"].items()}
        columns: dict[str, Any] = {name: values[name] for name in known & set(values) if name not in ("y_um", "x_um")}
        columns |= _times(path, time, values, frame_s)
        place = {f"{axis}_um": _length_um(path, one, values[one.name], pixel_um) for axis, one in space.items()}
        columns |= {key: place[key] for key in ("y_um", "x_um")} | (depth(place["z_um"]) if "z_um" in place else {})
        named = owner is not None and np.isfinite(values[owner]).all()
        columns["track_id"] = values[owner] if named else _tracklets(graph["node_ids"], graph["edge_ids"], columns["frame"])
        return tracks_table(path, columns, frame_s)


def _property(column: pd.Series[Any]) -> dict[str, Any]:
    if column.dtype == "int64":
        return {"values": column.to_numpy(), "missing": None}
    values = column.to_numpy(float, na_value=np.nan)
    missing = np.isnan(values)
    return {"values": values, "missing": missing if missing.any() else None}


def _values(prop: dict[str, Any]) -> NDArray[np.float64]:
    values = np.asarray(prop["values"], float)
    if values.ndim != 1:
        raise ValueError("a property that should be one number per node is not")
    return values if prop["missing"] is None else np.asarray(np.where(prop["missing"], np.nan, values))


def _check_size(path: Path) -> None:
    import zarr

    group: Any = zarr.open_group(path, mode="r")
    for name in ("nodes/ids", "edges/ids"):
        declared = int(group[name].shape[0])
        if declared > MAX_NODES:
            raise InputError(f"{shown(path)}: the header declares {declared} {name.partition('/')[0]}; the file is damaged")


def _axes(path: Path, metadata: Any) -> tuple[Any, dict[str, Any]]:
    """The axis of time, and those of space by z, y and x."""
    axes = metadata.axes or []
    time = [axis for axis in axes if axis.type == "time"]
    space = [axis for axis in axes if axis.type == "space"]
    if len(time) != 1 or len(space) not in (2, 3):
        found = ", ".join(f"{axis.name} ({axis.type})" for axis in axes) or "none"
        raise InputError(f"{shown(path)}: tracks need one axis of time and two or three of space; found {found}")
    named = {axis.name.lower(): axis for axis in space}
    if set(named) <= {"z", "y", "x"} and {"y", "x"} <= set(named):
        return time[0], named
    return time[0], dict(zip("zyx"[-len(space) :], space, strict=True))


def _length_um(path: Path, axis: Any, values: NDArray[np.float64], pixel_um: float | None) -> NDArray[np.float64]:
    factor = units.length_um(1.0, axis.unit or "")
    if factor is not None:
        return values * factor
    scaled = units.length_um(1.0, axis.scaled_unit or "")
    if pixel_um is None and scaled is not None:
        return np.asarray((values * axis.scale + (axis.offset or 0.0)) * scaled)
    return values * needed_pixel(path, pixel_um, f"its axis {axis.name} is in {axis.unit or 'no unit'}")


def _times(path: Path, axis: Any, values: dict[str, NDArray[np.float64]], frame_s: float | None) -> dict[str, Any]:
    """Columns frame and, where it is known, t_s."""
    t = values[axis.name]
    factor = units.time_s(1.0, axis.unit or "")
    if factor is None:
        scaled = units.time_s(1.0, axis.scaled_unit or "")
        return {"frame": t} | ({} if scaled is None else {"t_s": (t * axis.scale + (axis.offset or 0.0)) * scaled})
    t_s = t * factor
    if "frame" in values:
        return {"frame": values["frame"], "t_s": t_s}
    if frame_s is None:
        raise CalibrationError(f"{shown(path)}: its times are in {axis.unit}s, without frames; give --frame-s (frame_s=)")
    frame = np.rint(t_s / frame_s)
    if np.any(np.abs(t_s / frame_s - frame) > 0.1):
        raise CalibrationError(f"{shown(path)}: its times are no multiples of {frame_s:g} s; give the right --frame-s (frame_s=)")
    return {"frame": frame, "t_s": t_s}


def _tracklets(node: NDArray[Any], edge: NDArray[Any], frame: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of the track of each node: nodes joined by edges that neither divide nor merge."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    order = np.argsort(node, kind="stable")
    at = order[np.searchsorted(node[order], edge).clip(max=len(node) - 1)] if len(edge) else np.empty((0, 2), np.int64)
    if not np.array_equal(node[at], edge):
        raise ValueError("an edge names a node that is not there")
    late = frame[at[:, 0]] > frame[at[:, 1]]
    source, target = np.where(late, at[:, 1], at[:, 0]), np.where(late, at[:, 0], at[:, 1])
    alone = (np.bincount(source, minlength=len(node))[source] == 1) & (np.bincount(target, minlength=len(node))[target] == 1)
    joins = coo_array((np.ones(alone.sum()), (source[alone], target[alone])), shape=(len(node), len(node)))
    return np.asarray(connected_components(joins, directed=False)[1], np.int64) + 1
