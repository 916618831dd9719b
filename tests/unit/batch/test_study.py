"""Study files: read whole, refused whole, and nothing outside their root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from studied import small_study

from exotrack.batch.profile import read_profile
from exotrack.batch.study import Study, read_study
from exotrack.errors import ExotrackError, InputError, ParameterError
from exotrack.params import preset


def written(folder: Path, toml: str, table: str | None = None, files: tuple[str, ...] = ("a.tif", "b.tif")) -> Path:
    """A study file with its table and files that hold nothing: reading a study opens none of them."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    if table is not None:
        (folder / "movies.csv").write_text(table, encoding="utf-8")
    (folder / "study.toml").write_text(toml, encoding="utf-8")
    return folder / "study.toml"


LISTED = 'preset = "granule"\n[movies]\ntable = "movies.csv"\n'


def test_a_pattern_names_the_columns_of_the_design(tmp_path: Path) -> None:
    files = ("d/ctrl/m1/c1.tif", "d/drug/m2/c1.tif", "d/drug/m2/notes.txt", "d/.hidden")
    text = 'preset = "phluorin"\n[movies]\npattern = "d/{condition}/{animal}/{cell}.tif"\n'
    study = read_study(written(tmp_path, text, files=files))
    assert [entry.movie for entry in study.movies] == ["ctrl_m1_c1", "drug_m2_c1"]
    assert study.movies[1].design == {"condition": "drug", "animal_id": "m2", "cell": "c1"}
    assert study.columns == ("condition", "animal_id", "cell")
    assert study.movies[0].params == preset("phluorin")


def test_a_part_named_twice_must_be_the_same(tmp_path: Path) -> None:
    text = 'preset = "granule"\n[movies]\npattern = "{condition}/{condition}_{cell}.tif"\n'
    study = read_study(written(tmp_path, text, files=("a/a_1.tif", "a/b_1.tif")))
    assert [entry.source for entry in study.movies] == [str(tmp_path / "a" / "a_1.tif")]


def test_a_table_overrides_calibration_and_parameters_for_each_movie(tmp_path: Path) -> None:
    table = (
        "path;condition;pixel_um;frame_s;channel;stimulus_s;classify.confidence;preset\n"
        "a.tif;high K;0.107;;1;10 20;0.95;\nb.tif;low K;;0.2;red;;;synapse\n"
    )
    study = read_study(written(tmp_path, LISTED + "[open]\nframe_s = 0.1\n", table), {"link": {"max_gap_frames": 1}})
    first, second = study.movies
    assert first.opened == {"pixel_um": 0.107, "frame_s": 0.1, "channel": 1}
    assert second.opened == {"frame_s": 0.2, "channel": "red"}
    assert first.params == preset("granule").updated(
        {"classify": {"confidence": 0.95, "stimulus_s": [10.0, 20.0]}, "link": {"max_gap_frames": 1}}
    )
    assert second.params == preset("synapse").updated({"link": {"max_gap_frames": 1}})
    assert (first.condition, second.condition) == ("high K", "low K")


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    table = "path,pixel_um,detect.sigma\na.tif,-1,\nnone.tif,,\nb.tif,,2\nb.tif,wide,\n"
    with pytest.raises(InputError) as caught:
        read_study(written(tmp_path, LISTED, table))
    text = str(caught.value)
    assert text.startswith("study.toml: 4 problems: ")
    for part in (
        "movies.csv line 2: opening: pixel_um: input should be greater than 0",
        "movies.csv line 3: 'none.tif': no such file",
        "movies.csv line 4: parameters: detect.sigma: unknown parameter; did you mean 'sigma_um'?",
        "movies.csv line 5: opening: pixel_um: input should be a valid number",
    ):
        assert part in text
    assert "\n" not in text


