"""Electron micrographs: vesicles, plasma membrane, docking and filling, without model weights.

`open_stack` reads a micrograph, serial sections or a volume; `detect` finds vesicles, or `read_vesicles` takes them from a file;
`fill` says how full each is. Places are (z, y, x) in nm and the centre of voxel (0, 0, 0) is 0.
"""

from exotrack.em.detect import detect
from exotrack.em.filling import fill
from exotrack.em.labels import measure_labels, read_vesicles
from exotrack.em.stack import Stack, open_stack

__all__ = ["Stack", "detect", "fill", "measure_labels", "open_stack", "read_vesicles"]
