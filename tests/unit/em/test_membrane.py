"""Distances to a membrane are those of geometry, whatever the voxels; bad membranes are refused in a line."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack.em.distances import label_distances, neighbours
from exotrack.em.membrane import Membrane, trace
from exotrack.errors import InputError
from exotrack.simulate import em_simulation, simulate_em

SPACINGS = [(2.0, 2.0, 2.0), (5.0, 2.0, 2.0), (30.0, 8.0, 8.0), (2.0, 3.0, 5.0), (1.5, 1.5), (2.0, 5.0)]


def grid(shape, spacing):
    return np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij"), -1)


def across(units, spacing):
    """Extent of a voxel along unit vectors (nm)."""
    return np.sqrt(((units * np.asarray(spacing)) ** 2).sum(axis=1))


def ball(spacing, in_voxels=9.0, seed=0):
    """Distance (nm, positive inside) of every voxel to a sphere, its centre and its radius, and test points with directions."""
    rng = np.random.default_rng(seed)
    spacing = np.asarray(spacing)
    radius = in_voxels * spacing.max()
    centre = radius + (4 + rng.uniform(0, 1, len(spacing))) * spacing
    depth = radius - np.linalg.norm(grid(np.ceil(2 * centre / spacing).astype(int) + 1, spacing) - centre, axis=-1)
    units = rng.normal(size=(60, len(spacing)))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    away = rng.uniform(0.3, 1.3, (60, 1))
    return depth, radius, centre + units * radius * away, (radius * (1 - away[:, 0])), units


@pytest.mark.parametrize("spacing", SPACINGS, ids=str)
def test_distances_to_a_sphere_are_exact(spacing) -> None:
    """Within a tenth of a voxel, of a mask of 0 and 1 and of one that says how much of each voxel is inside."""
    depth, _, points, true, units = ball(spacing)
    normal = np.stack(np.gradient(depth, *spacing), -1)
    share = np.clip(0.5 + depth / np.sqrt(((normal * np.asarray(spacing)) ** 2).sum(-1)).clip(1e-9), 0, 1)
    for mask, most in ((depth >= 0, 0.1), (share, 0.05)):
        found, feet = Membrane.from_mask(mask, spacing, "cell").distances(points)
        assert np.abs((found - true) / across(units, spacing)).max() < most
        np.testing.assert_allclose(np.linalg.norm(points - feet, axis=1), np.abs(found))


def test_a_membrane_ends_where_the_image_does() -> None:
    """A slope that would go on beyond the border: the nearest point lies in the image, and the cell's side stays its own."""
    y, x = grid((300, 120), (2.0, 2.0))[..., 0], grid((300, 120), (2.0, 2.0))[..., 1]
    membrane = Membrane.from_mask(y > 100 - 0.3 * x, (2.0, 2.0), "cell")
    found, feet = membrane.distances([[500.0, 20.0], [250.0, 230.0], [590.0, 4.0]])
    assert (found > 0).all()
    assert (feet > -2).all()
    assert (feet < [600, 240]).all()
    # Its foot on the endless line would be at x = -100 and beyond: the end of the line, at x = -1, is nearest.
    assert found[2] == pytest.approx(np.hypot(590 - 100.3, 5), abs=1.0)


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_a_rough_mask_gives_its_middle(noise) -> None:
    """Voxels near the face that are wrong by chance, as a hand draws: the face stays near, and right on average."""
    depth, _, points, true, _ = ball((2.0, 2.0))
    wrong = (np.abs(depth) < 2.0) & (np.random.default_rng(0).random(depth.shape) < noise)
    found, _ = Membrane.from_mask((depth >= 0) ^ wrong, (2.0, 2.0), "cell").distances(points)
    error = (found - true) / 2.0
    assert abs(error.mean()) < 0.1
    assert np.abs(error).max() < 0.8


