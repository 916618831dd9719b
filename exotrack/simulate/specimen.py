"""What is looked at: cell, vesicles, their kinetics, their cargo, and the things that are not vesicles.

Numbers and sources: Oheim and Stuehmer 2000 (mobility, docking), Allersma et al. 2004 (newcomers, residence), Gucek et al. 2019
(NPY in beta cells: release time, flash, kiss-and-run share), Weiss et al. 2014 and Perrais et al. 2004 (tPA, resealing), Abbineni et
al. 2022 and studies of FM dyes (lateral diffusion), Verweij et al. 2018 (signal duration per reporter). Values known only from
memory say "unverified".
"""

from __future__ import annotations

from typing import Literal

from exotrack.params import Params, setting


class Cell(Params):
    """The cell's footprint and the light that is no vesicle."""

    cover: float = setting(
        0.65, "1", "Part of the field that the cell covers. Default: a spread cell with its edge in view.", gt=0.02, le=1
    )
    inside_photons: float = setting(
        40.0, "photons/px", "Background per pixel and frame under the cell. Default: cytosolic haze.", ge=0, le=1e5
    )
    outside_photons: float = setting(
        8.0, "photons/px", "Background beside the cell. Default: glass and medium.", ge=0, le=1e5
    )
    unevenness: float = setting(
        0.15, "1", "Relative sd of the background under the cell. Default: plain to the eye.", ge=0, le=2
    )
    texture_um: float = setting(
        2.5, "um", "Length over which it varies. Default: lamellae, nucleus, adhesions.", gt=0.1, le=100
    )
    edge_um: float = setting(0.4, "um", "Width of the cell's edge. Default: a thin lamella.", ge=0, le=20)
    bleach_per_s: float = setting(0.005, "1/s", "Bleaching rate of the background. Default: 14 % in 30 s.", ge=0, le=100)
    bleach_floor: float = setting(
        0.5, "1", "Part of the background that does not bleach. Default: exchanges with the bulk.", ge=0, le=1
    )


class Vesicles(Params):
    """Size, brightness and motion of vesicles."""

    photons: float = setting(
        700.0, "photons", "Median photoelectrons per frame of a full vesicle in contact with the membrane, at neutral pH. Default: peak "
        "signal over its noise of about 6.", gt=0, le=1e7,
    )  # fmt: skip
    photons_spread: float = setting(0.35, "1", "Log-sd of the brightness. Default: copy numbers vary threefold.", ge=0, le=2)
    radius_nm: float = setting(
        100.0, "nm", "Mean radius. Default: insulin granules (sections show about 300 nm wide ones).", gt=10, le=1000
    )
    radius_spread: float = setting(0.15, "1", "Relative sd of the radius. Default: granules.", ge=0, le=0.5)
    mobile_um2_s: float = setting(
        0.03, "um^2/s", "Median D of mobile vesicles. Default: between 0.01 (Oheim and Stuehmer 2000) and 0.1.", ge=0, le=10
    )
    tethered_um2_s: float = setting(
        2e-3, "um^2/s", "Median D of tethered ones. Default: between mobile and docked.", ge=0, le=10
    )
    docked_um2_s: float = setting(
        1e-4, "um^2/s", "Median D of docked ones. Default: 100 times below mobile (Oheim and Stuehmer 2000).", ge=0, le=10
    )
    diffusion_spread: float = setting(
        0.4, "1", "Log-sd of D over vesicles. Default: a factor 2 either way is common.", ge=0, le=2
    )
    mobile_nm: float = setting(
        140.0, "nm", "Mean height of a mobile vesicle near the membrane. Default: inside the field, dim.", ge=25, le=2000
    )
    mobile_sd_nm: float = setting(
        35.0, "nm", "Sd of that height over time. Default: brightness varies by a third.", ge=0, le=500
    )
    tethered_nm: float = setting(
        45.0, "nm", "Mean height of a tethered vesicle. Default: beyond 25 nm, the reach of SNAREs.", ge=25, le=500
    )
    tethered_sd_nm: float = setting(8.0, "nm", "Sd of that height. Default: a tether holds.", ge=0, le=100)
    docked_sd_nm: float = setting(1.5, "nm", "Sd of the height of a docked vesicle. Default: contact.", ge=0, le=20)
    approach_nm_s: float = setting(
        1200.0, "nm/s", "Median speed of approach and of docking. Default: contact within 100 ms.", gt=0, le=1e5
    )
    leave_nm_s: float = setting(
        300.0, "nm/s", "Median speed at which a vesicle leaves the membrane. Default: dims over about five frames at 10 Hz.", gt=0, le=1e5,
    )  # fmt: skip
    leave_spread: float = setting(
        0.4, "1", "Log-sd of that speed. Default: some leave in two frames and look like a release.", ge=0, le=2
    )
    bleach_per_s: float = setting(
        0.006,
        "1/s",
        "Bleaching rate of cargo in contact (less where the field is weaker). Default: 16 % in 30 s.",
        ge=0,
        le=100,
    )
    visible: float = setting(
        0.1, "1", "Part of a typical vesicle's peak from which the true tables hold a spot. Default: z = 2.3 d; dimmer is hardly seen.", ge=0, le=1,
    )  # fmt: skip


