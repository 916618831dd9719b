"""What a simulated electron micrograph shows: the parameters, and the presets that start them.

Everything is synthetic and says so. Lengths are in nm. Sources: Plattner et al. 1997 (J Cell Biol 139:1195) for chromaffin
granules, Fava et al. 2012 (Diabetologia 55:1013) for insulin granules. Values known only from memory say "unverified".
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from exotrack.errors import ParameterError
from exotrack.params import Params, nearest, setting


class EmField(Params):
    """Size and sampling of the image."""

    height_px: int = setting(700, "px", "Height. Default: about 1 um at 1.5 nm.", ge=32, le=50000)
    width_px: int = setting(900, "px", "Width. Default: one bouton.", ge=32, le=50000)
    pixel_nm: float = setting(1.5, "nm", "Side of a pixel. Default: the middle of the 1 to 3 nm in use.", ge=0.1, le=100)
    n_sections: int = setting(1, "", "Sections or planes. Default: a single section.", ge=1, le=100000)
    section_nm: float = setting(
        50.0, "nm",
        "Thickness of a section, or distance of the planes of a volume. Default: a thin section; 70 and 250 are as common.",
        ge=0.1, le=1000,
    )  # fmt: skip


class EmMembrane(Params):
    """The plasma membrane, which runs across the image with the cell below it, and what is fused with it."""

    thickness_nm: float = setting(7.5, "nm", "Thickness of the membrane. Default: unverified.", gt=0, le=50)
    depth: float = setting(0.2, "1", "Where it lies, from the top as part of the height. Default: most is cell.", ge=0, le=1)
    wave_nm: float = setting(15.0, "nm", "Height of its waves. Default: plainly not straight.", ge=0, le=1000)
    period_nm: float = setting(900.0, "nm", "Length of a wave. Default: as long as the image.", gt=10, le=100000)
    tilt_deg: float = setting(
        0.0, "deg", "Angle to the axis of the microscope: a tilted membrane is blurred. Default: cut across.", ge=-60, le=60
    )
    omegas: int = setting(0, "", "Omega figures in each image. Default: none.", ge=0, le=10000)
    neck_nm: float = setting(18.0, "nm", "Mean neck of an omega figure. Default: a pore that has widened.", ge=0, le=1000)


class EmVesicles(Params):
    """The vesicles: how many, where, how large, how full."""

    diameter_nm: float = setting(42.0, "nm", "Mean outer diameter. Default: synaptic vesicles, 35 to 50.", gt=1, le=5000)
    spread: float = setting(0.08, "1", "Relative sd of the diameter. Default: synaptic vesicles, unverified.", ge=0, le=0.5)
    wall_nm: float = setting(
        6.0, "nm", "Thickness of a vesicle's membrane. Default: a stained bilayer with its proteins.", gt=0, le=50
    )
    per_um3: float = setting(
        800.0, "1/um^3", "Vesicles in the cell, besides the docked ones. Default: a loosely filled bouton.", ge=0, le=100000.0
    )
    docked_per_um2: float = setting(
        60.0, "1/um^2", "Docked vesicles per area of membrane. Default: an active zone.", ge=0, le=10000
    )
    docked_gap_nm: float = setting(1.0, "nm", "Largest gap between a docked vesicle and the membrane. Default: touching.", ge=0)
    full: float = setting(0.0, "1", "Part of the vesicles with a full dense core. Default: none.", ge=0, le=1)
    partial: float = setting(0.0, "1", "Part of them with a core that fills a part. Default: none.", ge=0, le=1)
    partial_from: float = setting(0.25, "1", "Least occupancy of a partly filled one. Default: plainly not empty.", ge=0, le=1)
    partial_to: float = setting(0.5, "1", "Largest occupancy of a partly filled one. Default: plainly not full.", ge=0, le=1)
    gap_nm: float = setting(2.0, "nm", "Least gap between two vesicles. Default: they do not overlap.", ge=0, le=1000)


class EmImaging(Params):
    """How dark things are and what the microscope and the camera make of it."""

    contrast: Literal["dark", "bright"] = setting("dark", "", "Whether membranes are dark or bright. Default: stained sections.")
    bits: Literal[8, 16] = setting(8, "", "Bits of a grey value. Default: as most files.")
    level: float = setting(0.8, "1", "Grey of nothing at all, as part of the range. Default: not saturated.", gt=0, le=1)
    depth: float = setting(
        0.55, "1", "Grey between nothing and membrane, as part of the range. Default: strong stain.", gt=0, le=1
    )
    blur_nm: float = setting(1.5, "nm", "Gaussian width of a point's image. Default: one pixel.", ge=0, le=100)
    noise: float = setting(0.10, "1", "Noise (sd) over the contrast of a membrane. Default: plain to the eye.", ge=0, le=10)
    texture: float = setting(0.06, "1", "Texture of the cytoplasm (sd), over that contrast. Default: visible.", ge=0, le=2)
    texture_nm: float = setting(9.0, "nm", "Length over which it varies. Default: proteins.", gt=0, le=1000)
    granules_per_um3: float = setting(
        150.0, "1/um^3", "Dark grains of 12 to 25 nm, as ribosomes and glycogen. Default: some.", ge=0, le=1e6
    )
    cytoplasm: float = setting(0.22, "1", "Stain of the cytoplasm over that of membrane. Default: pale.", ge=0, le=1)
    lumen: float = setting(0.06, "1", "Stain of an empty lumen. Default: paler than the cytoplasm.", ge=0, le=1)
    core: float = setting(1.0, "1", "Stain of a dense core. Default: as dark as membrane.", ge=0, le=1)
    outside: float = setting(0.06, "1", "Stain outside the cell. Default: almost none.", ge=0, le=1)


class EmSimulation(Params):
    """Everything `simulate_em` needs besides randomness; all in nm."""

    preset: str = setting("em", "", "Preset these parameters started from.")
    field: EmField = EmField()
    membrane: EmMembrane = EmMembrane()
    vesicles: EmVesicles = EmVesicles()
    imaging: EmImaging = EmImaging()

    @property
    def spacing_nm(self) -> tuple[float, float, float]:
        """Distance of planes, rows and columns (nm)."""
        return self.field.section_nm, self.field.pixel_nm, self.field.pixel_nm

    @property
    def size_nm(self) -> tuple[float, float, float]:
        """Extent of the image (nm) along z, y, x."""
        field = self.field
        return field.n_sections * field.section_nm, field.height_px * field.pixel_nm, field.width_px * field.pixel_nm


_GRANULES: dict[str, dict[str, Any]] = {
    "membrane": {"wave_nm": 60.0, "period_nm": 4000.0, "neck_nm": 90.0},
    "vesicles": {
        "diameter_nm": 300.0, "spread": 0.15, "wall_nm": 7.0, "per_um3": 6.0, "docked_per_um2": 0.7, "full": 0.7, "partial": 0.2,
        "gap_nm": 10.0,
    },
}  # fmt: skip
EM_PRESETS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "em": (
        "A thin section through a synaptic bouton: clear vesicles, docked ones and two omega figures.",
        {"membrane": {"omegas": 2}},
    ),
    "em_sections": (
        "Twelve serial sections of 50 nm through a bouton.",
        {"field": {"n_sections": 12, "pixel_nm": 2.0, "height_px": 400, "width_px": 500}},
    ),
    "em_granules": (
        "A section of 70 nm through a chromaffin or beta cell: granules with cores, full, partly full and empty.",
        {**_GRANULES, "field": {"pixel_nm": 3.0, "section_nm": 70.0, "height_px": 1000, "width_px": 1300}},
    ),
    "em_volume": (
        "A volume with voxels of 5 nm, as from a focused ion beam, through a bouton; membranes are dark.",
        {
            "field": {"pixel_nm": 5.0, "section_nm": 5.0, "n_sections": 60, "height_px": 160, "width_px": 200},
            "imaging": {"blur_nm": 2.5, "noise": 0.15}, "vesicles": {"per_um3": 600.0},
        },
    ),
    "em_tomogram": (
        "A tomogram with voxels of 2 nm of a slab of 100 nm, low contrast.",
        {
            "field": {"pixel_nm": 2.0, "section_nm": 2.0, "n_sections": 50, "height_px": 240, "width_px": 300},
            "imaging": {"blur_nm": 2.0, "noise": 0.35, "texture": 0.15},
        },
    ),
}  # fmt: skip
"""Name to (what it is for, what it changes)."""


def em_simulation(name: str = "em") -> EmSimulation:
    """The parameters of a preset; raises `ParameterError` with the nearest name for an unknown one."""
    if name not in EM_PRESETS:
        raise ParameterError(f"unknown preset {name!r}{nearest(name, EM_PRESETS)}; known are {', '.join(EM_PRESETS)}")
    return EmSimulation(preset=name).updated(EM_PRESETS[name][1])


def read_em_simulation(path: str | Path) -> EmSimulation:
    """The simulation in a TOML file such as `write_em` leaves, over the preset that the file names.

    Raises `ParameterError` if the file cannot be read, is not TOML, or holds an unknown name or a value out of range.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read ({error.strerror}); give a TOML file of a simulation") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParameterError(f"{path}: is not TOML ({str(error)[:200]})") from None
    return em_simulation(str(values.get("preset", "em"))).updated(values, source=str(path))
