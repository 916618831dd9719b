"""What is looked at: the cell, its vesicles, free particles, and the things that are no vesicles.

Sources: Oheim and Stuehmer 2000 (Eur Biophys J 29:67) for mobility and docking, Gandasi and Barg 2014 (Nat Commun 5:3914) for
visitors. Values known only from memory say "unverified".
"""

from __future__ import annotations

from exotrack.params import Params, setting


class Cell(Params):
    """The cell's footprint and the light that is no vesicle."""

    cover: float = setting(
        0.65, "1",
        "Part of the field that the cell covers. Default: a spread cell with its edge in view.", gt=0.02, le=1,
    )  # fmt: skip
    inside_photons: float = setting(
        40.0, "photons/px",
        "Background per pixel and frame under the cell. Default: cytosolic haze.", ge=0, le=100000.0,
    )  # fmt: skip
    outside_photons: float = setting(
        8.0, "photons/px",
        "Background beside the cell. Default: glass and medium.", ge=0, le=100000.0,
    )  # fmt: skip
    unevenness: float = setting(
        0.15, "1",
        "Relative sd of the background under the cell. Default: plain to the eye.", ge=0, le=2,
    )  # fmt: skip
    texture_um: float = setting(
        2.5, "um",
        "Length over which it varies. Default: lamellae, nucleus, adhesions.", gt=0.1, le=100,
    )  # fmt: skip
    strands_per_um: float = setting(
        0.0, "1/um",
        "Axons, ruffles or fibres: length of bright strands per um^2 under the cell, with boutons on them. Default 0: none.",
        ge=0, le=5,
    )  # fmt: skip
    strand_photons: float = setting(
        40.0, "photons/px",
        "Background that a strand adds at its middle. Default: as bright as the haze.", ge=0, le=100000.0,
    )  # fmt: skip
    strand_um: float = setting(0.15, "um", "Gaussian half-width (sd) of a strand. Default: an axon.", gt=0, le=5)
    edge_um: float = setting(0.4, "um", "Width of the cell's edge. Default: a thin lamella.", ge=0, le=20)
    edge_wave_um: float = setting(
        0.0, "um",
        "Amplitude of the waves of protrusion and retraction that run along the edge. Default 0: the edge is still; 0.3-1 in "
        "cells that spread (unverified).", ge=0, le=20,
    )  # fmt: skip
    edge_wave_s: float = setting(
        25.0, "s",
        "Period of those waves. Default: contractions of lamellipodia (Giannone et al. 2004, Cell 116:431; unverified); slower "
        "ones take 130-200 s (Ryan et al. 2012, Biophys J 102:1493).", gt=0, le=3600,
    )  # fmt: skip
    bleach_per_s: float = setting(0.005, "1/s", "Bleaching rate of the background. Default: 14 % in 30 s.", ge=0, le=100)
    bleach_floor: float = setting(
        0.5, "1",
        "Part of the background that does not bleach. Default: exchanges with the bulk.", ge=0, le=1,
    )  # fmt: skip