class Kinetics(Params):
    """How many vesicles there are, and how often each step happens."""

    docked_per_um2: float = setting(
        0.10,
        "1/um^2",
        "Docked vesicles at the start. Default: sparse enough to tell apart; real beta cells have more.",
        ge=0,
        le=10,
    )
    tethered_per_um2: float = setting(
        0.04, "1/um^2", "Tethered vesicles at the start. Default: fewer than docked.", ge=0, le=10
    )
    mobile_per_um2: float = setting(
        0.03, "1/um^2", "Mobile vesicles in the field at the start. Default: fewer than docked.", ge=0, le=10
    )
    arrivals_per_um2_s: float = setting(
        0.012, "1/um^2/s", "Vesicles that come from the depth. Default: keeps the numbers up.", ge=0, le=10
    )
    tether_per_s: float = setting(0.35, "1/s", "Mobile to tethered. Default: seconds.", ge=0, le=1000)
    depart_per_s: float = setting(
        0.35, "1/s", "Mobile to the depth. Default: half of those that come go unheld.", ge=0, le=1000
    )
    dock_per_s: float = setting(0.35, "1/s", "Tethered to docked. Default: seconds.", ge=0, le=1000)
    untether_per_s: float = setting(0.25, "1/s", "Tethered to mobile. Default: tethers are loose.", ge=0, le=1000)
    undock_per_s: float = setting(
        0.02,
        "1/s",
        "Docked to undocked, for those that stay. Default: most fused granules had stayed over 12 s (Allersma et al. 2004).",
        ge=0,
        le=1000,
    )
    visitor_fraction: float = setting(
        0.35,
        "1",
        "Part of the dockings that are short visits. Default: visitors leave within seconds (Gandasi and Barg 2014, unverified).",
        ge=0,
        le=1,
    )
    visitor_s: float = setting(0.6, "s", "Mean stay of a visitor. Default: within seconds.", gt=0, le=600)
    stays_near: float = setting(
        0.3, "1", "Part of the undocked that stay near as mobile vesicles; the rest go deep. Default: some do.", ge=0, le=1
    )
    fuse_per_s: float = setting(
        0.02,
        "1/s",
        "Docked to fused without stimulus. Default: far above physiology, so that a movie holds tens.",
        ge=0,
        le=1000,
    )
    stimulus_s: tuple[float, ...] = setting((), "s", "Times of stimulation. Default: none.")
    stimulated_per_s: float = setting(0.0, "1/s", "Extra fusion rate just after a stimulus. Default 0.", ge=0, le=1e5)
    stimulated_tau_s: float = setting(
        1.0, "s", "Time constant with which it wears off. Default: Ca2+ is cleared in about a second.", gt=0, le=600
    )
    newcomer_fraction: float = setting(
        0.2,
        "1",
        "Part of the fusions by vesicles that came at most 0.3 s before. Default: Allersma et al. 2004.",
        ge=0,
        le=1,
    )
    kiss_fraction: float = setting(
        0.35,
        "1",
        "Part of the fusions that are kiss-and-run. Default: 0.2-0.5 in beta cells (in Gucek et al. 2019).",
        ge=0,
        le=1,
    )
    leave_after_kiss: float = setting(
        0.3, "1", "Part of the kiss-and-runs after which the vesicle undocks at once. Default: most stay.", ge=0, le=1
    )
    neighbour_fraction: float = setting(
        0.05, "1", "Part of the docked at the start that have a docked neighbour at 0.25-0.6 um. Default: some.", ge=0, le=1
    )
    sites: bool = setting(
        False, "", "Docked vesicles sit in fixed boutons (synapse) rather than anywhere. Default: anywhere."
    )
    vesicles_per_site: int = setting(
        20, "1", "Docked vesicles per bouton, when sites. Default: a readily releasable pool of about 10-20.", ge=1, le=1000
    )
    site_um: float = setting(
        0.25,
        "um",
        "Gaussian radius over which they lie, when sites. Default: an active zone and its release sites.",
        ge=0,
        le=5,
    )


