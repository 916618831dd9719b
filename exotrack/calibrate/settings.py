"""What can be set of a calibration, beside the parameters of the analysis that it calibrates."""

from __future__ import annotations

from exotrack.params import Analysis, Params, setting


class CalibrateParams(Params):
    """How many events are injected, how bright, and where."""

    repeats: int = setting(
        4, "1",
        "Rounds: each injects other events at other places and runs the whole analysis once more. Default: some hundred "
        "events in a cell of 500 um^2, which give recall to within 0.1.", ge=1, le=1000,
    )  # fmt: skip
    per_um2: float = setting(
        0.06, "1/um^2",
        "Things injected in a round per area of the footprint. Default: below the 0.1 docked vesicles per um^2 of a sparse "
        "cell, so that the movie stays about as crowded as it is.", gt=0, le=10,
    )  # fmt: skip
    apart_um: float = setting(
        1.6, "um",
        "Least distance between things injected in a round. Default: beyond the 1.04 um that an event is judged from, and "
        "the way that a mobile vesicle goes in seconds.", ge=0, le=100,
    )  # fmt: skip
    clear_um: float = setting(
        1.0, "um",
        "Least distance from the movie's own events while they last. Default: their pixels are judged from 8 spot widths of"
        " 0.13 um around, and must stay as they are.", ge=0, le=100,
    )  # fmt: skip
    clear_s: float = setting(
        4.0, "s",
        "How long before and after its instant an event of the movie lasts. Default: the time that a fusion is judged from.",
        ge=0, le=600,
    )  # fmt: skip
    dimmest_snr: float = setting(
        2.0, "1",
        "SNR of the dimmest that is injected, in a matched filter. Default: below half of what is detected, so that recall "
        "is seen to fall to nothing.", gt=0, le=100,
    )  # fmt: skip
    as_found: float = setting(
        0.5, "1",
        "Part of the injections that are as bright as spots found in the movie; the others go evenly, in the logarithm, "
        "from the dimmest to the brightest. Default: half, for both the curve and the figure that matters.", ge=0, le=1,
    )  # fmt: skip
    docking_fraction: float = setting(
        0.25, "1",
        "Part of the injections that dock or undock, where the cargo can be seen before fusion. Default: a quarter, as "
        "fusions need more for their measures.", ge=0, le=1,
    )  # fmt: skip
    decoy_fraction: float = setting(
        0.25, "1",
        "Part of the injections that are no events: visitors, passers-by, stays, bleaching steps, blinks. Default: a "
        "quarter, some ten of each kind.", ge=0, le=1,
    )  # fmt: skip
    arrive_fraction: float = setting(
        0.4, "1",
        "Part of the fusions whose vesicle docks in the movie; the others, but newcomers, are docked from its start. "
        "Default: enough for the docked time, though most granules that fuse docked long before (Allersma et al. 2004).",
        ge=0, le=1,
    )  # fmt: skip
    bins: int = setting(
        6, "1",
        "Bins of brightness, of equal width in the logarithm. Default: some tens of fusions in each.", ge=1, le=100,
    )  # fmt: skip


class Settings(Analysis):
    """The analysis that is calibrated, and how."""

    calibrate: CalibrateParams = CalibrateParams()


def settings_for(analysis: Analysis) -> Settings:
    """The settings that calibrate `analysis`, with the defaults of a calibration where it has none."""
    return analysis if isinstance(analysis, Settings) else Settings.read(analysis.model_dump())


def analysis_of(settings: Settings) -> Analysis:
    """The parameters of the analysis alone."""
    return Analysis.read(settings.model_dump(exclude={"calibrate"}))
