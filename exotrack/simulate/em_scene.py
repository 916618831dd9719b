"""Where things lie in a simulated micrograph: the plasma membrane, omega figures and vesicles, in three dimensions.

Coordinates are (z, y, x) in nm; the block of sections begins at z = 0, and the cell lies at larger y than the membrane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from exotrack.simulate.em import EmSimulation

Real = NDArray[np.float64]
TRIES = 200
"""Places tried for a vesicle before it is left out because the cell is full."""


@dataclass(frozen=True)
class Surface:
    """The middle of the plasma membrane: y = y0 + wave sin(k x + phase) + slope z."""

    y0: float
    wave: float
    k: float
    phase: float
    slope: float

    def height(self, z: Real, x: Real) -> Real:
        """y (nm) of the membrane at (z, x)."""
        return np.asarray(self.y0 + self.wave * np.sin(self.k * x + self.phase) + self.slope * z)

    def normal(self, z: float, x: float) -> Real:
        """Unit vector (z, y, x) into the cell at the membrane's point (z, x)."""
        n = np.array([-self.slope, 1.0, -self.wave * self.k * math.cos(self.k * x + self.phase)])
        return np.asarray(n / np.linalg.norm(n))

    def near(self, points: Real) -> Real:
        """Signed distance (nm) of points (..., 3) by the slope under them: right near the membrane, cheap everywhere."""
        z, y, x = points[..., 0], points[..., 1], points[..., 2]
        rise = self.wave * self.k * np.cos(self.k * x + self.phase)
        return np.asarray((y - self.height(z, x)) / np.sqrt(1.0 + rise**2 + self.slope**2))

    def distance(self, points: Real) -> Real:
        """Signed distance (nm) of points (n, 3), positive in the cell, to a thousandth of a nm."""
        z, y, x = points.T
        foot_z, foot_x = z.copy(), x.copy()
        for _ in range(40):  # Gauss-Newton for the nearest point of a gently curved surface
            angle = self.k * foot_x + self.phase
            rise = self.wave * self.k * np.cos(angle)
            off = self.height(foot_z, foot_x) - y
            # Of |r|^2 with r = (foot_z - z, off, foot_x - x): gradient and full second derivatives, kept positive.
            gz, gx = foot_z - z + off * self.slope, foot_x - x + off * rise
            bend = np.maximum(1.0 + rise**2 - off * self.wave * self.k**2 * np.sin(angle), 0.5)
            hz, hx, hzx = 1.0 + self.slope**2, bend, self.slope * rise
            det = np.maximum(hz * hx - hzx**2, 0.2)
            foot_z -= (hx * gz - hzx * gx) / det
            foot_x -= (hz * gx - hzx * gz) / det
        gap = np.sqrt((foot_z - z) ** 2 + (self.height(foot_z, foot_x) - y) ** 2 + (foot_x - x) ** 2)
        return np.asarray(np.where(y >= self.height(z, x), gap, -gap))


@dataclass(frozen=True)
class Scene:
    """What there is, before it is cut and imaged.

    Attributes
    ----------
    surface : the plasma membrane's middle.
    omegas : (m, 4) z, y, x and radius (nm) of the spheres that open through the membrane, to its middle.
    centres : (n, 3) centres of the vesicles (nm).
    radii : (n,) outer radii.
    occupancy : (n,) part of the lumen filled by a dense core.
    docked : (n,) placed at the membrane on purpose.
    grains : (g, 4) z, y, x and radius of dark grains in the cytoplasm.
    """

    surface: Surface
    omegas: Real
    centres: Real
    radii: Real
    occupancy: Real
    docked: NDArray[np.bool_]
    grains: Real
    params: EmSimulation

    def depth(self, points: Real, exact: bool = True) -> Real:
        """Signed distance (nm) of points (..., 3) from the middle of the membrane, omega figures included; positive inside."""
        bare = self.surface.distance(points) if exact else self.surface.near(points)
        found, nearest = bare, np.full(bare.shape, np.inf)
        for *centre, radius in self.omegas:
            away = np.linalg.norm(points - np.array(centre), axis=-1)
            sunk = float(self.surface.distance(np.array([centre]))[0])
            # Far from all figures there is only the surface; of two, the nearer counts.
            mine = (away < 3 * radius) & (away - radius < nearest)
            found = np.where(mine, _opened(bare, bare - sunk, away, radius, sunk), found)
            nearest = np.where(mine, away - radius, nearest)
        return np.asarray(found)


