"""The physical courses: what was drawn by dense sampling in time is what is fitted, with errors that hold."""

from __future__ import annotations

import numpy as np
import pytest
from patches_of import (
    FRAME_S,
    GROWTH,
    HALF,
    OPTICS,
    SIGMA_PX,
    SIGMA_UM,
    TIMES,
    cloud_frames,
    fits_of,
    frames_of,
    look,
    looked,
    noisy,
)

from exotrack.classify._courses import PHASES, cloud, hold_until, tables
from exotrack.classify._courses import release as release_course
from exotrack.classify._courses import spread as spread_course
from exotrack.classify._evidence import chance_clouds, parabola
from exotrack.classify._features import _shape, best_model
from exotrack.classify._fits import CHI2, FIT, LIGHT, LIGHT_SD, LOST, N_STATIC, SHAPE_1, STATIC, T0, Sums, still, sums_of
from exotrack.classify._look import Optics, Span, grids
from exotrack.classify._models import (
    CLOUD,
    D_UM2_S,
    N_MODELS,
    RAMP,
    RELEASE,
    SPREAD,
    STAY,
    STEP,
    TAU_FRAMES,
    course,
    fit_all,
)  # fmt: skip
from exotrack.classify._patch import N_HEIGHTS
from exotrack.classify._refit import refined_decay, refined_release

MIXTURES = grids(OPTICS).mixtures


def one(t):
    return np.ones_like(t)


def release(t0, tau, height, before):
    return frames_of(lambda t: np.where(t < t0, before, height * np.exp(-(t - t0) / tau)), one)


def spread(t0, diffusion, height, before, escape=np.inf):
    def width(t):
        return 1 + 2 * diffusion * FRAME_S / SIGMA_UM**2 * np.maximum(t - t0, 0)

    return frames_of(lambda t: np.where(t < t0, before, height * np.exp(-np.maximum(t - t0, 0) / escape) / width(t)), width)


def step(t0, before, after):
    return frames_of(lambda t: np.where(t < t0, before, after), one)


def ramp(t0, frames, before):
    return frames_of(lambda t: before * np.clip(0.5 - (t - t0) / frames, 0, 1), one)


def gains(out):
    return out[STAY, CHI2] - out[:, CHI2]


def seen(pixels, usable=None):
    """What the fits see of one patch."""
    return sums_at(look(pixels, usable))


def sums_at(series, times=TIMES):
    return sums_of(times.astype(float), np.nan_to_num(series.coefficients[:, :N_HEIGHTS]), series.precision)


def degrees():
    return N_HEIGHTS * len(TIMES) - N_STATIC


@pytest.mark.parametrize(
    ("light", "model"),
    [
        (step(0.0, 200.0, 200.0), STAY),
        (step(0.3, 200.0, 0.0), STEP),
        (ramp(0.0, 8.0, 300.0), RAMP),
        (release(0.4, 5.0, 120.0, 50.0), RELEASE),
        (spread(-0.25, 0.06, 150.0, 50.0), SPREAD),
    ],
    ids=["stay", "step", "ramp", "release", "spread"],
)
def test_the_true_course_fits_to_the_noise(rng, light, model):
    chi2 = [fits_of(noisy(light, rng))[0][model, CHI2] for _ in range(8)]
    assert np.mean(chi2) / degrees() == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize("t0", [-1.3, 0.0, 0.5, 1.2])
@pytest.mark.parametrize("before", [0.0, 40.0])
def test_the_start_of_a_release_and_its_time_constant_are_recovered(rng, t0, before):
    light = release(t0, 6.0, 100.0, before)
    starts, found = [], []
    for _ in range(24):
        pixels = noisy(light, rng)
        out, profiles = fits_of(pixels)
        starts.append(out[RELEASE, T0])
        found.append(refined_decay(seen(pixels), out[RELEASE], profiles[0, : len(TAU_FRAMES)]))
    assert abs(np.median(starts) - t0) < 0.3
    assert (np.abs(np.array(starts) - t0) < 0.51).mean() > 0.9
    tau, sd = np.array(found).T
    assert np.mean(tau) == pytest.approx(6.0, rel=0.06)
    assert 0.75 < np.std((tau - 6.0) / sd) < 1.3


def test_a_value_beyond_the_grid_stays_a_limit():
    light = noisy(release(0.0, 6.0, 100.0, 0.0), np.random.default_rng(0))
    value, sd = refined_decay(seen(light), np.zeros(len(FIT)), np.arange(float(len(TAU_FRAMES))))
    assert value == TAU_FRAMES[0]
    assert sd == np.inf


