"""An environment of its own for the benchmark, with exotrack from this repository and every peer that can be installed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

REQUESTS: dict[str, list[str]] = {
    "trackpy": ["trackpy"],
    "laptrack": ["laptrack"],
    "scikit-image": ["scikit-image"],
    "opencv-python-headless": ["opencv-python-headless"],
    # picasso asks for pandas below 3 and for a desktop; its fits need neither, so only what they import is installed.
    "picassosr": ["--no-deps", "picassosr"],
    "picassosr's imports": ["pyyaml", "tqdm", "matplotlib", "playsound3", "tifffile", "h5py", "nd2"],
}
"""What is installed to what pip is asked for, each on its own so that one that fails does not take the others with it."""
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR", "BLIS")


def prepared(cache: Path) -> Path:
    """The Python of the environment in `cache`, made if it is not there or was made for something else.

    What could not be installed is in ``missing.json`` beside it: name to the last line pip wrote.
    """
    folder = cache / "venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = hashlib.sha256(f"{sys.version}{REQUESTS}{(ROOT / 'pyproject.toml').read_text()}".encode()).hexdigest()
    stamp = cache / "installed.txt"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    cache.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    _pip(python, ["--upgrade", "pip"])
    failed = _pip(python, ["--editable", str(ROOT)])
    if failed:
        raise SystemExit(f"exotrack cannot be installed: {failed}")
    missing = {name: why for name, request in REQUESTS.items() if (why := _pip(python, request))}
    (cache / "missing.json").write_text(json.dumps(missing, indent=1))
    stamp.write_text(wanted)
    return python


def _pip(python: Path, request: list[str]) -> str:
    """Install; an empty text, or the last line of what pip said."""
    print("installing", *request, flush=True)
    asked = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *request]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return next((line for line in reversed(said) if "ERROR" in line or "error" in line), said[-1] if said else "pip failed")


def single_threaded() -> dict[str, str]:
    """The surroundings of a process that uses one thread."""
    return {**os.environ, **{f"{name}_NUM_THREADS": "1" for name in THREADS}, "PYTHONWARNINGS": "ignore"}