@pytest.mark.parametrize("spacing", SPACINGS, ids=str)
def test_distances_to_an_oblique_plane_are_exact(spacing) -> None:
    normal = np.array([0.5, 0.7, 0.4])[: len(spacing)]
    normal /= np.linalg.norm(normal)
    points = np.asarray(spacing) * 24 + np.random.default_rng(1).uniform(-6, 6, (40, len(spacing))) * np.asarray(spacing)
    offset = (np.asarray(spacing) * 24.3) @ normal
    found, _ = Membrane.from_mask(grid((49,) * len(spacing), spacing) @ normal >= offset, spacing, "cell").distances(points)
    voxel = across(normal[None], spacing)[0]
    assert np.abs(found - (points @ normal - offset)).max() < 0.1 * voxel


def test_a_drawn_line_is_exact_and_has_two_sides() -> None:
    angle = np.linspace(0, 2 * np.pi, 721)
    circle = 100 + 50 * np.column_stack([np.sin(angle), np.cos(angle)])
    membrane = Membrane.from_lines([circle], inside_nm=(100, 100), thickness_nm=7.0)
    points = np.array([[100.0, 120.0], [100.0, 170.0], [160.0, 100.0]])
    found, feet = membrane.distances(points)
    np.testing.assert_allclose(found, [30 - 3.5, -20 - 3.5, -10 - 3.5], atol=0.01)
    np.testing.assert_allclose(feet, [[100, 150], [100, 150], [150, 100]], atol=0.3)
    assert membrane.size() == pytest.approx(2 * np.pi * 50, rel=1e-3)


def test_a_corner_keeps_its_sides() -> None:
    """Beyond a right angle, the side is that of the corner, not of whichever arm comes first."""
    membrane = Membrane.from_lines([[(0, -100), (0, 0), (-100, 0)]], inside_nm=(50, 50))
    assert (membrane.distances([[30, 10], [10, 30], [30, -90], [-90, 30]])[0] > 0).all()
    assert (membrane.distances([[-30, -30], [-5, -90], [-90, -5]])[0] < 0).all()


@pytest.mark.parametrize("turned", [0.0, 0.3, 0.8])
def test_what_lies_in_an_open_pit_is_outside_though_the_rim_of_its_mouth_is_nearest(turned: float) -> None:
    y, x = np.mgrid[-60:61, -60:61]
    along, down = x * np.cos(turned) - y * np.sin(turned), x * np.sin(turned) + y * np.cos(turned)
    cell = (down > -13) & (np.hypot(along, down) > 18)
    membrane = Membrane.from_mask(cell, (1.5, 1.5), "cell")
    rng = np.random.default_rng(4)
    places = rng.uniform(-1, 1, (400, 2)) * 10
    places = places[np.hypot(*places.T) < 10]
    gaps, _ = membrane.distances((places + 60) * 1.5)
    assert (gaps < 0).all()
    np.testing.assert_allclose(gaps, membrane.quick((places + 60) * 1.5), atol=1.6)


def test_lines_of_several_sections_become_a_surface() -> None:
    lines = [np.column_stack([np.full(3, z), np.full(3, 50.0), [0, 40, 100]]) for z in (0.0, 50.0, 100.0)]
    lines[1] = lines[1][::-1]  # drawn the other way round
    membrane = Membrane.from_lines(lines)
    assert membrane.distances([[25, 80, 50], [60, 20, 10]])[0] == pytest.approx([30, 30])
    assert membrane.size() == pytest.approx(100 * 100)


def test_touching_labels_are_at_no_distance() -> None:
    """Voxel distances of objects that touch are one voxel; those between their faces are none."""
    cell = np.zeros((40, 60), bool)
    cell[10:] = True
    labels = np.zeros((40, 60), np.int32)
    labels[10:22, 5:17] = 3
    labels[14:26, 30:42] = 7
    found = label_distances(labels, (2.0, 2.0), Membrane.from_mask(cell, (2.0, 2.0), "cell"))
    assert set(found) == {3, 7}
    assert found[3][0] == pytest.approx(0, abs=0.3)
    assert found[7][0] == pytest.approx(8, abs=0.3)


