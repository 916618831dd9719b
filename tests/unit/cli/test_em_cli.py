"""``exotrack em`` as a user meets it: from a micrograph to a folder and its report, and one line for what cannot be."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest
import tifffile

from exotrack._terminal import exit_status
from exotrack.cli import app
from exotrack.io import read_results
from exotrack.simulate import em_simulation, simulate_em, write_em

SHAPE = (240, 300)
PLACE = ["y_nm", "x_nm", "diameter_nm"]


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the command in this process."""
    capsys.readouterr()
    status = exit_status(lambda: app([*map(str, words)], prog_name="exotrack", standalone_mode=False))
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic micrograph with its masks."""
    changes = {"field": {"height_px": SHAPE[0], "width_px": SHAPE[1]}, "membrane": {"omegas": 0}}
    params = em_simulation("em").updated(changes).updated({"vesicles": {"per_um3": 2000.0, "docked_per_um2": 300.0}})
    return write_em(simulate_em(params, np.random.default_rng(6)), tmp_path_factory.mktemp("em") / "made")


@pytest.fixture(scope="module")
def lines(made: Path) -> Path:
    """Clicks a few pixels off the membrane, as napari saves a path."""
    inside = tifffile.imread(made / "cell.tif") > 0
    places = [(int(np.argmax(inside[:, x])) + off, x) for x, off in ((10, 0), (90, -3), (170, -5), (285, -3))]
    rows = [f"0,path,{k},{y},{x}" for k, (y, x) in enumerate(places)]
    path = made.parent / "lines.csv"
    path.write_text("index,shape-type,vertex-index,axis-0,axis-1\n" + "\n".join(rows) + "\n")
    return path


def test_results_are_read_back_and_their_report_is_made_again(made: Path, tmp_path: Path, capsys) -> None:
    words = ("--out", tmp_path, "--membrane", made / "cell.tif", "--rule", "tomography", "--section-nm", 50)
    status, said, _ = call(capsys, "em", made / "synthetic.tif", *words)
    assert status == 0
    assert "reserve" in said
    folder = tmp_path / "synthetic"
    results = read_results(folder)
    assert len(results.tables["vesicles"]) > 8
    assert results.params.preset == "synaptic"
    first = (folder / "report.html").read_text(encoding="utf-8")
    (folder / "report.html").unlink()
    assert call(capsys, "report", folder)[0] == 0
    assert (folder / "report.html").read_text(encoding="utf-8") == first
    status, _, said = call(capsys, "report", folder, "--calibration", tmp_path)
    assert (status, said.count("\n")) == (2, 1)
    assert "--calibration is of a movie" in said
    status, _, said = call(capsys, "report", folder, "--movie", made / "labels.tif.gone")
    assert status == 2
    status, _, said = call(capsys, "compare", folder, "--model", "neuroendocrine_core", "--out", tmp_path / "c")
    assert "holds results of a micrograph; give a folder that `exotrack run` wrote" in said


def test_a_report_without_its_mask_says_so(made: Path, tmp_path: Path, capsys) -> None:
    mask = tmp_path / "cell.tif"
    mask.write_bytes((made / "cell.tif").read_bytes())
    assert call(capsys, "em", made / "synthetic.tif", "--out", tmp_path / "o", "--membrane", mask)[0] == 0
    mask.unlink()
    assert call(capsys, "report", tmp_path / "o" / "synthetic")[0] == 0
    assert "the membrane is not drawn: cell.tif is no longer where it was" in (
        tmp_path / "o" / "synthetic" / "report.html"
    ).read_text(encoding="utf-8")


def test_a_traced_membrane_gives_the_distances_of_the_mask(made: Path, lines: Path, tmp_path: Path, capsys) -> None:
    found = {}
    for name, membrane in (("mask", [made / "cell.tif"]), ("traced", [lines, "--trace"])):
        words = ("--labels", made / "labels.tif", "--membrane", *membrane)
        assert call(capsys, "em", made / "synthetic.tif", "--out", tmp_path / name, *words)[0] == 0
        found[name] = read_results(tmp_path / name / "synthetic").tables["vesicles"].set_index("vesicle_id")
    inner = found["mask"]["x_nm"].between(30, 420)
    off = (found["traced"]["dist_pm_surface_nm"] - found["mask"]["dist_pm_surface_nm"])[inner]
    assert inner.sum() > 10
    assert off.abs().median() < 1.5


def test_sixteen_bits_of_the_other_contrast_are_found_out_and_said(made: Path, tmp_path: Path, capsys) -> None:
    grey = tifffile.imread(made / "synthetic.tif").astype(np.uint16)
    tifffile.imwrite(tmp_path / "bright.tif", 60000 - 200 * grey)
    status, _, notes = call(capsys, "em", tmp_path / "bright.tif", "--out", tmp_path, "--spacing-nm", 1.5)
    assert status == 0
    assert "note: bright.tif: membranes are taken to be bright" in notes
    assert call(capsys, "em", made / "synthetic.tif", "--out", tmp_path)[0] == 0
    bright, dark = (read_results(tmp_path / name).tables["vesicles"] for name in ("bright", "synthetic"))
    # A score at the threshold may fall on either side of it; all others are the same vesicles.
    apart = np.abs(bright[PLACE].to_numpy()[:, None] - dark[PLACE].to_numpy()).max(axis=2)
    assert (apart.min(axis=0) < 0.1).sum() >= len(dark) - 1
    assert abs(len(bright) - len(dark)) <= 1


def test_serial_sections_are_corrected_by_their_labels(tmp_path: Path, capsys) -> None:
    """The table of sizes is that of the vesicles, whose profiles the sections show."""
    changes = {"field": {"n_sections": 5, "height_px": 200, "width_px": 260, "pixel_nm": 3.0}}
    truth = simulate_em(em_simulation("em_sections").updated(changes), np.random.default_rng(3))
    made = write_em(truth, tmp_path / "made")
    words = ("--labels", made / "labels.tif", "--spacing-nm", "50,3,3", "--out", tmp_path)
    assert call(capsys, "em", made / "synthetic.tif", *words)[0] == 0
    row = read_results(tmp_path / "synthetic").tables["sizes"].iloc[0]
    inside = truth.profiles[~truth.profiles["touches_border"].astype(bool)]
    centred = inside["centred"].sum()
    assert row["cap_from"] == "sections"
    assert row["section_nm"] == 50
    assert row["n_low"] < centred < row["n_high"]
    assert row["n_vesicles"] == pytest.approx(centred, rel=0.12)
    assert row["diameter_nm"] == pytest.approx(42, rel=0.04)
    page = (tmp_path / "synthetic" / "report.html").read_text(encoding="utf-8")
    assert "Vesicles centred in the stack" in page
    assert "by the sections that show a vesicle" in page


def image(folder: Path, name: str, pixels: np.ndarray) -> str:
    tifffile.imwrite(folder / name, pixels)
    return name


BAD = {
    "no spacing": (lambda f: image(f, "a.tif", np.zeros(SHAPE, np.uint8)), "", "give it in nm with --spacing-nm X"),
    "absurd spacing": (lambda f: image(f, "a.tif", np.zeros(SHAPE, np.uint8)), "--spacing-nm 352", "--spacing-nm X"),
    "words for spacing": (lambda f: image(f, "a.tif", np.zeros(SHAPE, np.uint8)), "--spacing-nm 2,b", "--spacing-nm takes Z,Y,X"),
    "mask of another shape": (lambda f: image(f, "m.tif", np.ones((9, 30), np.uint8)), "--membrane m.tif", "draw it on this"),
    "empty mask": (lambda f: image(f, "m.tif", np.zeros(SHAPE, np.uint8)), "--membrane m.tif", "the mask is empty (all 0)"),
    "full mask": (lambda f: image(f, "m.tif", np.ones(SHAPE, np.uint8)), "--membrane m.tif", "covers the whole image"),
    "lines elsewhere": (lambda f: far(f), "--membrane far.csv", "misses the image of 240 x 300 pixels"),
    "a trace of a mask": (lambda f: None, "--membrane m.tif --trace", "--trace is of drawn lines"),
    "a rule without membrane": (lambda f: None, "--rule tomography", "--rule says something of the membrane"),
    "labels of another shape": (
        lambda f: image(f, "l.tif", np.ones((9, 30), np.uint8)), "--labels l.tif", "both must have one shape"),
    "empty labels": (lambda f: image(f, "l.tif", np.zeros(SHAPE, np.uint8)), "--labels l.tif", "the label image is empty"),
    "float labels": (lambda f: image(f, "l.tif", np.full(SHAPE, 0.3, np.float32)), "--labels l.tif", "labels are whole numbers"),
    "contrast": (lambda f: None, "--contrast grey", "--contrast is dark or bright, found 'grey'"),
    "section": (lambda f: None, "--section-nm 0", "--section-nm is a thickness above 0"),
    "two finders": (lambda f: None, "--labels l.tif --backend x", "give one of them"),
    "unknown backend": (lambda f: None, "--backend nothing_of_that_name", "unknown backend"),
}  # fmt: skip


def far(folder: Path) -> None:
    (folder / "far.csv").write_text("index,shape-type,vertex-index,axis-0,axis-1\n0,path,0,900,5\n0,path,1,900,90\n")


@pytest.mark.parametrize("fault", BAD)
def test_what_cannot_be_is_one_line(fault: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    make, options, message = BAD[fault]
    monkeypatch.chdir(tmp_path)
    name = make(tmp_path)
    source = name if name == "a.tif" else made / "synthetic.tif"
    status, _, said = call(capsys, "em", source, "--out", "out", *options.split())
    assert status == 2
    assert message in said.splitlines()[-1]
    assert said.count("exotrack: error:") == 1
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_an_mrc_of_one_angstrom_is_asked_for_its_spacing(tmp_path: Path, capsys) -> None:
    with mrcfile.new(tmp_path / "one.mrc") as file:
        file.set_data(np.zeros(SHAPE, np.int16))
        file.voxel_size = 1.0
    status, _, said = call(capsys, "em", tmp_path / "one.mrc", "--out", tmp_path / "o")
    assert status == 2
    assert "placeholder of 1.0 A" in said


def test_partly_empty_granules_before_and_after_secretion_from_image_to_statistics(tmp_path: Path, capsys) -> None:
    """Real runs of each command: micrographs of six cells, their vesicles, and the comparison."""
    rows = ["movie_id,condition,animal"]
    for seed, (when, full, partial) in enumerate([("before", 0.9, 0.1), ("after", 0.2, 0.8)] * 3):
        changes = {"field": {"height_px": 420, "width_px": 420}, "vesicles": {"full": full, "partial": partial, "per_um3": 40.0}}
        params = em_simulation("em_granules").updated(changes)
        made = write_em(simulate_em(params, np.random.default_rng(seed)), tmp_path / f"made{seed}")
        image = (made / "synthetic.tif").rename(made / f"cell{seed}.tif")
        status, _, said = call(capsys, "em", image, "--out", tmp_path / "runs", "--preset", "granule")
        assert status == 0, said
        rows.append(f"cell{seed},{when},animal{seed // 2}")
    (tmp_path / "design.csv").write_text("\n".join(rows) + "\n")
    words = ("--filling", "--design", tmp_path / "design.csv", "--by", "condition", "--reference", "before", "--repeats", 50)
    status, said, _ = call(capsys, "stats", tmp_path / "runs", *words, "--out", tmp_path / "stats")
    assert status == 0
    assert "artly empty vesicles" in said
    effects = pd.read_parquet(tmp_path / "stats" / "effects.parquet").set_index("measure")
    assert effects.loc["partial_fraction", "effect"] > 2
    assert effects.loc["full_fraction", "effect"] < 0.5
    assert effects["n_clusters_group"].eq(3).all()
    units = pd.read_parquet(tmp_path / "stats" / "units.parquet")
    assert units[["n_full", "n_partial", "n_empty"]].sum(axis=1).gt(1).all()