class Vesicles(Params):
    """Size, brightness and motion of vesicles."""

    photons: float = setting(
        700.0, "photons",
        "Median photoelectrons per frame of a full vesicle in contact with the membrane, at neutral pH. Default: peak "
        "signal over its noise of about 6.", gt=0, le=10000000.0,
    )  # fmt: skip
    photons_spread: float = setting(0.35, "1", "Log-sd of the brightness. Default: copy numbers vary threefold.", ge=0, le=2)
    radius_nm: float = setting(
        100.0, "nm",
        "Mean radius. Default: insulin granules (sections show about 300 nm wide ones).", gt=10, le=1000,
    )  # fmt: skip
    radius_spread: float = setting(0.15, "1", "Relative sd of the radius. Default: granules.", ge=0, le=0.5)
    mobile_um2_s: float = setting(
        0.03, "um^2/s",
        "Median D of mobile vesicles. Default: between 0.01 (Oheim and Stuehmer 2000) and 0.1.", ge=0, le=10,
    )  # fmt: skip
    tethered_um2_s: float = setting(
        0.002, "um^2/s",
        "Median D of tethered ones. Default: between mobile and docked.", ge=0, le=10,
    )  # fmt: skip
    docked_um2_s: float = setting(
        0.0001, "um^2/s",
        "Median D of docked ones. Default: 100 times below mobile (Oheim and Stuehmer 2000).", ge=0, le=10,
    )  # fmt: skip
    diffusion_spread: float = setting(
        0.4, "1",
        "Log-sd of D over vesicles. Default: a factor 2 either way is common.", ge=0, le=2,
    )  # fmt: skip
    mobile_nm: float = setting(
        140.0, "nm",
        "Mean height of a mobile vesicle near the membrane. Default: inside the field, dim.", ge=25, le=2000,
    )  # fmt: skip
    mobile_sd_nm: float = setting(
        35.0, "nm",
        "Sd of that height over time. Default: brightness varies by a third.", ge=0, le=500,
    )  # fmt: skip
    tethered_nm: float = setting(
        45.0, "nm",
        "Mean height of a tethered vesicle. Default: beyond 25 nm, the reach of SNAREs.", ge=25, le=500,
    )  # fmt: skip
    tethered_sd_nm: float = setting(8.0, "nm", "Sd of that height. Default: a tether holds.", ge=0, le=100)
    docked_sd_nm: float = setting(1.5, "nm", "Sd of the height of a docked vesicle. Default: contact.", ge=0, le=20)
    approach_nm_s: float = setting(
        1200.0, "nm/s",
        "Median speed of approach and of docking. Default: contact within 100 ms.", gt=0, le=100000.0,
    )  # fmt: skip
    leave_nm_s: float = setting(
        300.0, "nm/s",
        "Median speed at which a vesicle leaves the membrane. Default: dims over about five frames at 10 Hz.",
        gt=0, le=100000.0,
    )  # fmt: skip
    leave_spread: float = setting(
        0.4, "1",
        "Log-sd of that speed. Default: some leave in two frames and look like a release.", ge=0, le=2,
    )  # fmt: skip
    bleach_per_s: float = setting(
        0.006, "1/s",
        "Bleaching rate of cargo in contact (less where the field is weaker). Default: 16 % in 30 s.", ge=0, le=100,
    )  # fmt: skip
    visible: float = setting(
        0.1, "1",
        "Part of a typical vesicle's peak from which the true tables hold a spot. Default: z = 2.3 d; dimmer is hardly "
        "seen.", ge=0, le=1,
    )  # fmt: skip


class Particles(Params):
    """Free points that diffuse over the whole field and come and go at random, for testing detection and linking."""

    per_frame: float = setting(
        0.0, "1/frame",
        "Mean number of particles in a frame, constant over the movie. Default 0: none.", ge=0, le=1000000,
    )  # fmt: skip
    snr: float = setting(
        4.0, "1",
        "(Io - Ib) / sqrt(Io), Io the photons per pixel at the centre of the Gaussian and Ib the background there (Chenouard "
        "et al. 2014). Default: below it tracking gets worse fast.", gt=0, le=1000,
    )  # fmt: skip
    step_um: float = setting(
        0.2, "um",
        "Sd of a step along each axis from frame to frame. Default: two pixels of 0.1 um, as in the published tracks of the "
        "vesicle scenario.", ge=0, le=100,
    )  # fmt: skip
    step_spread: float = setting(
        0.0, "1",
        "Half width of the even spread of step_um over particles, relative. Default 0: all alike.", ge=0, le=1,
    )  # fmt: skip
    life_s: float = setting(
        3.0, "s",
        "Mean life; it ends with the same chance after every frame. Default: 30 frames of 0.1 s.", gt=0, le=1e6,
    )  # fmt: skip
    blurred: bool = setting(
        False, "",
        "Whether a particle moves while light is collected. Default no: it stands at one point a frame, as in the tracking "
        "challenge.",
    )  # fmt: skip


class Distractors(Params):
    """Things that fool a detector; each has its own number, 0 turns it off."""

    endosomes_per_um2: float = setting(
        0.006, "1/um^2",
        "Moving endosomes: larger, diffusing and driven. Default: a few.", ge=0, le=1,
    )  # fmt: skip
    endosome_um_s: float = setting(0.4, "um/s", "Speed of their runs. Default: motors.", ge=0, le=10)
    blinks_per_um2_s: float = setting(
        0.0008, "1/um^2/s",
        "Flashes of one or two frames. Default: about ten a movie.", ge=0, le=10,
    )  # fmt: skip
    static_per_um2: float = setting(0.01, "1/um^2", "Bright spots that only bleach. Default: a few.", ge=0, le=1)
    steps_per_um2: float = setting(
        0.006, "1/um^2",
        "Spots that vanish in one or two bleaching steps. Default: a few.", ge=0, le=1,
    )  # fmt: skip
    visits_per_um2_s: float = setting(
        0.0, "1/um^2/s",
        "Bright spots that come within half a second, stay for 0.2 to 4 s and go as they came: small endosomes, bright vesicles "
        "that never dock. Default 0: the preset's own vesicles visit.", ge=0, le=10,
    )  # fmt: skip
    haze_per_um2: float = setting(0.008, "1/um^2", "Out-of-focus blobs that move slowly. Default: a few.", ge=0, le=1)
