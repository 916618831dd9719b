"""Whatever stands in a file, reading it ends in what was asked for or in one line: no other error, no second line, no hang.

``EXOTRACK_FUZZ=5000 pytest tests/properties/test_hostile.py`` looks at so many examples of each kind instead of a few.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import tomli_w
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exotrack.batch.profile import read_profile
from exotrack.batch.study import read_study
from exotrack.errors import ExotrackError, InputError
from exotrack.io import open_movie
from exotrack.io.mask import read_mask
from exotrack.kinetics._reading import read_model
from exotrack.params import read_em_toml, read_toml
from exotrack.simulate.em import read_em_simulation
from exotrack.simulate.presets import read_simulation

EXAMPLES = int(os.environ.get("EXOTRACK_FUZZ", "25"))
GIVEN: dict[str, Any] = {"pixel_um": 0.1, "frame_s": 0.05}
FUZZED = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PIXELS = np.random.default_rng(5).integers(90, 4000, (5, 24, 20)).astype(np.uint16)

EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=12)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**66), 2**66)
    | st.floats()
    | st.sampled_from(["", "t", "um", "1e400", "../x", "nan", "é\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def tiff(path: Path, kind: str) -> bytes:
    """A good file of a kind."""
    options: dict[str, dict[str, Any]] = {
        "plain": {},
        "zlib": {"compression": "zlib"},
        "imagej": {"imagej": True, "metadata": {"axes": "TYX", "finterval": 0.1}},
        "ome": {"ome": True, "metadata": {"axes": "TYX", "TimeIncrement": 0.1}},
        "big": {"bigtiff": True, "tile": (16, 16)},
    }
    more = options[kind] if kind in ("imagej", "ome") else {"photometric": "minisblack", **options[kind]}
    tifffile.imwrite(path, PIXELS, **more)
    return path.read_bytes()


def either(read: Callable[[], object]) -> None:
    """What is read is good, or refused in one line."""
    try:
        read()
    except ExotrackError as error:
        assert str(error).strip()
        assert len(str(error).splitlines()) == 1


def whole(path: Path) -> None:
    """Open a movie and read all of it."""
    movie = open_movie(path, **GIVEN)
    assert movie.read(0, len(movie)).shape == movie.shape


@FUZZED
@given(kind=st.sampled_from(["plain", "zlib", "imagej", "ome", "big"]), edits=EDITS, kept=st.floats(0.02, 1), low=st.booleans())
def test_a_tiff_with_changed_bytes(kind: str, edits: list[tuple[float, int]], kept: float, low: bool, tmp_path: Path) -> None:
    path = tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif")
    content = bytearray(tiff(path, kind))
    for where, value in edits:
        content[int(where * (min(len(content), 600) if low else len(content)))] = value
    path.write_bytes(content[: max(int(kept * len(content)), 1)] if kept < 0.9 else content)
    either(lambda: whole(path))


@FUZZED
@given(
    tag=st.sampled_from([256, 257, 258, 259, 262, 270, 273, 277, 278, 279, 317, 322, 339]),
    kind=st.sampled_from([1, 2, 3, 4, 5, 12, 16, 99]),
    count=st.sampled_from([0, 1, 2, 2**31, 2**32 - 1]),
    value=st.sampled_from([0, 1, 7, 8, 2**16, 10**6, 2**31, 2**32 - 1]),
)
def test_a_tiff_whose_header_claims_anything(tag: int, kind: int, count: int, value: int, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    content = bytearray(tiff(path, "plain"))
    at = struct.unpack_from("<I", content, 4)[0]
    for number in range(struct.unpack_from("<H", content, at)[0]):
        if struct.unpack_from("<H", content, at + 2 + 12 * number)[0] == tag:
            struct.pack_into("<HII", content, at + 4 + 12 * number, kind, count, value)
    path.write_bytes(content)
    either(lambda: whole(path))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A movie in OME-Zarr."""
    import zarr

    path = tmp_path_factory.mktemp("zarr") / "a.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", data=PIXELS, chunks=(2, 24, 20))
    axes = [{"name": "t", "type": "time", "unit": "second"}, *({"name": n, "type": "space", "unit": "micrometer"} for n in "yx")]
    scale = [{"type": "scale", "scale": [0.05, 0.1, 0.1]}]
    group.attrs["multiscales"] = [
        {"version": "0.4", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    ]
    assert open_movie(path).shape == PIXELS.shape
    return path


@FUZZED
@given(data=st.data())
def test_an_ome_zarr_whose_description_says_anything(data: st.DataObject, stored: Path) -> None:
    described = sorted(path for path in stored.rglob("*") if path.name in ("zarr.json", ".zattrs", ".zarray", ".zgroup"))
    path = data.draw(st.sampled_from(described))
    good = path.read_bytes()
    try:
        path.write_text(json.dumps(changed(json.loads(good), data)), encoding="utf-8")
        either(lambda: whole(stored))
    finally:
        path.write_bytes(good)


def changed(content: Any, data: st.DataObject) -> Any:
    """The same with one value, at any depth, replaced."""
    if isinstance(content, dict) and content and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from(sorted(content)))
        return {**content, key: changed(content[key], data)}
    if isinstance(content, list) and content and data.draw(st.integers(0, 5)):
        at = data.draw(st.integers(0, len(content) - 1))
        return [*content[:at], changed(content[at], data), *content[at + 1 :]]
    return data.draw(VALUES)