@pytest.mark.parametrize("diffusion", [0.02, 0.05, 0.1, 0.3])
def test_spreading_is_told_from_release_and_release_from_spreading(rng, diffusion):
    cloud = [fits_of(noisy(spread(0.2, diffusion, 500.0, 200.0), rng))[0] for _ in range(6)]
    assert all(gains(out)[SPREAD] > gains(out)[RELEASE] + 6 for out in cloud)
    puff = [fits_of(noisy(release(0.2, 4.0, 500.0, 200.0), rng))[0] for _ in range(6)]
    assert all(gains(out)[RELEASE] > gains(out)[SPREAD] for out in puff)


@pytest.mark.parametrize("frames", [6.0, 12.0])
def test_a_gradual_fall_is_a_ramp_and_a_sudden_one_a_step(rng, frames):
    slow = [fits_of(noisy(ramp(0.0, frames, 400.0), rng))[0] for _ in range(6)]
    assert all(gains(out)[RAMP] > gains(out)[STEP] + 10 for out in slow)
    assert np.median([out[RAMP, SHAPE_1] for out in slow]) == pytest.approx(frames, rel=0.4)
    sudden = [fits_of(noisy(step(0.4, 400.0, 0.0), rng))[0] for _ in range(6)]
    assert all(gains(out)[STEP] > gains(out)[RAMP] - 2 for out in sudden)
    assert all(out[RAMP, SHAPE_1] == 2.0 for out in sudden)


def test_a_loss_and_a_gain_are_told_by_their_sign_and_size(rng):
    loss, gain = (
        np.mean([fits_of(noisy(step(0.0, a, b), rng))[0][STEP, LOST] for _ in range(6)]) for a, b in ((300, 100), (0, 150))
    )
    assert loss == pytest.approx(200, rel=0.05)
    assert gain == pytest.approx(-150, rel=0.05)


def test_nothing_happening_explains_no_more_than_chance(rng):
    best = [gains(fits_of(noisy(step(0.0, 200.0, 200.0), rng))[0])[1:].max() for _ in range(20)]
    assert np.median(best) < 14
    assert max(best) < 35


