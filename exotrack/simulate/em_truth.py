"""`simulate_em`: a synthetic micrograph, and what is true of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._em_geometry_tables import Pits, Profiles
from exotrack.simulate.em import EmSimulation
from exotrack.simulate.em_render import sections
from exotrack.simulate.em_scene import Scene, build_scene
from exotrack.tables import Vesicles

EQUATORIAL_DEG = 53.13
"""Cap angle whose sine is 0.8: from there on a profile is at least 0.8 of the vesicle's diameter."""


@dataclass(frozen=True)
class EmTruth:
    """A synthetic micrograph and what is true of it. All of one section is (y, x), of several (z, y, x).

    Attributes
    ----------
    pixels : grey values, uint8 or uint16.
    spacing_nm : distance of sections, rows and columns.
    vesicles : `Vesicles` with the true sphere of every vesicle of which the image shows a part. Distances are in three dimensions
        from its outer face to the inner face of the membrane. `cap_deg` is the greatest cap angle shown, `profile_nm` the
        diameter of that profile, `occupancy` the filled part of the lumen, `docked_on_purpose` how it was placed.
    profiles : `Profiles`, one row per vesicle and section.
    pits : `Pits`, measured along the middle of the membrane, in the middle of the block.
    labels : vesicle numbers, 0 where there is none: the whole profile that a section shows.
    membrane : 1 in the membrane (in the middle of each section), else 0.
    cell : 1 inside the inner face of the membrane, vesicles included, else 0.
    scene, params : what it was made from.
    """

    pixels: NDArray[Any]
    spacing_nm: tuple[float, float, float]
    vesicles: pd.DataFrame
    profiles: pd.DataFrame
    pits: pd.DataFrame
    labels: NDArray[np.int32]
    membrane: NDArray[np.uint8]
    cell: NDArray[np.uint8]
    scene: Scene
    params: EmSimulation


def simulate_em(params: EmSimulation, rng: np.random.Generator, image_id: str = "synthetic") -> EmTruth:
    """Draw a scene and image it. The same parameters and random state give the same micrograph."""
    scene = build_scene(params, rng)
    pixels = np.stack(list(sections(scene, rng)))
    profiles = profile_rows(scene, image_id)
    labels = _labels(scene, profiles)
    membrane, cell = _masks(scene)
    if params.field.n_sections == 1:
        pixels, labels, membrane, cell = pixels[0], labels[0], membrane[0], cell[0]
    vesicles = _vesicle_rows(scene, profiles, image_id)
    pits = _pit_rows(scene, image_id)
    return EmTruth(pixels, params.spacing_nm, vesicles, profiles, pits, labels, membrane, cell, scene, params)


def profile_rows(scene: Scene, image_id: str) -> pd.DataFrame:
    """Every vesicle in every section that holds a part of it and whose picture it touches."""
    params = scene.params
    thick = params.field.section_nm
    _, height, width = params.size_nm
    half = params.membrane.thickness_nm / 2
    found = []
    for section in range(params.field.n_sections):
        z, y, x = scene.centres.T if len(scene.centres) else np.zeros((3, 0))
        low, high = section * thick, (section + 1) * thick
        away = np.maximum(np.maximum(low - z, z - high), 0.0)
        size = np.sqrt(np.maximum(scene.radii**2 - away**2, 0.0))
        seen = (size > 0) & (y > -size) & (y < height + size) & (x > -size) & (x < width + size)
        cut = (y < size) | (y > height - size) | (x < size) | (x > width - size)
        mid = np.column_stack([np.full(len(y), (low + high) / 2), y, x])
        columns = {
            "vesicle_id": np.arange(1, len(z) + 1), "section": section, "y_nm": y, "x_nm": x, "profile_nm": 2 * size,
            "diameter_nm": 2 * scene.radii, "cap_deg": np.degrees(np.arcsin(np.clip(size / scene.radii, 0, 1))),
            "centred": (z >= low) & (z < high), "dist_in_section_nm": scene.depth(mid) - half - size, "touches_border": cut,
        }  # fmt: skip
        found.append(pd.DataFrame(columns)[seen])
    return Profiles.build(pd.concat(found, ignore_index=True).assign(image_id=image_id))


