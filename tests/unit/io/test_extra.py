"""Formats whose packages are optional."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exotrack.errors import InputError
from exotrack.io import open_movie


@pytest.mark.parametrize(("suffix", "module"), [(".nd2", "nd2"), (".czi", "pylibCZIrw.czi"), (".lif", "liffile")])
def test_a_missing_package_says_how_to_install_it(
    tmp_path: Path, suffix: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # what Python puts there for a module that must not be imported
    (tmp_path / f"a{suffix}").write_bytes(b"something")
    with pytest.raises(InputError) as caught:
        open_movie(tmp_path / f"a{suffix}")
    assert str(caught.value) == f'a{suffix}: reading {suffix} files needs the package {module}; pip install "exotrack[io]"'


def test_importing_the_readers_loads_no_library() -> None:
    heavy = "tifffile zarr mrcfile nd2 liffile pylibCZIrw pandas dask"
    code = f"import sys, exotrack.io.open; print([name for name in '{heavy}'.split() if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
