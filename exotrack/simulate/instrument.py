"""What looks: field, optics, camera, stage and illumination of a simulated TIRF movie.

Sources: Axelrod 1981 (J Cell Biol 89:141) for the evanescent field, Huang et al. 2013 (Nat Methods 10:653) for sCMOS pixels,
Robbins and Hadwen 2003 (IEEE Trans Electron Devices 50:1227) for the excess noise of electron multiplication.
"""

from __future__ import annotations

from typing import Literal

from exotrack.params import Params, setting
from exotrack.physics import Noise


class Field(Params):
    """Size and sampling of the movie."""

    height_px: int = setting(256, "px", "Height. Default: a common cropped region that runs fast.", ge=16, le=8192)
    width_px: int = setting(256, "px", "Width. Default: as height_px.", ge=16, le=8192)
    n_frames: int = setting(300, "frame", "Number of frames. Default: 30 s at 10 Hz.", ge=3, le=1000000)
    pixel_um: float = setting(
        0.107, "um",
        "Side of a pixel in the sample. Default: 16 um pixels at 150x; 0.1 and 0.16 are as common (Gucek et al. 2019).",
        ge=0.005, le=5,
    )  # fmt: skip
    frame_s: float = setting(
        0.1, "s",
        "Interval between frames. Default: 10 Hz, at which a release of NPY shows (Gucek et al. 2019).", ge=0.0001, le=3600,
    )  # fmt: skip
    exposure: float = setting(
        0.95, "1",
        "Part of the interval in which light is collected. Default: nearly all of it, as with a rolling or frame-"
        "transfer read-out.", gt=0, le=1,
    )  # fmt: skip
    substeps: int = setting(
        5, "1/frame",
        "Instants per exposure at which the physics is evaluated (more around a fusion). Default: motion blur and "
        "partial exposures are right to a few percent.", ge=1, le=100,
    )  # fmt: skip

    @property
    def duration_s(self) -> float:
        """Length of the movie (s)."""
        return self.n_frames * self.frame_s


class Optics(Params):
    """Excitation and image formation."""

    psf_sigma_um: float = setting(
        0.115, "um",
        "Gaussian width of a point's image. Default: NA 1.45-1.49 at 500-600 nm, 0.11-0.13 um.", gt=0.02, le=1,
    )  # fmt: skip
    halo_fraction: float = setting(
        0.0, "1",
        "Part of a point's light in a second, wider Gaussian. Default 0; 0.1-0.3 stands for aberrations.", ge=0, le=0.9,
    )  # fmt: skip
    halo_ratio: float = setting(
        2.2, "1",
        "Width of that second Gaussian over psf_sigma_um. Default: first-ring radius.", gt=1, le=6,
    )  # fmt: skip
    depth_nm: float = setting(
        100.0, "nm",
        "Penetration depth d of the evanescent field, I = I0 exp(-z/d) (Axelrod 1981). Default: stated by Gucek et al. "
        "2019; Toomre et al. 2000 used about 50.", ge=20, le=1000,
    )  # fmt: skip
    rayleigh_um: float = setting(
        0.35, "um",
        "Defocus at which the image is wider by sqrt(2). Default: NA 1.45 in the red.", gt=0.05, le=10,
    )  # fmt: skip

    def components(self) -> list[tuple[float, float]]:
        """Gaussians of the point spread function: (weight, sigma in um)."""
        wide = (self.halo_fraction, self.psf_sigma_um * self.halo_ratio)
        return [(1.0 - self.halo_fraction, self.psf_sigma_um)] + ([wide] if self.halo_fraction > 0 else [])


class Camera(Params):
    """Photoelectrons to counts; quantum efficiency is folded into every number of photons."""

    kind: Literal["sCMOS", "EMCCD", "CCD"] = setting(
        "sCMOS", "",
        "sCMOS: every pixel has its own gain, offset and read noise; EMCCD: multiplication adds excess noise.",
    )  # fmt: skip
    gain: float = setting(
        2.0, "counts/e-",
        "Counts per photoelectron, multiplication included. Default: sCMOS, 0.5 e-/count.", gt=0, le=1000,
    )  # fmt: skip
    offset: float = setting(100.0, "counts", "Count in the dark. Default: usual setting of sCMOS cameras.", ge=0, le=30000)
    read_noise_e: float = setting(
        1.6, "e-",
        "Read noise (sd) before multiplication. Default: sCMOS; an EMCCD at gain 300 has under 0.3.", ge=0, le=100,
    )  # fmt: skip
    bit_depth: int = setting(16, "bit", "Counts end at 2^bit_depth - 1. Default 16; 12 and 14 exist.", ge=8, le=16)
    gain_spread: float = setting(
        0.01, "1",
        "Relative sd of the gain over sCMOS pixels. Default: after Huang et al. 2013.", ge=0, le=0.5,
    )  # fmt: skip
    offset_spread: float = setting(
        1.5, "counts",
        "Sd of the offset over sCMOS pixels. Default: after Huang et al. 2013.", ge=0, le=100,
    )  # fmt: skip
    read_spread: float = setting(
        0.25, "1",
        "Log-sd of the read noise over sCMOS pixels. Default: gives the long tail of Huang et al. 2013.", ge=0, le=2,
    )  # fmt: skip
    hot_fraction: float = setting(
        0.0, "1",
        "Part of the pixels that are hot. Default 0; 1e-4 for a worn camera.", ge=0, le=0.1,
    )  # fmt: skip
    hot_e: float = setting(
        60.0, "e-",
        "Mean dark signal of a hot pixel per frame. Default: plainly visible.", ge=0, le=100000.0,
    )  # fmt: skip

    @property
    def excess(self) -> float:
        """Excess noise factor squared: 2 for a multiplying register (Robbins and Hadwen 2003), otherwise 1."""
        return 2.0 if self.kind == "EMCCD" else 1.0

    @property
    def ceiling(self) -> int:
        """Largest count."""
        return int(2**self.bit_depth - 1)

    def noise(self) -> Noise:
        """The variance law of a typical pixel, rounding to whole counts included."""
        slope = self.gain * self.excess
        read = (self.gain * self.read_noise_e) ** 2 + 1.0 / 12.0
        return Noise(slope, read - slope * self.offset, "simulated camera")


class Stage(Params):
    """Drift of the sample."""

    drift_y_um_s: float = setting(
        0.0, "um/s",
        "Steady drift along y. Default 0; 0.001 is common while warming up.", ge=-1, le=1,
    )  # fmt: skip
    drift_x_um_s: float = setting(0.0005, "um/s", "Steady drift along x. Default: a settled microscope.", ge=-1, le=1)
    wander_um_rs: float = setting(0.002, "um/sqrt(s)", "Random walk of the stage. Default: 2 nm in a second.", ge=0, le=1)


class Illumination(Params):
    """Imperfect light and focus, common to the whole field."""

    flicker: float = setting(
        0.005, "1",
        "Relative sd of the light from frame to frame. Default: a stable laser.", ge=0, le=1,
    )  # fmt: skip
    defocus_um_s: float = setting(0.0, "um/s", "Steady loss of focus. Default 0: focus is held.", ge=-1, le=1)
    defocus_wander_um: float = setting(0.0, "um", "Sd of slow focus changes (correlated over 5 s). Default 0.", ge=0, le=2)
