"""Electron micrographs: vesicles, plasma membrane, docking and filling, without model weights."""
