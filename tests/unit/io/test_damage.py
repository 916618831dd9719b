"""Files that are cut, corrupt, hostile or not movies at all: one InputError of one line, or the frames that are whole."""

from __future__ import annotations

import os
import pickle
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from exotrack._frames import read_usable, survey
from exotrack.errors import InputError
from exotrack.io import open_movie

Pixels = NDArray[np.uint16]
GIVEN: dict[str, Any] = {"pixel_um": 0.1, "frame_s": 0.05}
IMAGEJ: dict[str, Any] = {"imagej": True, "metadata": {"axes": "TYX"}}


def cut(path: Path, fraction: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * fraction)])
    return path


@pytest.mark.parametrize(
    ("name", "options", "fraction", "says"),
    [
        ("a.tif", IMAGEJ, 0.05, "truncated: 0 of 21 frames are whole"),
        ("a.tif", IMAGEJ, 0.6, "truncated: 13 of 21 frames are whole"),
        ("a.tif", IMAGEJ, 0.999, "truncated: 20 of 21 frames are whole"),
        ("a.ome.tif", {}, 0.05, "truncated: 1 of 21 frames are whole"),
        ("a.ome.tif", {}, 0.6, "truncated: 13 of 21 frames are whole"),
        ("a.ome.tif", {}, 0.999, "truncated: 21 of an unknown number of frames are whole"),
        ("a.ome.tif", {"compression": "zlib"}, 0.05, "truncated: 1 of an unknown number of frames are whole"),
        ("a.ome.tif", {"compression": "zlib"}, 0.6, "truncated: 13 of an unknown number of frames are whole"),
        ("a.ome.tif", {"compression": "zlib"}, 0.999, "truncated: 21 of an unknown number of frames are whole"),
        ("a.tif", {"compression": "zlib"}, 0.6, "truncated: 12 of 21 frames are whole"),
        ("a.tif", {}, 0.6, "truncated: 13 of 21 frames are whole"),
        ("a.tif", {"metadata": None}, 0.6, "truncated: 13 of 21 frames are whole"),
        ("a.tif", {"tile": (16, 16)}, 0.6, "truncated: 12 of 21 frames are whole"),
    ],
)
def test_truncated_tiff(
    tmp_path: Path,
    pixels: Pixels,
    name: str,
    options: dict[str, Any],
    fraction: float,
    says: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / name
    tifffile.imwrite(path, pixels, photometric="minisblack", **options)
    whole = int(says.split()[1])
    with pytest.raises(InputError) as caught:
        open_movie(cut(path, fraction), **GIVEN)
    assert str(caught.value).startswith(f"{name}: {says}")
    assert "\n" not in str(caught.value)
    assert "use the whole frames with --allow-partial" in str(caught.value)
    if whole < 2:
        with pytest.raises(InputError, match="too few for a movie, copy the file again"):
            open_movie(path, **GIVEN, allow_partial=True)
        return
    movie = open_movie(path, **GIVEN, allow_partial=True)
    np.testing.assert_array_equal(movie.read(0, whole), pixels[:whole])
    assert len(movie) == whole
    assert any(note.startswith(says) for note in movie.notes)
    # what tifffile says about the end of the file is told once, in the note
    assert not caplog.records


def test_not_a_movie(tmp_path: Path) -> None:
    text = tmp_path / "notes.tif"
    text.write_text("hello world, this is no movie")
    with pytest.raises(
        InputError, match=r"notes.tif: not a TIFF file \(it begins with 'hello world,'\); export the movie as TIFF"
    ):
        open_movie(text, **GIVEN)
    (tmp_path / "empty.tif").touch()
    with pytest.raises(InputError, match=r"empty.tif: the file is empty \(0 bytes\); copy it again"):
        open_movie(tmp_path / "empty.tif", **GIVEN)
    with pytest.raises(InputError, match=r"gone.tif: no such file in .*; check the path"):
        open_movie(tmp_path / "gone.tif", **GIVEN)
    (tmp_path / "a.avi").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"a.avi: files of type .avi are not read; exotrack reads TIFF, OME-TIFF, STK"):
        open_movie(tmp_path / "a.avi", **GIVEN)
    for head in (b"II", b"II*\0", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x00", b"II+\0\x08\0\0\0"):
        (tmp_path / "head.tif").write_bytes(head)
        with pytest.raises(InputError, match=r"head.tif: "):
            open_movie(tmp_path / "head.tif", **GIVEN)


def test_files_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"pipe.tif: not a regular file; give the movie file itself"):
        open_movie(tmp_path / "pipe.tif", **GIVEN)
    assert time.monotonic() - begin < 1
    (tmp_path / "link.tif").symlink_to(tmp_path / "nowhere.tif")
    with pytest.raises(InputError, match=r"link.tif: the link points to nowhere.tif, which does not exist"):
        open_movie(tmp_path / "link.tif", **GIVEN)


