"""How often vesicles arrive, dock, leave and fuse, and how their cargo comes out.

Sources: Allersma et al. 2004 (newcomers, residence), Gucek et al. 2019 (eLife 8:e41711; NPY in beta cells: release time, flash,
share of kiss-and-run), Weiss et al. 2014 and Perrais et al. 2004 (tPA, resealing), Abbineni et al. 2022 and studies of FM dyes
(lateral diffusion), Verweij et al. 2018 (signal duration per reporter). Values known only from memory say "unverified".
"""

from __future__ import annotations

from typing import Literal

from exotrack.params import Params, setting


class Kinetics(Params):
    """How many vesicles there are, and how often each step happens."""

    docked_per_um2: float = setting(
        0.1, "1/um^2",
        "Docked vesicles at the start. Default: sparse enough to tell apart; real beta cells have more.", ge=0, le=10,
    )  # fmt: skip
    tethered_per_um2: float = setting(
        0.04, "1/um^2",
        "Tethered vesicles at the start. Default: fewer than docked.", ge=0, le=10,
    )  # fmt: skip
    mobile_per_um2: float = setting(
        0.03, "1/um^2",
        "Mobile vesicles in the field at the start. Default: fewer than docked.", ge=0, le=10,
    )  # fmt: skip
    arrivals_per_um2_s: float = setting(
        0.012, "1/um^2/s",
        "Vesicles that come from the depth. Default: keeps the numbers up.", ge=0, le=10,
    )  # fmt: skip
    tether_per_s: float = setting(0.35, "1/s", "Mobile to tethered. Default: seconds.", ge=0, le=1000)
    depart_per_s: float = setting(
        0.35, "1/s",
        "Mobile to the depth. Default: half of those that come go unheld.", ge=0, le=1000,
    )  # fmt: skip
    dock_per_s: float = setting(0.35, "1/s", "Tethered to docked. Default: seconds.", ge=0, le=1000)
    untether_per_s: float = setting(0.25, "1/s", "Tethered to mobile. Default: tethers are loose.", ge=0, le=1000)
    undock_per_s: float = setting(
        0.02, "1/s",
        "Docked to undocked, for those that stay. Default: most fused granules had stayed over 12 s (Allersma et al. "
        "2004).", ge=0, le=1000,
    )  # fmt: skip
    visitor_fraction: float = setting(
        0.35, "1",
        "Part of the dockings that are short visits. Default: visitors leave within seconds (Gandasi and Barg 2014, "
        "unverified).", ge=0, le=1,
    )  # fmt: skip
    visitor_s: float = setting(0.6, "s", "Mean stay of a visitor. Default: within seconds.", gt=0, le=600)
    stays_near: float = setting(
        0.3, "1",
        "Part of the undocked that stay near as mobile vesicles; the rest go deep. Default: some do.", ge=0, le=1,
    )  # fmt: skip
    fuse_per_s: float = setting(
        0.02, "1/s",
        "Docked to fused without stimulus. Default: far above physiology, so that a movie holds tens.", ge=0, le=1000,
    )  # fmt: skip
    stimulus_s: tuple[float, ...] = setting((), "s", "Times of stimulation. Default: none.")
    stimulated_per_s: float = setting(0.0, "1/s", "Extra fusion rate just after a stimulus. Default 0.", ge=0, le=100000.0)
    stimulated_tau_s: float = setting(
        1.0, "s",
        "Time constant with which it wears off. Default: Ca2+ is cleared in about a second.", gt=0, le=600,
    )  # fmt: skip
    train_s: float = setting(
        0.0, "s",
        "Length of each stimulus; the extra rate holds for so long before it wears off. Default 0: one action potential or "
        "puff.", ge=0, le=600,
    )  # fmt: skip
    newcomer_fraction: float = setting(
        0.2, "1",
        "Part of the fusions by vesicles that came at most 0.3 s before. Default: Allersma et al. 2004.", ge=0, le=1,
    )  # fmt: skip
    kiss_fraction: float = setting(
        0.35, "1",
        "Part of the fusions that are kiss-and-run. Default: 0.2-0.5 in beta cells (in Gucek et al. 2019).", ge=0, le=1,
    )  # fmt: skip
    leave_after_kiss: float = setting(
        0.3, "1",
        "Part of the kiss-and-runs after which the vesicle undocks at once. Default: most stay.", ge=0, le=1,
    )  # fmt: skip
    neighbour_fraction: float = setting(
        0.05, "1",
        "Part of the docked at the start that have a docked neighbour at 0.25-0.6 um. Default: some.", ge=0, le=1,
    )  # fmt: skip
    sites: bool = setting(
        False, "",
        "Docked vesicles sit in fixed boutons (synapse) rather than anywhere. Default: anywhere.",
    )  # fmt: skip
    vesicles_per_site: int = setting(
        20, "1",
        "Docked vesicles per bouton, when sites. Default: a readily releasable pool of about 10-20.", ge=1, le=1000,
    )  # fmt: skip
    site_um: float = setting(
        0.25, "um",
        "Gaussian radius over which they lie, when sites. Default: an active zone and its release sites.", ge=0, le=5,
    )  # fmt: skip

    site_resting: float = setting(
        0.0, "1",
        "Light of a bouton at rest, from cargo on its surface and in neutral vesicles, in typical vesicles at neutral pH, when "
        "sites. Default 0: only docked vesicles glow; some 5 percent of a pool of 200 gives 10.", ge=0, le=1000,
    )  # fmt: skip


