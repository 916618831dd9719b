"""Nikon ND2, written here by hand as the package nd2 reads it: no free program writes it."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exotrack._frames import survey
from exotrack.errors import CalibrationError, InputError
from exotrack.io import open_movie

nd2 = pytest.importorskip("nd2", reason="ND2 files need nd2, of the extra exotrack[io]")
Pixels = NDArray[np.uint16]
_KINDS = {bool: "bool", int: "lx_uint32", float: "double", str: "CLxStringW"}


def variant(fields: dict[str, Any]) -> bytes:
    """Nikon's XML of a nested dict."""

    def node(name: str, value: Any) -> str:
        if isinstance(value, dict):
            return f'<{name} runtype="CLxListVariant">{"".join(node(*each) for each in value.items())}</{name}>'
        text = str(value).lower() if isinstance(value, bool) else value
        return f'<{name} runtype="{_KINDS[type(value)]}" value="{text}"/>'

    return f'<variant version="1.0">{node("no_name", fields)}</variant>'.encode()


def loop(kind: int, count: int, inner: dict[str, Any] | None = None) -> dict[str, Any]:
    """A time loop (1) or a z stack (4), around another."""
    parts = {"uiCount": count, "dStart": 0.0, "dPeriod": 50.0, "dDuration": 0.0, "dAvgPeriodDiff": 51.0, "dZStep": 0.3}
    return {"eType": kind, "uLoopPars": parts, **({"ppNextLevelEx": {"i0": inner}} if inner else {})}


def write(
    path: Path,
    pixels: Pixels,
    *,
    experiment: dict[str, Any] | None = None,
    times_ms: NDArray[np.float64] | None = None,
    calibrated: bool = True,
    left_out: tuple[int, ...] = (),
) -> Path:
    """A file of version 3, pixels (t, y, x) or (t, y, x, c), 12-bit, 107 nm."""
    pixels = pixels if pixels.ndim == 4 else pixels[..., None]
    n, height, width, channels = pixels.shape
    attributes = {
        "uiWidth": width,
        "uiWidthBytes": width * channels * 2,
        "uiHeight": height,
        "uiComp": channels,
        "uiBpcInMemory": 16,
        "uiBpcSignificant": 12,
        "uiSequenceCount": n,
        "eCompression": 2,
    }
    probe = {"m_sName": "dye"}
    planes = {
        f"a{c}": {"sDescription": ("GFP", "RFP")[c], "uiCompCount": 1, "uiColor": 255, "pFluorescentProbe": probe}
        for c in range(channels)
    }
    picture = {"bCalibrated": calibrated, "dCalibration": 0.107, "sPicturePlanes": {"uiCount": channels, "sPlaneNew": planes}}
    chunks = {
        b"ImageAttributesLV!": variant(attributes),
        b"ImageMetadataLV!": variant(experiment or loop(1, n)),
        b"ImageMetadataSeqLV|0!": variant(picture),
    }
    for k in range(n):
        if k not in left_out:
            chunks[b"ImageDataSeq|%d!" % k] = struct.pack("<d", 0.0) + pixels[k].astype("<u2").tobytes()
    if times_ms is not None:
        chunks[b"CustomData|AcqTimesCache!"] = times_ms.astype("<f8").tobytes()
    _store(path, chunks)
    return path


def _store(path: Path, chunks: dict[bytes, bytes]) -> None:
    magic = 0x0ABECEDA
    content = bytearray(struct.pack("<IIQ32s64s", magic, 32, 64, b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0"))
    table = b""
    for name, data in chunks.items():
        table += name + struct.pack("<QQ", len(content), len(data))
        # the name field is padded so that the data begin 4088 bytes after the chunk
        content += struct.pack("<IIQ4072s", magic, 4072, len(data), name) + data
    begin = len(content)
    table += b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", begin)
    content += struct.pack("<IIQ32s", magic, 32, len(table), b"ND2 FILEMAP SIGNATURE NAME 0001!") + table
    path.write_bytes(content)


def test_nd2_reads_it(tmp_path: Path, pixels: Pixels) -> None:
    with nd2.ND2File(write(tmp_path / "a.nd2", pixels, times_ms=np.arange(21.0))) as file:
        assert dict(file.sizes) == {"T": 21, "Y": 32, "X": 40}
        np.testing.assert_array_equal(file.asarray(), pixels)


def test_pixels_times_and_calibration(tmp_path: Path, pixels: Pixels) -> None:
    times = np.cumsum(np.r_[7.0, np.tile([50.0, 50.0, 80.0], 7)[:20]])
    movie = open_movie(write(tmp_path / "a.nd2", pixels, times_ms=times))
    np.testing.assert_array_equal(movie.read(0, 21), pixels)
    assert (movie.pixel_um, movie.frame_s, movie.ceiling) == pytest.approx((0.107, 0.05, 4095))
    np.testing.assert_allclose(movie.times_s, (times - 7) / 1000)
    assert movie.sources["pixel_um"] == "file: ND2 calibration"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie)).read(5, 6), pixels[5:6])


def test_the_period_of_the_loop(tmp_path: Path, pixels: Pixels) -> None:
    movie = open_movie(write(tmp_path / "a.nd2", pixels))
    assert movie.frame_s == pytest.approx(0.051)
    assert movie.times_s is None


def test_channels(tmp_path: Path, pixels: Pixels) -> None:
    path = write(tmp_path / "a.nd2", np.stack([pixels, pixels // 2], axis=-1))
    with pytest.raises(InputError, match=r"2 channels \(0 'GFP', 1 'RFP'\); choose one with --channel"):
        open_movie(path)
    np.testing.assert_array_equal(open_movie(path, channel="RFP").read(0, 21), pixels // 2)


def test_a_stack_in_z_and_time(tmp_path: Path, pixels: Pixels) -> None:
    with pytest.raises(InputError, match=r"more than one time series \(T=7 Z=3 C=1 Y=32 X=40\)"):
        open_movie(write(tmp_path / "a.nd2", pixels, experiment=loop(1, 7, loop(4, 3))))


def test_no_calibration(tmp_path: Path, pixels: Pixels) -> None:
    with pytest.raises(CalibrationError, match="--pixel-um"):
        open_movie(write(tmp_path / "a.nd2", pixels, calibrated=False))


def test_frames_that_were_never_recorded(tmp_path: Path, pixels: Pixels) -> None:
    movie = open_movie(write(tmp_path / "a.nd2", pixels, left_out=(4,)))
    assert survey(movie)["status"].tolist() == ["ok"] * 4 + ["unreadable"] + ["ok"] * 16
    with pytest.raises(InputError, match="truncated: 18 of 21 frames are whole"):
        open_movie(write(tmp_path / "b.nd2", pixels, left_out=(18, 19, 20)))


@pytest.mark.parametrize("fraction", [0.05, 0.6, 0.999])
def test_truncated(tmp_path: Path, pixels: Pixels, fraction: float) -> None:
    path = write(tmp_path / "a.nd2", pixels)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * fraction)])
    with pytest.raises(InputError, match=r"a.nd2: cannot be read as a movie: the file is damaged"):
        open_movie(path)