REFUSED = {
    "preset = 3\n[movies]\ntable = 5": "preset: input should be a valid string",
    'preset = "granule"\n[movie]\ntable = "m"': "movie: unknown parameter; did you mean 'movies'?",
    'preset = "granule"': "movies: give either table or pattern",
    'preset = "granul"\n[movies]\npattern = "*.tif"': "unknown preset 'granul'; did you mean 'granule'?",
    '[movies]\npattern = "*.tif"': "say what glows with preset",
    'preset = "granule"\n[movies]\npattern = "../*.tif"': "must be relative to the root, without .. and **",
    'preset = "granule"\n[movies]\npattern = "**/*.tif"': "must be relative to the root, without .. and **",
    'preset = "granule"\n[movies]\npattern = "{1x}.tif"': "is no name of a column",
    'preset = "granule"\n[movies]\npattern = "*.nd2"': "matches no file",
    'preset = "granule"\n[movies]\ntable = "/etc/passwd"': "leads outside",
    'preset = "granule"\n[movies]\ntable = "gone.csv"': "gone.csv: cannot be read as a table (No such file",
    'preset = "granule"\n[movies]\nroot = "gopher://x"\npattern = "*"': "addresses of kind 'gopher' are not read",
    'preset = "granule"\n[movies]\nroot = "loop"\npattern = "*.tif"': "movies.root: loop: ",
    'preset = "granule"\nparams = "../p.toml"\n[movies]\npattern = "*.tif"': "leads outside",
    'preset = "granule"\n[movies]\npattern = "*.tif"\n[analysis.detect]\nsigma_um = "wide"': "detect.sigma_um: input should be a",
    'preset = "granule"\n[movies]\npattern = "*.tif"\n[analysis]\ndetect = 3': "detect: ",
    "preset: granule": "is not TOML",
    "a = " + "[" * 5000: "is not TOML",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_wrong_study_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises((InputError, ParameterError)) as caught:
        read_study(written(tmp_path, text))
    assert REFUSED[text] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


ROWS = {
    "path,cell\na.tif," + "x" * 1000: "cell has 1000 characters, at most 100 are allowed",
    "path,condition\na.tif,a\x07b": "condition holds control characters",
    "path,movie\na.tif,../up": "movie holds a / or starts with a dot",
    "path,movie\na.tif,.hidden": "movie holds a / or starts with a dot",
    "path\n../outside.tif": "leads outside",
    "path\n/etc/hostname": "leads outside",
    "path\nfile:///etc/hostname": "leads outside",
    "path\ns3://bucket/a.tif": "lies outside the root",
    "path\nsub/link/hostname": "leads outside",
    "path\nloop/x.tif": "loop/x.tif: ",
    "path\na\x00.tif": "",
    "path,status\na.tif,done": "column 'status': is no name for a column of the design",
    "path,a b\na.tif,1": "column 'a b': is no name for a column of the design",
    "path,path\na.tif,b.tif": "column 'path' is there twice",
    "name\na.tif": "needs a column path; found name",
    "path,x\na.tif": "movies.csv line 2: has 1 cells, the first line 2",
    'path\n"a.tif': "cannot be read as a table",
    "path\n" + "x" * 200_000: "cannot be read as a table",
    "path": "no movies are listed",
    "": "needs a column path",
    "path\na.tif\na.tif": "two movies are called 'a'",
    "path,movie\na.tif,one\na.tif,two": "is listed twice, as 'one' and 'two'",
    "path,movie\na.tif,one\nb.tif,ONE": "two movies are called 'ONE'",
    "path,mask\na.tif,../m.tif": "leads outside",
}


@pytest.mark.parametrize("table", ROWS)
def test_a_wrong_table_is_refused_in_one_line(table: str, tmp_path: Path) -> None:
    inside = tmp_path / "study"
    inside.mkdir()
    (tmp_path / "outside.tif").touch()
    (inside / "sub").mkdir()
    (inside / "sub" / "link").symlink_to("/etc")
    (inside / "loop").symlink_to(inside / "loop")
    with pytest.raises(InputError) as caught:
        read_study(written(inside, LISTED, table))
    assert ROWS[table] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_another_root_is_reached_when_the_study_says_so(tmp_path: Path) -> None:
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "far" / "deep" / "x.tif").touch()
    near = tmp_path / "near"
    near.mkdir()
    text = f'preset = "granule"\n[movies]\nroot = "{tmp_path / "far"}"\ntable = "movies.csv"\n'
    study = read_study(written(near, text, "path\ndeep/x.tif\n"))
    assert study.movies[0].source == str(tmp_path / "far" / "deep" / "x.tif")