def test_a_frame_without_weight_changes_nothing(rng):
    pixels = noisy(release(0.0, 5.0, 500.0, 150.0), rng)
    usable = TIMES != 2
    spoilt = pixels.copy()
    spoilt[~usable] = 0
    for a, b in zip(fits_of(pixels, usable=usable), fits_of(spoilt, usable=usable), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_usable_frame_is_no_gain_and_not_a_crash():
    pixels = np.zeros((len(TIMES), 2 * HALF + 1, 2 * HALF + 1))
    out, _ = fits_of(pixels, usable=np.zeros(len(TIMES), bool))
    assert np.nanmax(np.abs(gains(out))) == 0


def optics(frame_s):
    return Optics(SIGMA_PX, SIGMA_UM, frame_s, 1.0, 0.0)


def frames(frame_s):
    """Frames looked at around a candidate."""
    span = Span.of(frame_s)
    return np.arange(-span.before, span.after)


def puff(frame_s, tau_s, height, light=0.0, diffusion=4.0, t0=0.25):
    """A vesicle of `height` that releases from t0 on, and its cargo as a cloud that holds `light`."""
    times = frames(frame_s)
    images = frames_of(lambda t: height * np.exp(-np.maximum(t - t0, 0) * frame_s / tau_s), one, times, samples=12)
    if light > 0:
        growth = 2 * diffusion * frame_s / SIGMA_UM**2
        images += light * cloud_frames(t0, tau_s / frame_s, growth, optics(frame_s).escape, times, samples=8, ages=48)
    return images


def shape_of(light, frame_s, rng):
    """The fits to one noisy drawing of `light`, and their features of shape."""
    found = looked(noisy(light, rng), frames(frame_s), optics=optics(frame_s))
    return found, _shape(found, 10.0, optics(frame_s))


@pytest.mark.parametrize("frame_s", [0.03, 0.1, 0.2])
@pytest.mark.parametrize("diffusion", [1.0, 2.5, 4.0, 10.0])
def test_a_release_with_a_cloud_is_told_from_one_without(rng, frame_s, diffusion):
    light = puff(frame_s, 0.15, 500.0, 500.0, diffusion)
    for _ in range(8):
        found, shape = shape_of(light, frame_s, rng)
        assert found.fits[RELEASE, CHI2] - found.fits[CLOUD, CHI2] > 16
        assert shape["cloud_z"] > 4
        assert abs(found.fits[CLOUD, T0] - 0.25) * frame_s < 0.06


@pytest.mark.parametrize("frame_s", [0.03, 0.1, 0.2])
@pytest.mark.parametrize("diffusion", [0.8, 1.6])
def test_the_light_of_a_cloud_is_right_to_a_quarter_where_its_diffusion_is_searched(rng, frame_s, diffusion):
    """Between the steps of D the light goes with the step that is taken: the wider, the more light the same height means."""
    light = puff(frame_s, 0.15, 500.0, 500.0, diffusion)
    found = [shape_of(light, frame_s, rng)[0].fits[CLOUD, LIGHT] for _ in range(12)]
    assert np.median(found) == pytest.approx(500.0, rel=0.25)


@pytest.mark.parametrize("frame_s", [0.03, 0.1, 0.2])
@pytest.mark.parametrize("diffusion", [1.0, 4.0, 10.0])
def test_the_light_of_a_cloud_of_known_shape_is_unbiased_and_its_error_right(rng, frame_s, diffusion):
    n, tau, optic = 30, 0.15 / frame_s, optics(frame_s)
    growths, taus = np.array([2 * diffusion * frame_s / SIGMA_UM**2]), np.array([tau])
    _, _, ramps, spreads, escapes, _ = grids(optic).values
    values = (np.array([0.25]), taus, ramps, spreads[:1], escapes[:1], growths)
    told = tables(taus, spreads[:1], escapes[:1], (growths, optic.escape), len(frames(frame_s)) + 4, grids(optic).mixtures)
    light, out = puff(frame_s, 0.15, 200.0, 200.0, diffusion), np.empty((n, N_MODELS, len(FIT)))
    for k in range(n):
        series = look(noisy(light, rng), optics=optic)
        fit_all(sums_at(series, frames(frame_s)), values, told, out[k], np.empty((2, 16)))
    found, sd = out[:, CLOUD, LIGHT], out[:, CLOUD, LIGHT_SD]
    assert found.mean() == pytest.approx(200.0, abs=4.0 * sd.mean() / np.sqrt(n))
    assert 0.65 < np.std((found - 200.0) / sd) < 1.4


def without_cloud(frame_s):
    """A vesicle that leaves, brightens and fades, or releases what nobody sees."""
    times = frames(frame_s)
    return [
        frames_of(lambda t: np.where(t < 0.3, 300.0, 0.0), one, times, samples=12),
        frames_of(
            lambda t: np.where(t < 0.3, 0.0, 300.0 * np.exp(-np.maximum(t - 0.3, 0) * frame_s / 0.3)), one, times, samples=12
        ),
        puff(frame_s, 0.3, 300.0, t0=0.3),
        *(
            frames_of(lambda t, r=r: 300.0 * np.clip(0.5 - t * frame_s / r, 0, 1), one, times, samples=12)
            for r in (0.2, 0.4, 0.8)
        ),
    ]


@pytest.mark.parametrize("frame_s", [0.03, 0.1, 0.2])
def test_a_vesicle_that_leaves_without_a_cloud_has_none_in_five_of_six(rng, frame_s):
    # The slowest cloud (0.25 um^2/s) is hardly wider than a vesicle for the first frames of a fast movie.
    z = np.array([[shape_of(light, frame_s, rng)[1]["cloud_z"] for _ in range(12)] for light in without_cloud(frame_s)])
    assert (z < 3.0).mean() >= 5 / 6


@pytest.mark.parametrize("frame_s", [0.03, 0.1, 0.2])
def test_a_model_with_a_cloud_explains_no_less_than_one_without(rng, frame_s):
    for light in [*without_cloud(frame_s), puff(frame_s, 0.15, 100.0, 100.0)]:
        for _ in range(4):
            fits = shape_of(light, frame_s, rng)[0].fits
            assert fits[CLOUD, CHI2] <= fits[RELEASE, CHI2]


@pytest.mark.parametrize("diffusion", [1.0, 2.5, 6.0])
def test_the_time_constant_of_a_release_is_recovered_together_with_its_cloud(rng, diffusion):
    tau, light, found = 0.4, puff(FRAME_S, 0.4, 300.0, 300.0, diffusion), []
    for _ in range(24):
        seen_ = shape_of(light, FRAME_S, rng)[0]
        found.append(refined_release(seen_.sums(0), seen_.fits[CLOUD], OPTICS.escape, MIXTURES))
    value, sd = FRAME_S * np.array(found).T
    assert np.mean(value) == pytest.approx(tau, rel=0.08)
    assert 0.65 < np.std((value - tau) / sd) < 1.5


def test_an_even_picture_has_no_cloud(rng):
    found = [shape_of(np.zeros((len(frames(FRAME_S)), 71, 71)), FRAME_S, rng) for _ in range(30)]
    assert np.mean([shape["cloud_z"] < 3.0 for _, shape in found]) >= 0.95
    assert np.median([seen.wide_noise for seen, _ in found]) == pytest.approx(1.0, abs=0.12)


def test_a_cloud_is_the_best_model_only_where_there_is_one(rng):
    with_cloud, without = puff(FRAME_S, 0.15, 500.0, 500.0), puff(FRAME_S, 0.28, 100.0)
    assert all(best_model(shape_of(with_cloud, FRAME_S, rng)[0]) == CLOUD for _ in range(6))
    assert np.mean([best_model(shape_of(without, FRAME_S, rng)[0]) == CLOUD for _ in range(40)]) <= 0.1


@pytest.mark.parametrize("t0", [0.0, 0.5, 0.75])
@pytest.mark.parametrize("tau", [0.6, 2.8])
@pytest.mark.parametrize("diffusion", [1.0, 4.0, 10.0])
def test_the_course_of_a_cloud_is_that_of_cargo_of_all_ages(diffusion, tau, t0):
    times = np.arange(-1, 12)
    growth, told = 2 * diffusion * FRAME_S / SIGMA_UM**2, np.ones((len(times), 4))
    cloud(times.astype(float), t0, tau, (growth, 10.0), MIXTURES, told)
    assert_same(50 * cloud_frames(t0, tau, growth, 10.0, times), 50 * told)


@pytest.mark.parametrize("t0", [0.0, 0.3])
@pytest.mark.parametrize("diffusion", [0.02, 0.1, 0.5, 2.0])
def test_the_course_of_spreading_is_that_of_what_was_drawn(diffusion, t0):
    times = np.arange(-1, 12)
    growth, told = 2 * diffusion * FRAME_S / SIGMA_UM**2, np.ones((len(times), 4))

    def width(t):
        return 1 + growth * np.maximum(t - t0, 0)

    light = frames_of(lambda t: np.where(t < t0, 0, np.exp(-np.maximum(t - t0, 0) / 20) / width(t)), width, times, samples=96)
    spread_course(times.astype(float), t0, (growth, 20.0), MIXTURES, told)
    assert_same(50 * light, 50 * told)


def assert_same(light, told):
    """Heights `told` have the strength of the images `light`, and leave less than a hundredth of them."""
    series = look(light + 40.0)
    heights, w = series.coefficients[:, :4], series.precision
    both, own, rest, all_of = (
        np.einsum("na,nab,nb->", a, w, b)
        for a, b in ((told, heights), (told, told), (heights - told, heights - told), (heights, heights))
    )
    assert both / own == pytest.approx(1.0, abs=0.03)
    assert rest < 0.008 * all_of
    np.testing.assert_allclose(told[light.max(axis=(1, 2)) == 0], 0.0)


@pytest.mark.parametrize("tau", [0.35, 2.8, 20.0])
@pytest.mark.parametrize("t0", [-2.25, 0.0, 0.6])
def test_the_courses_without_spreading_are_means_over_each_exposure(tau, t0):
    times = np.arange(-5.0, 8.0)
    fine = times[:, None] + (np.arange(2000) + 0.5) / 2000
    told, held, ramped = np.ones((len(times), 4)), np.ones(len(times)), np.ones(len(times))
    release_course(times, t0, tau, told)
    hold_until(times, t0, 0.0, held)
    hold_until(times, t0, 6.0, ramped)
    np.testing.assert_allclose(told[:, 0], np.where(fine < t0, 0, np.exp((t0 - fine) / tau)).mean(axis=1), atol=1e-3)
    np.testing.assert_array_equal(told[:, 1:], 0)
    np.testing.assert_allclose(held, (fine < t0).mean(axis=1), atol=1e-3)
    np.testing.assert_allclose(ramped, np.clip(0.5 - (times + 0.5 - t0) / 6, 0, 1), atol=1e-12)


@pytest.mark.parametrize("phase", range(PHASES))
def test_the_tables_hold_the_courses_that_every_model_has(phase):
    """Course of each model, of unit height or light, started in a quarter of a frame, is its table."""
    told, (_, taus, _, growths, escapes, clouds) = grids(OPTICS).tables, grids(OPTICS).values
    lags = np.arange(told.release.shape[2], dtype=float)
    fit = np.zeros(len(FIT))
    fit[T0] = phase / PHASES

    def drawn(model, where, **values):
        row = fit.copy()
        row[[FIT.index(name) for name in values]] = list(values.values())
        np.testing.assert_allclose(course(lags, model, row, (MIXTURES, OPTICS.escape)), where, rtol=1e-9, atol=1e-12)

    for i in (0, 4, len(taus) - 1):
        narrow = np.column_stack([told.release[phase, i], np.zeros((len(lags), 3))])
        drawn(RELEASE, narrow, shape_1=taus[i], height=1.0)
        for j in range(len(clouds)):
            drawn(CLOUD, 2 * narrow + 3 * told.cloud[phase, i, j], shape_1=taus[i], shape_2=clouds[j], height=2.0, cloud=3.0)
    for i in (0, 5, len(growths) - 1):
        for j in range(len(escapes)):
            drawn(SPREAD, told.spread[phase, i, j], shape_1=growths[i], shape_2=escapes[j], height=1.0)


def test_the_courses_of_no_height_are_what_stays_and_what_was_lost():
    times, row = np.arange(-4.0, 4.0), np.zeros(len(FIT))
    row[[T0, STATIC, LOST, SHAPE_1]] = 0.5, 30.0, 20.0, 4.0
    flat, step_, ramp_ = (course(times, m, row, (MIXTURES, 10.0)) for m in (STAY, STEP, RAMP))
    np.testing.assert_array_equal(flat[:, 0], 30.0)
    np.testing.assert_allclose(step_[:, 0], [50, 50, 50, 50, 40, 30, 30, 30])
    np.testing.assert_allclose(ramp_[:, 0], 30 + 20 * np.clip(0.5 - times / 4, 0, 1))
    assert (np.stack([flat, step_, ramp_])[:, :, 1:] == 0).all()


@pytest.mark.parametrize(
    ("model", "light"),
    [
        (RELEASE, release(0.0, 5.0, 400.0, 200.0)),
        (SPREAD, spread(0.0, 0.06, 400.0, 200.0)),
        (CLOUD, release(0.25, 2.8, 400.0, 400.0) + 400.0 * cloud_frames(0.25, 2.8, 2 * 2.5 * FRAME_S / SIGMA_UM**2, 10.0)),
        (RAMP, ramp(0.0, 8.0, 200.0) + 0.0),
        (STEP, step(0.5, 200.0, 0.0)),
    ],
    ids=["release", "spread", "cloud", "ramp", "step"],
)
def test_the_course_that_was_fitted_follows_the_light(model, light):
    out, _ = fits_of(light + 40.0)
    told = course(TIMES.astype(float), model, out[model], (MIXTURES, OPTICS.escape))
    told += still(out[model], len(TIMES))
    middle = light[:, HALF, HALF] / light[0, HALF, HALF] * told[0].sum()
    np.testing.assert_allclose(told.sum(axis=1), middle, atol=0.05 * light[:, HALF, HALF].max() + 5)


def by_numpy(series, columns, times=TIMES):
    """Chi-squared, heights and their errors of generalised least squares on the static pattern and `columns` (each (n, 4))."""
    roots, u = np.linalg.cholesky(series.precision), (np.arange(len(times)) - 0.5 * (len(times) - 1)) / len(times)
    drifts = [np.outer(way, e) for way in (u, u * u) for e in np.eye(4)[2:]]
    design = np.stack([*(np.broadcast_to(e, (len(times), 4)) for e in np.eye(4)), *drifts, *columns], axis=2)
    a = np.einsum("nba,nbc->nac", roots, design).reshape(-1, design.shape[2])
    d = np.einsum("nba,nb->na", roots, series.coefficients[:, :4]).ravel()
    found = np.linalg.lstsq(a, d, rcond=None)[0]
    return float(np.sum((d - a @ found) ** 2)), found, np.sqrt(np.diag(np.linalg.inv(a.T @ a)))


def narrow(values):
    return np.column_stack([values, np.zeros((len(values), 3))])


@pytest.mark.parametrize("model", range(N_MODELS))
def test_every_fit_is_the_generalised_least_squares_of_numpy(rng, model):
    light = release(0.25, 2.8, 300.0, 300.0) + 300.0 * cloud_frames(0.25, 2.8, 2 * 2.5 * FRAME_S / SIGMA_UM**2, 10.0)
    series = look(noisy(light, rng))
    out, times = fits_of_series(series)[model], TIMES.astype(float)
    held, told = np.zeros(len(times)), np.zeros((len(times), 4))
    hold_until(times, out[T0], out[SHAPE_1] if model == RAMP else 0.0, held)
    columns = [] if model == STAY else [narrow(held)]
    if model in (RELEASE, CLOUD):
        release_course(times, out[T0], out[SHAPE_1], told)
        columns.append(told.copy())
    if model == CLOUD:
        cloud(times, out[T0], out[SHAPE_1], (out[FIT.index("shape_2")], OPTICS.escape), MIXTURES, told)
        columns.append(told.copy())
    if model == SPREAD:
        spread_course(times, out[T0], (out[SHAPE_1], out[FIT.index("shape_2")]), MIXTURES, told)
        columns.append(told.copy())
    chi2, found, sd = by_numpy(series, columns)
    assert out[CHI2] == pytest.approx(chi2, rel=1e-4)
    np.testing.assert_allclose(out[STATIC:LOST], found[:8], rtol=1e-3, atol=0.05)
    heights = [FIT.index(name) for name in ("lost", "height", "cloud")][: len(columns)]
    np.testing.assert_allclose(out[heights], found[8:], rtol=1e-3, atol=0.02)
    if len(columns) > 1:
        error = FIT.index("cloud_sd" if model == CLOUD else "height_sd")
        assert out[error] == pytest.approx(sd[-1], rel=1e-3)


def fits_of_series(series):
    out, told = np.empty((N_MODELS, len(FIT))), grids(OPTICS)
    fit_all(sums_at(series), told.values, told.tables, out, np.empty((2, 16)))
    return out


@pytest.mark.parametrize("lost", [(), (12, 13, 30)])
def test_typical_clouds_have_unit_variance_in_pure_noise(rng, lost):
    usable = ~np.isin(np.arange(len(TIMES)), lost)
    z = []
    for _ in range(150):
        series = look(noisy(np.zeros((len(TIMES), 71, 71)), rng), usable)
        z.append(chance_clouds(sums_at(series), np.nan_to_num(series.coefficients[:, :4]), grids(OPTICS).cloud))
    z = np.array(z)
    # Weights from the same few pixels pull the light of nothing down by a thousandth of the background, the same in every frame.
    assert z.mean() == pytest.approx(0.0, abs=0.2)
    assert np.std(z.mean(axis=0)) < 0.2
    np.testing.assert_allclose(z.std(axis=0), 1.0, atol=0.25)
    assert z.std() == pytest.approx(1.0, abs=0.05)


def test_a_typical_cloud_stands_out_where_it_is(rng):
    rest, typical = np.zeros((len(TIMES), 4)), grids(OPTICS).cloud
    series = look(noisy(np.zeros((len(TIMES), 71, 71)), rng))
    rest[20 : 20 + len(typical)] += 300 * typical
    z = chance_clouds(sums_at(series), rest, typical)
    assert np.argmax(z) == 20
    assert z[20] > 5
    assert (z[:10] == 0).all()


def test_where_no_frame_is_usable_no_cloud_is_by_chance():
    nothing = Sums(*(np.zeros(s) for s in ((9,), (9, 4, 4), (9, 4), (8, 8), (8,))), 0.0)
    assert len(chance_clouds(nothing, np.ones((9, 4)), np.ones((3, 4)))) == 0


def test_the_grid_of_diffusion_is_that_of_growth():
    np.testing.assert_allclose(GROWTH, 2 * D_UM2_S * FRAME_S / SIGMA_UM**2)


@pytest.mark.parametrize(("best", "sd"), [(0.7, 0.1), (3.0, 0.6), (20.0, 8.0)])
def test_parabola_finds_the_minimum_and_its_error_between_grid_points(best, sd):
    grid = np.geomspace(0.1, 100, 14)
    chi2 = 7.0 + ((np.log(grid) - np.log(best)) / (sd / best)) ** 2
    assert parabola(grid, chi2) == pytest.approx((best, sd))


def test_parabola_at_an_end_of_the_grid_has_no_error_bound():
    grid = np.geomspace(1, 100, 5)
    assert parabola(grid, np.array([1.0, 2, 3, 4, 5])) == (1.0, np.inf)
    assert parabola(grid, np.array([5.0, 4, 3, 2, 1])) == (100.0, np.inf)
    assert np.isnan(parabola(grid, np.full(5, np.inf))).all()