@FUZZED
@given(suffix=st.sampled_from([".tif", ".png", ".npy"]), content=st.binary(max_size=300), head=st.integers(0, 3))
def test_a_mask_of_any_bytes(suffix: str, content: bytes, head: int, tmp_path: Path) -> None:
    path = tmp_path / f"mask{suffix}"
    path.write_bytes((b"", b"II*\0\x08\0\0\0", b"\x89PNG\r\n\x1a\n", b"\x93NUMPY\x01\0")[head] + content)
    either(lambda: read_mask(path, (24, 20)))


def read_kinetics(path: Path) -> object:
    """A reference model."""
    return read_model(path, {})


LOADERS = [read_toml, read_em_toml, read_simulation, read_em_simulation, read_profile, read_study, read_kinetics]
NAMES = ["preset", "params", "movies", "open", "analysis", "slurm", "detect", "link", "classify", "field", "rates", "states", "x"]
INNER = ["sigma_um", "table", "pattern", "root", "pixel_um", "workers", "walltime", "height_px", "stimulus_s", "name", "value"]


@pytest.mark.parametrize("load", LOADERS, ids=lambda load: load.__name__)
@FUZZED
@given(
    content=st.dictionaries(
        st.sampled_from(NAMES), st.one_of(VALUES, st.dictionaries(st.sampled_from(INNER), VALUES, max_size=4)), max_size=5
    )
)
@example(content={name: {"line\nbreak": False} for name in NAMES if name != "preset"})
@example(content={"\x1e": {"line\nbreak": False}})
def test_toml_of_any_types(load: Callable[[Path], object], content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(tomli_w.dumps(without_nothing(content)), encoding="utf-8")
    either(lambda: load(path))


def without_nothing(content: Any) -> Any:
    """What TOML can say of it."""
    if isinstance(content, dict):
        return {key: without_nothing(value) for key, value in content.items() if value is not None}
    if isinstance(content, list):
        return [without_nothing(value) for value in content if value is not None]
    return content


@pytest.mark.parametrize("load", LOADERS, ids=lambda load: load.__name__)
@pytest.mark.parametrize(
    "text", ["a = " + "[" * 5000, "a." * 3000 + "b = 1", "a = \x00", "\ud800", "a = 1e99999\n[a]", "preset = 1"]
)
def test_toml_that_is_none(load: Callable[[Path], object], text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ExotrackError) as caught:
        load(path)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 700


def test_a_page_that_unpacks_to_more_than_it_declares_takes_no_memory(tmp_path: Path) -> None:
    import zlib

    import psutil

    path, pack = tmp_path / "a.tif", zlib.compressobj(9)
    packed = b"".join(pack.compress(bytes(10_000_000)) for _ in range(20)) + pack.flush()
    tags = [(256, 4, 20), (257, 4, 24), (258, 3, 16), (259, 3, 8), (262, 3, 1), (277, 3, 1), (278, 4, 24)]
    pages, at = b"", 8
    for last in (False, True):
        size = 2 + 12 * (len(tags) + 2) + 4
        entries = sorted([*tags, (273, 4, 8 + 2 * size), (279, 4, len(packed))])
        pages += struct.pack("<H", len(entries)) + b"".join(
            struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries
        )
        at += size
        pages += struct.pack("<I", 0 if last else at)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + pages + packed)
    before = psutil.Process().memory_info().rss
    movie = open_movie(path, **GIVEN)
    assert movie.shape == (2, 24, 20)
    with pytest.raises(InputError, match="frame 0 cannot be decoded: the file is damaged"):
        movie.read(0, 2)
    assert psutil.Process().memory_info().rss - before < 60e6