def _vesicle_rows(scene: Scene, profiles: pd.DataFrame, image_id: str) -> pd.DataFrame:
    """The spheres of which something is seen, under the numbers that the profiles use."""
    params = scene.params
    best = profiles.sort_values("cap_deg").groupby("vesicle_id").last()
    ends = profiles.groupby("vesicle_id")["section"].agg(["min", "max"]).reindex(best.index)
    which = best.index.to_numpy() - 1
    radii, centres = scene.radii[which], scene.centres[which].reshape(-1, 3)
    away = scene.depth(centres) - params.membrane.thickness_nm / 2
    deep, several = params.size_nm[0], params.field.n_sections > 1
    above_below = several & ((centres[:, 0] < radii) | (centres[:, 0] > deep - radii))
    occupancy = scene.occupancy[which]
    touching = away - radii <= params.vesicles.docked_gap_nm + 0.05
    return Vesicles.build(
        {
            "image_id": np.full(len(which), image_id), "vesicle_id": which + 1, "backend": np.full(len(which), "simulated"),
            "z_nm": centres[:, 0] - params.field.section_nm / 2, "y_nm": centres[:, 1], "x_nm": centres[:, 2],
            "diameter_nm": 2 * radii, "diameter_kind": np.full(len(which), "given"), "membrane_nm": params.vesicles.wall_nm,
            "area_nm2": np.pi * (best["profile_nm"].to_numpy() / 2) ** 2, "volume_nm3": 4 / 3 * np.pi * radii**3,
            "circularity": 1.0, "completeness": 1.0,
            "first_section": ends["min"].to_numpy(), "last_section": ends["max"].to_numpy(),
            "touches_border": best["touches_border"].to_numpy(bool) | above_below,
            "equatorial": best["cap_deg"].to_numpy() >= EQUATORIAL_DEG,
            "occupancy": occupancy, "filling": np.select([occupancy > 0.6, occupancy > 0.1], ["full", "partial"], "empty"),
            "dist_pm_surface_nm": away - radii, "dist_pm_centre_nm": away,
            "state": np.where(touching, "docked", ""), "rule_id": np.full(len(which), "simulated"),
            "distance_kind": np.full(len(which), "surface"), "resolution_nm": 0.0,
            "cap_deg": best["cap_deg"].to_numpy(), "profile_nm": best["profile_nm"].to_numpy(),
            "docked_on_purpose": scene.docked[which],
        }
    )  # fmt: skip


def _pit_rows(scene: Scene, image_id: str) -> pd.DataFrame:
    """Omega figures: a circle cut by a straight membrane."""
    if not len(scene.omegas):
        return Pits.empty()
    radius = scene.omegas[:, 3]
    sunk = np.array([scene.surface.distance(o[None, :3])[0] for o in scene.omegas])
    neck = 2 * np.sqrt(np.maximum(radius**2 - sunk**2, 0))
    arc = radius * (2 * np.pi - 2 * np.arcsin(np.clip(neck / 2 / radius, 0, 1)))
    mouth = np.array([surface_point(scene, o[:3]) for o in scene.omegas])
    cap = radius**2 * np.arccos(np.clip(sunk / radius, -1, 1)) - sunk * neck / 2
    at_half = 2 * np.sqrt(np.maximum(radius**2 - ((sunk + radius) / 2 - sunk) ** 2, 0))
    return Pits.build(
        {
            "image_id": image_id, "pit_id": np.arange(1, len(radius) + 1), "kind": "omega",
            "z_nm": mouth[:, 0] - scene.params.field.section_nm / 2, "y_nm": mouth[:, 1], "x_nm": mouth[:, 2],
            "neck_nm": neck, "mouth_nm": neck, "height_nm": sunk + radius, "width_nm": 2 * radius, "fwhm_nm": at_half,
            "perimeter_nm": arc, "area_nm2": np.pi * radius**2 - cap,
        }
    )  # fmt: skip


def surface_point(scene: Scene, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """The membrane's point under the centre of an omega figure: where its mouth is."""
    z, _, x = centre
    for _ in range(20):
        foot = np.array([z, float(scene.surface.height(np.array(z), np.array(x))), x])
        normal = scene.surface.normal(z, x)
        slip = (centre - foot) - normal * np.dot(centre - foot, normal)
        z, x = z + slip[0], x + slip[2]
    return np.array([z, float(scene.surface.height(np.array(z), np.array(x))), x])


def _labels(scene: Scene, profiles: pd.DataFrame) -> NDArray[np.int32]:
    """Discs of the profiles; where two lie over one another in a thick section the larger profile is on top."""
    field = scene.params.field
    labels = np.zeros((field.n_sections, field.height_px, field.width_px), np.int32)
    y, x = np.arange(field.height_px) * field.pixel_nm, np.arange(field.width_px) * field.pixel_nm
    for row in profiles.sort_values("profile_nm").itertuples():
        size = row.profile_nm / 2
        top, bottom = np.searchsorted(y, [row.y_nm - size, row.y_nm + size])
        left, right = np.searchsorted(x, [row.x_nm - size, row.x_nm + size])
        disc = (y[top:bottom, None] - row.y_nm) ** 2 + (x[left:right] - row.x_nm) ** 2 <= size**2
        labels[row.section, top:bottom, left:right][disc] = row.vesicle_id
    return labels


def _masks(scene: Scene) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Membrane and cell in the middle of each section."""
    field, half = scene.params.field, scene.params.membrane.thickness_nm / 2
    shape = (field.n_sections, field.height_px, field.width_px)
    membrane, cell = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    points = np.empty((*shape[1:], 3))
    points[..., 1] = (np.arange(field.height_px) * field.pixel_nm)[:, None]
    points[..., 2] = np.arange(field.width_px) * field.pixel_nm
    for section in range(field.n_sections):
        points[..., 0] = (section + 0.5) * field.section_nm
        depth = scene.depth(points, exact=False)
        membrane[section], cell[section] = np.abs(depth) <= half, depth > half
    return membrane, cell
