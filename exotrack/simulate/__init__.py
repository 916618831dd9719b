"""Physics and randomness in, a movie and the tables that are true of it out.

The chain, one module each: `lives` (states and waiting times) -> `motion` (paths) -> `light` (photons) -> `patches` -> `render`
(expected photoelectrons) -> `detector` (counts); `truth` fills the tables. `particles` draws free points for tests of detection
and linking. `instrument`, `specimen` and `presets` hold the parameters, `vary` draws them at random, `write` puts a simulated
movie on disk.
"""

from exotrack.simulate.presets import PRESETS as PRESETS
from exotrack.simulate.presets import Simulation as Simulation
from exotrack.simulate.presets import read_simulation as read_simulation
from exotrack.simulate.presets import simulation as simulation
from exotrack.simulate.scene import simulate as simulate
from exotrack.simulate.truth import Truth as Truth
from exotrack.simulate.vary import vary as vary
from exotrack.simulate.write import write_truth as write_truth

__all__ = ["PRESETS", "Simulation", "Truth", "read_simulation", "simulate", "simulation", "vary", "write_truth"]
