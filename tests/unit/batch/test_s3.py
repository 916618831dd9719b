"""Movies and results in an object store: a server of S3 on the loopback interface, reached as a lab's own would be."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from studied import CSV, run, small_movie, small_study

from exotrack.batch.plan import plan
from exotrack.batch.store import store
from exotrack.batch.study import read_study

TOOLS = Path(sys.prefix) / "tools" / "bin" / "moto_server"
"""The server lives in an environment of its own, which tests/run makes: it and s3fs want different versions of one library."""
if importlib.util.find_spec("s3fs") is None or not TOOLS.exists():
    if os.environ.get("EXOTRACK_REQUIRE_TOOLS"):
        pytest.fail("s3fs or the server of S3 is missing; tests/run installs them")
    pytest.skip("s3fs or the server of S3 is missing; tests/run installs them", allow_module_level=True)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """URL of an empty bucket; where its server is and who asks stands in the environment, as usual."""
    import s3fs

    words = [str(TOOLS), "-H", "127.0.0.1", "-p", "0"]
    known = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1"}
    with (
        subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        try:
            assert server.stderr is not None
            found = next(filter(None, (re.search(r"http://127\.0\.0\.1:\d+", line) for line in server.stderr)))
            for name, value in {**known, "AWS_ENDPOINT_URL": found.group()}.items():
                patch.setenv(name, value)
            s3fs.S3FileSystem().mkdir("lab")
            yield "s3://lab"
        finally:
            server.terminate()


def test_a_study_goes_from_bucket_to_bucket_as_from_folder_to_folder(bucket: str, scheduler: str, tmp_path: Path) -> None:
    import s3fs

    study = small_study(tmp_path, ("ctrl/a",))
    run(study, tmp_path / "here", scheduler)
    files = s3fs.S3FileSystem()
    files.put(str(tmp_path / "data"), "lab/data", recursive=True)
    study.write_text(f'preset = "granule"\n[movies]\nroot = "{bucket}"\npattern = "data/{{condition}}/{{movie}}.tif"\n')
    read, out = read_study(study), f"{bucket}/out"
    assert read.movies[0].source == f"{bucket}/data/ctrl/a.tif"
    ran, _ = run(study, out, scheduler)
    assert (ran.done, ran.failed) == (1, {})
    for table in CSV:
        content = files.cat_file(f"lab/out/movies/a/{table}.parquet")
        assert content == (tmp_path / "here" / "movies" / "a" / f"{table}.parquet").read_bytes()
        assert files.cat_file(f"lab/out/dataset/{table}/condition=ctrl/movie=a/part-0.parquet") == content
    assert [item.state for item in plan(read, store(out))] == ["done"]
    assert run(study, out, scheduler)[0].done == 0
    files.put(str(small_movie(tmp_path / "other.tif", 3)), "lab/data/ctrl/a.tif")
    assert [item.state for item in plan(read, store(out))] == ["touched"]
    files.invalidate_cache()
    assert not files.find("lab/out/locks")
    assert not files.find("lab/out/running")


def test_a_wrong_bucket_is_one_line(bucket: str, scheduler: str, tmp_path: Path) -> None:
    from exotrack.errors import ExotrackError

    study = small_study(tmp_path, ("ctrl/a",))
    study.write_text('preset = "granule"\n[movies]\nroot = "s3://nobodys"\npattern = "data/*.tif"\n')
    with pytest.raises(ExotrackError) as caught:
        read_study(study)
    assert "\n" not in str(caught.value)
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