def test_a_name_with_a_line_break_stays_one_line(tmp_path: Path) -> None:
    (tmp_path / "a\nb.tif").write_text("hello")
    with pytest.raises(InputError, match=r"^a\\nb\.tif: not a TIFF file"):
        open_movie(tmp_path / "a\nb.tif", **GIVEN)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=str)
def test_a_name_of_bytes_that_are_no_text(tmp_path: Path, pixels: Pixels, options: dict[str, Any]) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/=b<blink>\n\xff.tif"))
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    os.rename(tmp_path / "a.tif", path)
    movie = open_movie(path, **GIVEN)
    assert movie.movie_id == "=b<blink>\n_"
    assert survey(movie)["movie_id"].iloc[0] == movie.movie_id


def test_a_damaged_page_is_unreadable_and_the_rest_is_used(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        at, size = tif.pages[7].dataoffsets[0], tif.pages[7].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[at + 2 : at + size // 2] = b"\xff" * (size // 2 - 2)
    path.write_bytes(content)
    movie = open_movie(path, **GIVEN)
    with pytest.raises(
        InputError, match=r"a.tif: frame 7 cannot be decoded: the file is damaged or not of this kind \(DeflateError"
    ):
        movie.read(4, 12)
    found, statuses = read_usable(movie, 4, 12)
    assert statuses == ["ok"] * 3 + ["unreadable"] + ["ok"] * 4
    assert not found[3].any()
    np.testing.assert_array_equal(np.delete(found, 3, axis=0), np.delete(pixels[4:12], 3, axis=0))
    assert survey(movie)["status"].tolist() == ["ok"] * 7 + ["unreadable"] + ["ok"] * 13


def test_a_strip_without_bytes_is_unreadable_not_black(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        entry = tif.pages[3].tags[279]
        offset, width = entry.valueoffset, 4 if entry.dtype == 4 else 2
    content = bytearray(path.read_bytes())
    content[offset : offset + width] = bytes(width)
    path.write_bytes(content)
    assert read_usable(open_movie(path, **GIVEN), 2, 5)[1] == ["ok", "unreadable", "ok"]


@pytest.mark.parametrize(("shift", "says"), [(-100, r"pages \d and \d overlap"), (10**6, "damaged: 20 of 21 frames are whole")])
def test_a_damaged_offset_is_seen(tmp_path: Path, pixels: Pixels, shift: int, says: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels)
    with tifffile.TiffFile(path) as tif:
        entry, offset = tif.pages[9].tags[273], tif.pages[9].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[entry.valueoffset : entry.valueoffset + 4] = struct.pack("<I", offset + shift)
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        open_movie(path, **GIVEN)


def test_a_file_that_shrinks_after_opening(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels)
    movie = open_movie(path, **GIVEN)
    cut(path, 0.5)
    assert read_usable(movie, 0, 2)[1] == ["ok", "ok"]
    with pytest.raises(InputError, match=r"a.tif: frame 20 ends early: 0 of 2560 bytes"):
        movie.read(20, 21)
    path.unlink()
    with pytest.raises(InputError, match=r"a.tif: frames 0 to 4 cannot be read: No such file"):
        pickle.loads(pickle.dumps(movie)).read(0, 5)


def header(path: Path, *, width: int = 40, height: int = 32, next_page: int = 0, description: bytes = b"") -> Path:
    """A TIFF with one page of 16-bit pixels that declares what it is told."""
    at = 8 + 2 + 12 * 9 + 4
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (270, 2, max(len(description), 5), at),
        (273, 4, 1, at + len(description)),
        (277, 3, 1, 1),
        (279, 4, 1, min(width * height * 2, 2**32 - 1)),
    ]
    table = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + struct.pack("<I", next_page)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + table + description + bytes(2560))
    return path


def test_absurd_headers_are_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"declares frames of 200000 x 200000 pixels \(80.0 GB each, at most 1 GB is read\)"):
        open_movie(header(tmp_path / "a.tif", width=200_000, height=200_000), **GIVEN)
    with pytest.raises(InputError, match="the pages of the file form a loop after 1 pages; the file is damaged"):
        open_movie(header(tmp_path / "a.tif", next_page=8), **GIVEN)
    many = b"ImageJ=1.53t\nimages=4000000000\nframes=4000000000\n"
    with pytest.raises(InputError, match="the header declares 4000000000 planes; the file is damaged or not a movie"):
        open_movie(header(tmp_path / "a.tif", description=many), **GIVEN)
    with pytest.raises(InputError, match="no width or height"):
        open_movie(header(tmp_path / "a.tif", width=0), **GIVEN)
    assert time.monotonic() - begin < 5