def test_what_is_there_but_unreadable_is_no_problem_of_the_study(tmp_path: Path) -> None:
    (tmp_path / "dangling.tif").symlink_to(tmp_path / "gone.tif")
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "folder.tif").mkdir()
    study = read_study(written(tmp_path, LISTED, "path\ndangling.tif\npipe.tif\nfolder.tif\n"))
    assert len(study.movies) == 3


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "=cmd()", "x" * 100, "細胞", "a'b;c"])
def test_unkind_names_are_taken_as_text(name: str, tmp_path: Path) -> None:
    study = read_study(written(tmp_path, LISTED, f'path,condition,movie\na.tif,"{name}","{name}"\n'.replace(";", "_")))
    assert study.movies[0].condition == name.replace(";", "_")


def test_ten_thousand_movies_share_their_parameters(tmp_path: Path) -> None:
    written(tmp_path, LISTED, "path,movie\n" + "".join(f"a.tif,m{i}\n" for i in range(300)))
    with pytest.raises(InputError, match=r"299 problems.*and 279 more$"):
        read_study(tmp_path / "study.toml")
    rows = "".join(f"a.tif,m{i},{i}\n" for i in range(300))
    (tmp_path / "movies.csv").write_text("path,movie,series\n" + rows)
    study = read_study(tmp_path / "study.toml")
    assert len({id(entry.params) for entry in study.movies}) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(text=st.one_of(st.text(max_size=200), st.text(alphabet='[]{}="\n.,#abmovies', max_size=200)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_makes_the_loaders_fail_otherwise(text: str, tmp_path: Path) -> None:
    path = tmp_path / "fuzz.toml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    for load in (read_study, read_profile):
        with pytest.raises(ExotrackError) if load is read_study else _either():
            load(path)


@given(table=st.text(alphabet='path,;"\n\t.x/\x00é', max_size=80))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_table_makes_the_loader_fail_otherwise(table: str, tmp_path: Path) -> None:
    path = written(tmp_path, LISTED, None)
    (tmp_path / "movies.csv").write_text("path" + table, encoding="utf-8")
    try:
        assert isinstance(read_study(path), Study)
    except ExotrackError as error:
        assert "\n" not in str(error)


@given(values=st.dictionaries(st.sampled_from(["preset", "params", "movies", "open", "analysis", "x"]), VALUES, max_size=5))
@settings(max_examples=100, deadline=None)
def test_no_value_of_a_wrong_type_passes_or_fails_otherwise(values: dict[str, object]) -> None:
    from exotrack.batch.settings import StudyFile

    try:
        StudyFile.read(values)
    except ParameterError as error:
        assert str(error)


class _either:
    """Passes whether or not an error of exotrack is raised; any other gets through."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, ExotrackError)


def test_the_small_study_of_the_other_tests_is_one(tmp_path: Path) -> None:
    assert [entry.movie for entry in read_study(small_study(tmp_path)).movies] == ["a", "b"]


def test_the_guide_names_every_setting() -> None:
    from sources import ROOT

    from exotrack.batch.profile import Slurm
    from exotrack.batch.settings import StudyFile
    from exotrack.params import declared

    text = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    names = [name for name, *_ in declared(StudyFile)] + [name for name, *_ in declared(Slurm)]
    assert [name for name in names if f"`{name}`" not in text] == []
    assert all("Default" in about for *_, about in (*declared(StudyFile), *declared(Slurm)))


def test_every_case_that_is_said_to_be_survived_has_its_test() -> None:
    import re

    from sources import ROOT

    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8").partition("## What is survived")[2]
    rows = [line for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(rows) == 32
    assert all("`" in row for row in rows)
    for file, name in re.findall(r"`((?:unit|properties|benchmarks)/[\w/]+\.py)(?:::(\w+))?`", text):
        assert f"def {name}" in (ROOT / "tests" / file).read_text(encoding="utf-8"), f"{file}::{name}"