def test_a_band_is_measured_from_its_nearer_face() -> None:
    band = np.zeros((60, 60), bool)
    band[28:32] = True
    membrane = Membrane.from_mask(band, (2.0, 2.0))
    assert membrane.source == "band"
    assert membrane.distances([[20.0, 60.0], [100.0, 60.0], [59.0, 60.0]])[0] == pytest.approx([35, 37, -4], abs=0.3)


@pytest.mark.parametrize("contrast", ["dark", "bright"])
def test_a_traced_membrane_lies_in_its_middle(contrast) -> None:
    truth = simulate_em(
        em_simulation("em").updated(
            {"membrane": {"omegas": 0}, "field": {"height_px": 260, "width_px": 400}, "imaging": {"contrast": contrast}}
        ),
        np.random.default_rng(1),
    )
    x = np.array([20.0, 300.0, 580.0])
    clicks = np.column_stack([truth.scene.surface.height(np.array(25.0), x) + np.array([4, -5, 3]), x])
    membrane = trace(truth.pixels, clicks, (1.5, 1.5), inside_nm=(350, 300))
    line = membrane.vertices[(membrane.vertices[:, 1] > 40) & (membrane.vertices[:, 1] < 560)]
    off = truth.scene.surface.distance(np.column_stack([np.full(len(line), 25.0), line]))
    assert abs(off.mean()) < 0.3
    assert off.std() < 0.4
    vesicles = truth.vesicles[truth.vesicles["x_nm"].between(40, 560)]
    found, _ = membrane.distances(vesicles[["y_nm", "x_nm"]].to_numpy())
    assert np.abs(found - vesicles["dist_pm_centre_nm"]).mean() < 0.6


def test_neighbours_are_those_of_a_full_search() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (30, 3))
    away = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(away, np.inf)
    np.testing.assert_allclose(neighbours(points), away.min(axis=1))
    assert np.isnan(neighbours(points[:1])).all()


SOLID = np.pad(np.ones((20, 20)), 5)
BAD = {
    "empty": (lambda: Membrane.from_mask(np.zeros((9, 9)), (2, 2)), "the mask is empty"),
    "full": (lambda: Membrane.from_mask(np.ones((9, 9)), (2, 2)), "covers the whole image"),
    "axes": (lambda: Membrane.from_mask(SOLID, (2, 2, 2)), "the mask has 2 axes and 3 spacings"),
    "spacing": (lambda: Membrane.from_mask(SOLID, (2, 0)), "is not positive; give --spacing-nm"),
    "fractions": (lambda: Membrane.from_mask(SOLID * 1.5, (2, 2)), "fractions beyond 0 to 1"),
    "label": (lambda: Membrane.from_labels(SOLID.astype(int), (2, 2), 5), "no pixel has label 5; found 0, 1"),
    "float labels": (lambda: Membrane.from_labels(SOLID, (2, 2), 1), "labels are fractions"),
    "point": (lambda: Membrane.from_lines([[(1, 2)]]), "at least two points"),
    "nothing": (lambda: Membrane.from_lines([]), "at least two points"),
    "missing": (lambda: Membrane.from_lines([[(1, 2), (np.nan, 3)]]), "missing or of mixed dimension"),
    "one click": (lambda: trace(SOLID, [(1, 2)], (2, 2)), "at least two clicked points"),
    "click outside": (lambda: trace(SOLID, [(1, 2), (900, 2)], (2, 2)), "outside of the image of 30 x 30"),
    "volume": (lambda: trace(np.ones((4, 9, 9)), [(1, 2), (5, 2)], (2, 2)), "tracing needs one section"),
    "labels float": (lambda: label_distances(SOLID, (2, 2), Membrane.from_mask(SOLID, (2, 2))), "not whole numbers"),
    "labels empty": (lambda: label_distances(0 * SOLID.astype(int), (2, 2), Membrane.from_mask(SOLID, (2, 2))), "is empty"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_membrane_is_refused_in_one_line(fault: str) -> None:
    make, said = BAD[fault]
    with pytest.raises(InputError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)