def test_a_chain_of_a_million_pages_is_refused_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a lower limit, so that the test is quick; the walk takes about 10 us a page."""
    monkeypatch.setattr("exotrack.io.tiff_pages.MAX_PAGES", 1000)
    page = struct.pack("<H", 1) + struct.pack("<HHII", 256, 4, 1, 40)
    tags = struct.pack("<H", 2) + struct.pack("<HHIIHHII", 256, 4, 1, 40, 257, 4, 1, 32)
    size = len(tags) + 4
    chain = b"".join(tags + struct.pack("<I", 8 + (k + 1) * size) for k in range(1100))
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + chain + page)
    with pytest.raises(InputError, match=r"more than 1000 pages; save the movie as OME-Zarr or in parts"):
        open_movie(tmp_path / "a.tif", **GIVEN)


@pytest.mark.parametrize("kind", ["plain", "zlib", "imagej", "ome", "tiled"])
def test_random_damage_gives_an_input_error_or_the_right_frames(tmp_path: Path, pixels: Pixels, kind: str) -> None:
    """Sixty seeded corruptions of each kind of file: nothing but InputError, and no frame whose bytes were spared changes."""
    options: dict[str, Any] = {
        "plain": {},
        "zlib": {"compression": "zlib"},
        "imagej": {**IMAGEJ, "resolution": (10, 10)},
        "ome": {"metadata": {"axes": "TYX", "PhysicalSizeX": 0.1, "TimeIncrement": 0.05}},
        "tiled": {"tile": (16, 16), "compression": "lzw"},
    }[kind]
    path = tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif")
    tifffile.imwrite(path, pixels[:6], photometric="minisblack", **options)
    good = path.read_bytes()
    with tifffile.TiffFile(path) as tif:
        places = [(min(page.dataoffsets), max(page.dataoffsets) + page.databytecounts[-1]) for page in tif.pages]
    rng = np.random.default_rng(17)
    compared = 0
    for trial in range(60):
        bad = bytearray(good)
        # the first bytes and the last hold the tables; anywhere else are pixels
        region = ((0, 400), (max(len(good) - 1500, 0), len(good)), (0, len(good)))[trial % 3]
        hits = rng.integers(*region, rng.integers(1, 4))
        for at in hits:
            bad[at] = rng.integers(256)
        path.write_bytes(bad)
        try:
            movie = open_movie(path, **GIVEN)
            found, statuses = read_usable(movie, 0, len(movie))
        except InputError as refusal:
            assert "\n" not in str(refusal)
            continue
        assert len(movie) == len(statuses) == 6
        for k, (first, last) in enumerate(places):
            if statuses[k] == "ok" and not any(first <= at < last for at in hits):
                np.testing.assert_array_equal(found[k], pixels[k], err_msg=f"{kind} trial {trial} frame {k} hits {hits}")
                compared += 1
    assert compared > 20


def test_random_garbage(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for suffix in (".tif", ".mrc", ".nd2", ".czi", ".lif", ".stk"):
        for head in (b"", b"II*\0\x08\0\0\0", b"\xda\xce\xbe\x0a", b"ZISRAWFILE", b"\x70\0\0\0"):
            path = tmp_path / f"a{suffix}"
            path.write_bytes(head + rng.bytes(3000))
            with pytest.raises(InputError) as caught:
                open_movie(path, **GIVEN)
            assert "\n" not in str(caught.value)
            assert str(caught.value).startswith(path.name)