def _opened(bare: Real, along: Real, away: Real, radius: float, sunk: float) -> Real:
    """Signed distance to a plane through which a sphere opens; within either, only what is left of both counts.

    bare : distance to the plane. along : from the centre, across the plane. away : from the centre. sunk : of the centre.
    """
    lateral = np.sqrt(np.maximum(away**2 - along**2, 0.0))
    opening = math.sqrt(max(radius**2 - sunk**2, 0.0))
    rim = np.hypot(bare, lateral - opening)
    plane = np.where(lateral >= opening, np.abs(bare), rim)
    sphere = np.where(along * radius >= -sunk * away, np.abs(away - radius), rim)
    inside = np.minimum(bare, away - radius) >= 0
    return np.asarray(np.where(inside, np.minimum(bare, away - radius), -np.minimum(plane, sphere)))


def build_scene(params: EmSimulation, rng: np.random.Generator) -> Scene:
    """Membrane, omega figures and vesicles that do not overlap, at random."""
    field, shape = params.field, params.membrane
    _, height, width = params.size_nm
    slope = math.tan(math.radians(shape.tilt_deg))
    middle = field.n_sections * field.section_nm / 2
    y0 = shape.depth * height - slope * middle
    surface = Surface(y0, shape.wave_nm, 2 * math.pi / shape.period_nm, rng.uniform(0, 2 * math.pi), slope)
    omegas = _omegas(params, surface, rng)
    empty = np.zeros(0)
    bare = Scene(surface, omegas, np.zeros((0, 3)), empty, empty, np.zeros(0, bool), np.zeros((0, 4)), params)
    centres, radii, docked = _placed(bare, rng, width)
    filled = replace(bare, centres=centres, radii=radii, docked=docked, occupancy=_occupancies(params, len(radii), rng))
    return replace(filled, grains=_grains(filled, rng))


def _grains(scene: Scene, rng: np.random.Generator) -> Real:
    """Grains in the cytoplasm, outside of vesicles."""
    size = np.array(scene.params.size_nm)
    n = rng.poisson(scene.params.imaging.granules_per_um3 * np.prod(size) / 1e9)
    places, radii = rng.uniform(0, size, (n, 3)), rng.uniform(6.0, 12.5, n)
    kept = scene.depth(places, exact=False) > radii + scene.params.membrane.thickness_nm
    if len(scene.centres):
        gap, owner = cKDTree(scene.centres).query(places, k=np.arange(min(8, len(scene.centres))) + 1)
        kept &= np.all(gap > scene.radii[owner] + radii[:, None], axis=1)
    return np.asarray(np.column_stack([places, radii])[kept])


def _omegas(params: EmSimulation, surface: Surface, rng: np.random.Generator) -> Real:
    """Spheres in the middle of the block, spread along the membrane, sunk so that the opening is as wide as the neck."""
    n = params.membrane.omegas
    deep, _, width = params.size_nm
    rows = []
    for k in range(n):
        radius = params.vesicles.diameter_nm / 2 * max(rng.normal(1.0, params.vesicles.spread), 0.5)
        neck = min(params.membrane.neck_nm * rng.uniform(0.6, 1.4), 1.9 * radius)
        x = width * (k + rng.uniform(0.35, 0.65)) / n
        foot = np.array([deep / 2, float(surface.height(np.array(deep / 2), np.array(x))), x])
        centre = foot + surface.normal(deep / 2, x) * math.sqrt(radius**2 - (neck / 2) ** 2)
        rows.append([*centre, radius])
    return np.array(rows).reshape(-1, 4)


