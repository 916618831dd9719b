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

import drawings as d
import numpy as np
import stories as st
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


SLOW_CLOUD = {"cloud_um2_s": 2.0}
"""Released cargo at the slow end, so that the eye sees it too."""
PICTURES: dict[str, Picture] = {
    "full_fusion_lumenal": Picture(
        scene("granule", docked(full(2.51, rate=7.0)), frame_s=0.05, photons=2000.0, cargo=SLOW_CLOUD),
        lambda s: d.release(s, "full_fusion", [0, 1, 2, 3, 4, 6, 8, 12, 20]), ("full_fusion",),
    ),
    "full_fusion_membrane": Picture(
        scene("phluorin", docked(full(4.03, diffusion=0.05, delay_s=0.05)), photons=1500.0),
        lambda s: d.spreading(s, "full_fusion", [0, 1, 2, 4, 6, 9, 12, 16, 22, 30]), ("full_fusion",),
    ),
    "kiss_and_run_lumenal": Picture(
        scene("granule", docked(kiss(2.51, 0.25, 0.55)), frame_s=0.05, photons=2000.0, cargo=SLOW_CLOUD),
        lambda s: d.release(s, "kiss_and_run", [0, 1, 2, 3, 4, 6, 8, 12, 20]), ("kiss_and_run",),
    ),
    "kiss_and_run_membrane": Picture(
        scene("phluorin", docked(kiss(4.03, 0.4)), 140, cargo={"reacidify_s": 1.8}),
        lambda s: d.spreading(s, "kiss_and_run", [0, 1, 2, 4, 6, 9, 12, 16, 22, 30]), ("kiss_and_run",),
    ),
    "bleaching_step": Picture(
        scene("granule", None, lamps=((900.0 * np.clip(50.9 - np.arange(120), 0, 1), MIDDLE),)),
        lambda s: d.lost(s, 51, [0, 1, 2, 3, 4, 6, 8, 12, 20], "all at once, within a frame"), (),
    ),
    "blinking": Picture(
        scene("granule", None, lamps=((1800.0 * (np.arange(120) == 50), MIDDLE),)),
        lambda s: d.lost(s, 50, [0, 1, 2, 3, 4, 6, 8, 12, 20], "there for one frame,\nnothing before or after"), (),
    ),
    "moving_through": Picture(
        scene("granule", passing(("mobile", 3.0, 7.0), ("leaving", 7.0, 11.0)), photons=1800.0, seed=4),
        lambda s: st.passing_by(s, [30, 34, 38, 42, 46, 50, 54, 58, 62, 66, 70, 74], 50), (),
    ),
    "undocking": Picture(
        scene("granule", passing(("docked", 0.0, 5.0), ("leaving", 5.0, 9.0), entered=False)),
        lambda s: st.leaving(s, [0, 1, 2, 3, 4, 5, 6, 8, 10]), ("undocking",),
    ),
    "docking": Picture(
        scene("granule", passing(("mobile", 1.5, 4.0), ("tethered", 4.0, 7.5), ("docked", 7.5, 60.0)), 140, seed=2),
        lambda s: st.coming(s, [18, 22, 26, 30, 36, 42, 50, 60, 72, 76, 90, 120], 76, MIDDLE), ("tethering", "docking"),
    ),
    "until_empty": Picture(
        scene("granule", docked(kiss(3.03, 0.3, 0.5), kiss(8.03, 0.3, 0.4), kiss(13.03, 0.3, 0.5)), 180, photons=2500.0),
        lambda s: st.until_empty(s, [25, 30, 31, 34, 60, 80, 81, 84, 110, 130, 131, 140], 30), ("kiss_and_run",) * 3,
    ),
    "roles": Picture(
        Scene(
            changes={"field": {"n_frames": 160, "frame_s": 0.1}, "vesicles": {"photons": 1500.0}},
            lives=(
                (docked(full(9.53, rate=30.0)), (CENTRE_UM, CENTRE_UM - 2.4)),
                (passing(("mobile", 5.5, 6.5), ("tethered", 6.5, 7.6), ("docked", 7.6, 60.0), fusions=(full(11.03, rate=30.0),)),
                 (CENTRE_UM, CENTRE_UM)),
                (passing(("mobile", 3.5, 5.0), ("tethered", 5.0, 7.0), ("docked", 7.0, 8.2), ("leaving", 8.2, 12.2)),
                 (CENTRE_UM, CENTRE_UM + 2.4)),
            ),
            analysis={"classify": {"stimulus_s": [6.0]}},
        ),
        lambda s: st.roles(s, [30, 50, 60, 68, 74, 80, 86, 94, 96, 100, 110, 112], 60, ("resident", "newcomer", "visitor")),
        ("tethering", "tethering", "docking", "docking", "undocking", "full_fusion", "full_fusion"),
    ),
    "measures": Picture(
        scene("granule", passing(("mobile", 1.0, 2.2), ("tethered", 2.2, 3.0), ("docked", 3.0, 8.03), ("docked", 8.03, 8.43),
              ("docked", 8.43, 60.0), fusions=(kiss(8.03, 0.4, 0.6),)), photons=2000.0),
        lambda s: st.measured(s, [0, 1, 2, 3, 4, 6, 8, 12, 20]), ("tethering", "docking", "kiss_and_run"),
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