class Cargo(Params):
    """What glows, and how it leaves."""

    kind: Literal["lumenal", "membrane"] = setting(
        "lumenal", "",
        "lumenal cargo leaves through the pore; membrane cargo spreads in the plasma membrane.",
    )  # fmt: skip
    acid_brightness: float = setting(
        1.0, "1",
        "Brightness inside the acid vesicle over that at neutral pH. Default 1 (mCherry); Venus or EGFP about 0.5; "
        "pHluorin 0.03.", ge=0, le=1,
    )  # fmt: skip
    neutral_fraction: float = setting(
        0.0, "1",
        "Part of the vesicles that are not acid, so seen all the time. Default: none.", ge=0, le=1,
    )  # fmt: skip
    release_per_s: float = setting(
        12.0, "1/s",
        "Median rate at which lumenal cargo leaves an open pore. Default: NPY is gone in 100-200 ms (Weiss et al. 2014);"
        " tPA 0.1-1.", gt=0, le=10000.0,
    )  # fmt: skip
    release_spread: float = setting(0.4, "1", "Log-sd of that rate. Default: pores differ.", ge=0, le=3)
    release_shape: float = setting(
        1.0, "1",
        "Exponent p of the release law exp(-(k t)^p): 1 a fixed pore, above 1 one that widens. Default 1.", ge=0.3, le=4,
    )  # fmt: skip
    restricted_fraction: float = setting(
        0.0, "1",
        "Part of the full fusions whose pore stays narrow at first: pH equalises, cargo waits. Default 0; 0.4 for NPY-"
        "EGFP (Gucek et al. 2019).", ge=0, le=1,
    )  # fmt: skip
    restricted_s: float = setting(
        0.87, "s",
        "Mean (exponential) time such a pore stays narrow. Default: NPY release time of Gucek et al. 2019.", ge=0, le=600,
    )  # fmt: skip
    cloud_um2_s: float = setting(
        4.0, "um^2/s",
        "D of released lumenal cargo in the cleft under the cell. Default: between 1 and 20; free protein has 50-100.",
        gt=0, le=200,
    )  # fmt: skip
    cloud_escape_per_s: float = setting(
        1.0, "1/s",
        "Rate at which released cargo leaves the cleft. Default: seconds, through the cell's edge.", ge=0, le=1000,
    )  # fmt: skip
    membrane_um2_s: float = setting(
        0.1, "um^2/s",
        "Median D of membrane cargo after collapse. Default: 0.03 (VAMP2, Abbineni et al. 2022) to 0.45 (FM dyes).",
        ge=0, le=10,
    )  # fmt: skip
    membrane_spread: float = setting(0.5, "1", "Log-sd of that D. Default: cell to cell and site to site.", ge=0, le=2)
    immobile_fraction: float = setting(
        0.1, "1",
        "Part of the membrane cargo that stays at the site. Default: clusters.", ge=0, le=1,
    )  # fmt: skip
    retrieval_per_s: float = setting(
        0.0, "1/s",
        "Rate at which membrane cargo is taken up again and acidified after full fusion. Default: not within the movie; "
        "1/15 at synapses (unverified).", ge=0, le=100,
    )  # fmt: skip
    collapse_s: float = setting(
        0.05, "s",
        "Mean (exponential) time from pore opening to the start of spreading. Default: large pores live about 47 ms.",
        ge=0, le=60,
    )  # fmt: skip
    kiss_open_s: float = setting(
        0.3, "s",
        "Median time a kiss-and-run pore stays open. Default: unverified; between 50 ms and seconds.", gt=0, le=600,
    )  # fmt: skip
    kiss_open_spread: float = setting(0.5, "1", "Log-sd of that time. Default: a factor 3 either way.", ge=0, le=2)
    kiss_released: tuple[float, float] = setting(
        (0.2, 0.8), "1",
        "Range of the part of lumenal cargo that a kiss-and-run releases (beta(2, 2) within it). Default: partial by "
        "definition.",
    )  # fmt: skip
    reacidify_s: float = setting(
        5.0, "s",
        "Time constant of re-acidification after resealing. Default: 4-6 s in small vesicles (unverified).", gt=0, le=600,
    )  # fmt: skip