def _placed(scene: Scene, rng: np.random.Generator, width: float) -> tuple[Real, Real, NDArray[np.bool_]]:
    """Centres and radii: docked ones first, then the rest anywhere in the cell, some of them cut by every face of the block."""
    params = scene.params
    mean, spread = params.vesicles.diameter_nm / 2, params.vesicles.spread
    deep, height, _ = params.size_nm
    edge = mean * (1 + 4 * spread)
    box = np.array([[-edge, deep + edge], [-edge, height + edge], [-edge, width + edge]])
    sides = box[:, 1] - box[:, 0]
    n_docked = rng.poisson(params.vesicles.docked_per_um2 * sides[0] * sides[2] / 1e6)
    n_free = rng.poisson(params.vesicles.per_um3 * np.prod(sides) / 1e9)
    radii = np.maximum(rng.normal(mean, mean * spread, n_docked + n_free), 0.3 * mean)
    centres = np.full((len(radii), 3), np.nan)
    cells = _Neighbours(2 * radii.max(initial=mean) + params.vesicles.gap_nm)
    half = params.membrane.thickness_nm / 2
    for number, radius in enumerate(radii):
        for tried in _candidates(scene, rng, box, radius, number < n_docked):
            clear = number < n_docked or scene.surface.near(tried) >= radius + half
            clear = clear and all(np.linalg.norm(tried - o[:3]) >= o[3] + half + radius for o in scene.omegas)
            if clear and cells.free(tried, radius + params.vesicles.gap_nm):
                centres[number] = tried
                cells.add(tried, radius)
                break
    kept = np.isfinite(centres[:, 0])
    exact = scene.depth(centres[kept]) >= radii[kept] + half - 0.01
    kept[kept] = exact
    return centres[kept], radii[kept], (np.arange(len(radii)) < n_docked)[kept]


def _candidates(scene: Scene, rng: np.random.Generator, box: Real, radius: float, docked: bool) -> Real:
    """Places to try (TRIES, 3): in contact with the membrane, or anywhere in the box."""
    tried = rng.uniform(box[:, 0], box[:, 1], (TRIES, 3))
    if docked:
        away = scene.params.membrane.thickness_nm / 2 + radius
        gaps = rng.uniform(0, scene.params.vesicles.docked_gap_nm, TRIES) + 0.01
        feet = np.column_stack([tried[:, 0], scene.surface.height(tried[:, 0], tried[:, 2]), tried[:, 2]])
        normals = np.array([scene.surface.normal(z, x) for z, _, x in feet])
        tried = feet + normals * (away + gaps)[:, None]
        # A concave membrane is nearer than the foot says: move out until the gap is the one that was drawn.
        for _ in range(3):
            tried += normals * (away + gaps - scene.surface.distance(tried))[:, None]
    return np.asarray(tried)


class _Neighbours:
    """Spheres in a grid of cubes, so that an overlap is looked for among the near ones only."""

    def __init__(self, cube: float) -> None:
        self.cube = cube
        self.held: dict[tuple[int, ...], list[tuple[Real, float]]] = {}

    def _key(self, point: Real) -> tuple[int, ...]:
        return tuple(int(v) for v in np.floor(point / self.cube))

    def free(self, point: Real, radius: float) -> bool:
        """Whether a sphere of `radius` at `point` overlaps none."""
        z, y, x = self._key(point)
        near = (self.held.get((z + a, y + b, x + c), ()) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1))
        return all(np.linalg.norm(point - other) >= radius + size for cube in near for other, size in cube)

    def add(self, point: Real, radius: float) -> None:
        """Remember a sphere."""
        self.held.setdefault(self._key(point), []).append((point, radius))


def _occupancies(params: EmSimulation, n: int, rng: np.random.Generator) -> Real:
    """Part of the lumen filled: 0.75 to 0.95 for the full, as the parameters say for the partly full, 0 for the rest."""
    drawn = rng.uniform(0, 1, n)
    full, partial = params.vesicles.full, params.vesicles.full + params.vesicles.partial
    some = rng.uniform(params.vesicles.partial_from, params.vesicles.partial_to, n)
    filled = np.where(drawn < partial, some, 0.0)
    return np.where(drawn < full, rng.uniform(0.75, 0.95, n), filled)
