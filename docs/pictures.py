"""Make the pictures of the guide with the simulator: ``python docs/pictures.py [NAME...]`` writes docs/pictures/NAME.png.

Each picture is one vesicle (or spot) that does one thing, simulated with a fixed seed and analysed like any movie: frames above,
what was measured and fitted below. `PICTURES` is the list; what the analysis must find there is part of it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drawings import release, spreading
from matplotlib.figure import Figure
from scenes import CENTRE_UM, Scene, docked, full, kiss, passing

from exotrack.io.atomic import atomic_file

FOLDER = Path(__file__).parent / "pictures"
COLOURS = 128
"""Of the palette: the pictures are grey images and lines of a few colours."""
MIDDLE = (CENTRE_UM, CENTRE_UM)


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes
    ----------
    scene : what is simulated.
    draw : makes the figure of the scene.
    kinds : kinds of the events that the analysis must find at the place, in order of time.
    """

    scene: Scene
    draw: Callable[[Scene], Figure]
    kinds: tuple[str, ...] = ()

    def figure(self) -> Figure:
        """The figure; `ValueError` if the analysis finds other events than the picture is of."""
        found = tuple(self.scene.near("events", reach_um=4.0).sort_values("t_s")["kind"])
        if found != self.kinds:
            raise ValueError(f"the analysis finds {found}, the picture is of {self.kinds}")
        return self.draw(self.scene)


def scene(preset: str, life: object, n: int = 120, frame_s: float = 0.1, photons: float = 1100.0, **more: object) -> Scene:
    """A scene of one vesicle in the middle; `more` are `cargo` changes, `lamps` and `seed`."""
    changes = {"field": {"n_frames": n, "frame_s": frame_s}, "vesicles": {"photons": photons}, "cargo": more.pop("cargo", {})}
    lives = () if life is None else ((life, MIDDLE),)
    return Scene(preset, changes=changes, lives=lives, **more)  # type: ignore[arg-type]


PICTURES: dict[str, Picture] = {
    "full_fusion_lumenal": Picture(
        scene("granule", docked(full(2.51, rate=7.0)), frame_s=0.05),
        lambda s: release(s, "full_fusion", [0, 1, 2, 3, 4, 6, 8, 12, 20]), ("full_fusion",),
    ),
    "full_fusion_membrane": Picture(
        scene("phluorin", docked(full(4.03, diffusion=0.08, delay_s=0.05)), photons=1500.0),
        lambda s: spreading(s, "full_fusion", [0, 1, 2, 3, 5, 8, 12, 16, 24, 36]), ("full_fusion",),
    ),
}  # fmt: skip
"""Name of the file, without its ending, to the picture."""


def write(name: str, folder: Path = FOLDER) -> Path:
    """Write one picture as a PNG of few colours and return its path."""
    from PIL import Image, PngImagePlugin

    raw = io.BytesIO()
    PICTURES[name].figure().savefig(raw, format="png")
    small = Image.open(raw).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    note = PngImagePlugin.PngInfo()
    note.add_text("Source", f"docs/pictures.py {name}, seed {PICTURES[name].scene.seed}")
    path = folder / f"{name}.png"
    with atomic_file(path) as temporary:
        small.save(temporary, format="png", optimize=True, pnginfo=note)
    return path


def main(names: list[str]) -> None:
    """Write the named pictures, or all."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or PICTURES:
        write(name)


if __name__ == "__main__":
    main(sys.argv[1:])
