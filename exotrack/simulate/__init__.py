"""Physics and randomness in, a movie and the tables that are true of it out.

The chain, one module each: `lives` (states and waiting times) -> `motion` (paths) -> `light` (photons) -> `patches` -> `render`
(expected photoelectrons) -> `detector` (counts); `truth` fills the tables. `particles` draws free points for tests of detection
and linking. `instrument`, `specimen` and `presets` hold the parameters, `vary` draws them at random, `write` puts a simulated
movie on disk.

Electron micrographs have a chain of their own: `em` (parameters) -> `em_scene` (where things lie) -> `em_render` (stain, blur,
noise); `em_truth` fills the tables, `em_write` puts it on disk.
"""

from exotrack.simulate.em import EM_PRESETS as EM_PRESETS
from exotrack.simulate.em import EmSimulation as EmSimulation
from exotrack.simulate.em import em_simulation as em_simulation
from exotrack.simulate.em import read_em_simulation as read_em_simulation
from exotrack.simulate.em_truth import EmTruth as EmTruth
from exotrack.simulate.em_truth import simulate_em as simulate_em
from exotrack.simulate.em_write import write_em as write_em
from exotrack.simulate.presets import PRESETS as PRESETS
from exotrack.simulate.presets import Simulation as Simulation
from exotrack.simulate.presets import read_simulation as read_simulation
from exotrack.simulate.presets import simulation as simulation
from exotrack.simulate.scene import simulate as simulate
from exotrack.simulate.truth import Truth as Truth
from exotrack.simulate.vary import vary as vary
from exotrack.simulate.write import write_truth as write_truth

__all__ = [
    "EM_PRESETS", "PRESETS", "EmSimulation", "EmTruth", "Simulation", "Truth", "em_simulation", "read_em_simulation",
    "read_simulation", "simulate", "simulate_em", "simulation", "vary", "write_em", "write_truth",
]  # fmt: skip