class Cargo(Params):
    """What glows, and how it leaves."""

    kind: Literal["lumenal", "membrane"] = setting(
        "lumenal", "", "lumenal cargo leaves through the pore; membrane cargo spreads in the plasma membrane."
    )
    acid_brightness: float = setting(
        1.0, "1", "Brightness inside the acid vesicle over that at neutral pH. Default 1 (mCherry); Venus or EGFP about 0.5; pHluorin 0.03.", ge=0, le=1,
    )  # fmt: skip
    release_per_s: float = setting(
        12.0,
        "1/s",
        "Median rate at which lumenal cargo leaves an open pore. Default: NPY is gone in 100-200 ms (Weiss et al. 2014); tPA 0.1-1.",
        gt=0,
        le=1e4,
    )
    release_spread: float = setting(0.4, "1", "Log-sd of that rate. Default: pores differ.", ge=0, le=3)
    release_shape: float = setting(
        1.0,
        "1",
        "Exponent p of the release law exp(-(k t)^p): 1 a fixed pore, above 1 one that widens. Default 1.",
        ge=0.3,
        le=4,
    )
    restricted_fraction: float = setting(
        0.0,
        "1",
        "Part of the full fusions whose pore stays narrow at first: pH equalises, cargo waits. Default 0; 0.4 for NPY-EGFP (Gucek et al. 2019).",
        ge=0,
        le=1,
    )
    restricted_s: float = setting(
        0.87,
        "s",
        "Mean (exponential) time such a pore stays narrow. Default: NPY release time of Gucek et al. 2019.",
        ge=0,
        le=600,
    )
    cloud_um2_s: float = setting(
        4.0,
        "um^2/s",
        "D of released lumenal cargo in the cleft under the cell. Default: between 1 and 20; free protein has 50-100.",
        gt=0,
        le=200,
    )
    cloud_escape_per_s: float = setting(
        1.0,
        "1/s",
        "Rate at which released cargo leaves the cleft. Default: seconds, through the cell's edge.",
        ge=0,
        le=1000,
    )
    membrane_um2_s: float = setting(
        0.1,
        "um^2/s",
        "Median D of membrane cargo after collapse. Default: 0.03 (VAMP2, Abbineni et al. 2022) to 0.45 (FM dyes).",
        ge=0,
        le=10,
    )
    membrane_spread: float = setting(0.5, "1", "Log-sd of that D. Default: cell to cell and site to site.", ge=0, le=2)
    immobile_fraction: float = setting(
        0.1, "1", "Part of the membrane cargo that stays at the site. Default: clusters.", ge=0, le=1
    )
    collapse_s: float = setting(
        0.05,
        "s",
        "Mean (exponential) time from pore opening to the start of spreading. Default: large pores live about 47 ms.",
        ge=0,
        le=60,
    )
    kiss_open_s: float = setting(
        0.3, "s", "Median time a kiss-and-run pore stays open. Default: unverified; between 50 ms and seconds.", gt=0, le=600
    )
    kiss_open_spread: float = setting(0.5, "1", "Log-sd of that time. Default: a factor 3 either way.", ge=0, le=2)
    kiss_released: tuple[float, float] = setting(
        (0.2, 0.8),
        "1",
        "Range of the part of lumenal cargo that a kiss-and-run releases (beta(2, 2) within it). Default: partial by definition.",
    )
    reacidify_s: float = setting(
        5.0,
        "s",
        "Time constant of re-acidification after resealing. Default: 4-6 s in small vesicles (unverified).",
        gt=0,
        le=600,
    )


class Distractors(Params):
    """Things that fool a detector; each has its own number, 0 turns it off."""

    endosomes_per_um2: float = setting(
        0.006, "1/um^2", "Moving endosomes: larger, diffusing and driven. Default: a few.", ge=0, le=1
    )
    endosome_um_s: float = setting(0.4, "um/s", "Speed of their runs. Default: motors.", ge=0, le=10)
    blinks_per_um2_s: float = setting(
        0.0008, "1/um^2/s", "Flashes of one or two frames. Default: about ten a movie.", ge=0, le=10
    )
    static_per_um2: float = setting(0.01, "1/um^2", "Bright spots that only bleach. Default: a few.", ge=0, le=1)
    steps_per_um2: float = setting(
        0.006, "1/um^2", "Spots that vanish in one or two bleaching steps. Default: a few.", ge=0, le=1
    )
    haze_per_um2: float = setting(0.008, "1/um^2", "Out-of-focus blobs that move slowly. Default: a few.", ge=0, le=1)
