"""Leica LIF, written here by hand after Leica's description of the container: no free program writes it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from exotrack.errors import CalibrationError, InputError
from exotrack.io import open_movie

liffile = pytest.importorskip("liffile", reason="LIF files need liffile, of the extra exotrack[io]")
Pixels = NDArray[np.uint16]


def element(pixels: Pixels, name: str, block: str, stamps: list[float], interval: float = 0.05) -> str:
    """XML of one image, (t, c, y, x), 12-bit, 107 nm pixels."""
    n, c, y, x = pixels.shape
    axes = [
        (1, x, (x - 1) * 1.07e-7, "m", 2),
        (2, y, (y - 1) * 1.07e-7, "m", 2 * x),
        (4, n, (n - 1) * interval, "s", 2 * x * y * c),
    ]
    dimensions = "".join(
        f'<DimensionDescription DimID="{k}" NumberOfElements="{size}" Origin="0" Length="{length:.9e}" Unit="{unit}" '
        f'BitInc="0" BytesInc="{step}"/>'
        for k, size, length, unit, step in axes
    )
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="12" NameOfMeasuredQuantity="" Min="0" Max="4095" '
        f'Unit="" LUTName="{("Green", "Red")[k]}" IsLUTInverted="0" BytesInc="{2 * x * y * k}" BitInc="0"/>'
        for k in range(c)
    )
    # Windows file times: 100 ns steps since 1601
    times = " ".join(f"{round((11_644_473_600 + 1.6e9 + s) * 1e7):x}" for s in stamps)
    listed = f'<TimeStampList NumberOfTimeStamps="{len(stamps)}">{times}</TimeStampList>' if stamps else ""
    return (
        f'<Element Name="{name}" Visibility="1" UniqueID="u"><Data><Image TextDescription=""><ImageDescription>'
        f"<Channels>{channels}</Channels><Dimensions>{dimensions}</Dimensions></ImageDescription>{listed}</Image></Data>"
        f'<Memory Size="{pixels.nbytes}" MemoryBlockID="{block}"/></Element>'
    )


def write(path: Path, *images: Pixels, stamps: tuple[float, ...] = (), interval: float = 0.05) -> Path:
    """A LIF file of version 2 with these images."""
    images = tuple(image if image.ndim == 4 else image[:, None] for image in images)
    inside = "".join(element(image, f"cell {k}", f"MemBlock_{k}", list(stamps), interval) for k, image in enumerate(images))
    outer = f'<Element Name="all" UniqueID="a"><Children>{inside}</Children></Element>'
    xml = f'<LMSDataContainerHeader Version="2">{outer}</LMSDataContainerHeader>'
    body = xml.encode("utf-16-le")
    parts = [struct.pack("<IIBI", 0x70, len(body) + 5, 0x2A, len(xml)), body]
    for k, image in enumerate(images):
        block = f"MemBlock_{k}"
        head = struct.pack("<IIBQBI", 0x70, 18 + 2 * len(block), 0x2A, image.nbytes, 0x2A, len(block))
        parts += [head, block.encode("utf-16-le"), image.astype("<u2").tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def test_it_is_a_valid_lif(tmp_path: Path, pixels: Pixels) -> None:
    with liffile.LifFile(write(tmp_path / "a.lif", pixels)) as lif:
        np.testing.assert_array_equal(lif.images[0].asarray(), pixels)


def test_pixels_and_calibration(tmp_path: Path, pixels: Pixels) -> None:
    movie = open_movie(write(tmp_path / "a.lif", pixels))
    np.testing.assert_array_equal(movie.read(0, 21), pixels)
    assert (movie.pixel_um, movie.frame_s) == pytest.approx((0.107, 0.05))
    assert (movie.ceiling, movie.times_s) == (4095, None)


def test_time_stamps(tmp_path: Path, pixels: Pixels) -> None:
    times = np.cumsum(np.r_[3.0, np.tile([0.05, 0.06], 10)])
    movie = open_movie(write(tmp_path / "a.lif", pixels, stamps=tuple(times)))
    np.testing.assert_allclose(movie.times_s, times - 3.0, atol=1.1e-3)


def test_channels_and_images(tmp_path: Path, pixels: Pixels) -> None:
    both = np.stack([pixels, pixels // 2], axis=1)
    path = write(tmp_path / "a.lif", both, both + 1)
    with pytest.raises(InputError, match=r"holds 2 images \(0 'cell 0', 1 'cell 1'\); choose one with --series"):
        open_movie(path)
    with pytest.raises(InputError, match=r"2 channels \(0 'Green', 1 'Red'\); choose one with --channel"):
        open_movie(path, series=1)
    np.testing.assert_array_equal(open_movie(path, series=1, channel="Red").read(0, 21), pixels // 2 + 1)


def test_no_interval(tmp_path: Path, pixels: Pixels) -> None:
    with pytest.raises(CalibrationError, match="--frame-s"):
        open_movie(write(tmp_path / "a.lif", pixels, interval=0.0))


@pytest.mark.parametrize(("fraction", "whole"), [(0.6, 12), (0.999, 20)])
def test_truncated(tmp_path: Path, pixels: Pixels, fraction: float, whole: int) -> None:
    path = write(tmp_path / "a.lif", pixels)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * fraction)])
    with pytest.raises(InputError, match=f"truncated: {whole} of 21 frames are whole"):
        open_movie(path)
    np.testing.assert_array_equal(open_movie(path, allow_partial=True).read(0, whole), pixels[:whole])
