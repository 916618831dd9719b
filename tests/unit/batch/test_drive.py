"""Workers that die, for a reason or without one: nothing else is lost, and what kills them is set aside with its reason."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from studied import Seen

from exotrack.batch.cluster import Wanted, connected
from exotrack.batch.drive import Drive
from exotrack.batch.marker import Marker
from exotrack.batch.plan import Item, read_failure
from exotrack.batch.store import store
from exotrack.batch.study import Entry
from exotrack.batch.work import Outcome, Task, Tell
from exotrack.errors import TryAgainError
from exotrack.params import preset

PARAMS = preset("granule")
ALLOWED = 1
"""Fewer than usual, so that fewer workers must be started anew."""


def work(task: Task, tell: Tell | None) -> Outcome:
    """In place of an analysis: ends its worker as the movie's name says."""
    place, name = store(task.out), task.entry.movie
    with Marker(place, name):
        if name == "crash":
            time.sleep(0.2)
            os._exit(11)
        if name == "hog":
            held = []
            while True:
                held.append(np.ones(2_000_000))
                time.sleep(0.02)
        if name.startswith("neighbour"):
            time.sleep(1.0)
        if name.startswith("unlucky") and not place.read(f"{name}.was"):
            place.write(f"{name}.was", b"here")
            os._exit(9)
        time.sleep(0.05)
    return Outcome(name, "again", "the disk is full") if name == "full" else Outcome(name, "done")


@pytest.fixture(scope="module")
def drive() -> Iterator[Callable[[Path, list[str]], tuple[Drive, Seen]]]:
    """Runs movies of these names on two worker processes of 0.4 GB."""
    with connected(Wanted("local", 2, 0.4, allowed_failures=ALLOWED), None) as (client, workers):

        def run(out: Path, names: list[str]) -> tuple[Drive, Seen]:
            seen = Seen()
            items = [Item(Entry(name, f"/nowhere/{name}", PARAMS), "new") for name in names]
            tasks = [Task(item.entry, str(out), "1-of-1", "code", run=out.name) for item in items]
            driven = Drive(client, store(out), seen, workers, ALLOWED, work)
            driven.run(items, tasks)
            return driven, seen

        yield run


def test_a_movie_that_kills_its_workers_is_set_aside_and_no_other_is_lost(
    drive: Callable[[Path, list[str]], tuple[Drive, Seen]], tmp_path: Path
) -> None:
    names = ["crash", "unlucky", *(f"good{k}" for k in range(12)), "hog"]
    driven, seen = drive(tmp_path, names)
    assert {outcome.movie for outcome in seen.outcomes} == set(names)
    assert set(driven.failed) == {"crash", "hog"}
    assert driven.done == len(names) - 2
    crash, hog = (read_failure(store(tmp_path), name) for name in ("crash", "hog"))
    assert crash is not None
    assert hog is not None
    assert crash.aside
    assert crash.attempts == ALLOWED + 2  # the last one alone
    assert crash.reason.startswith(f"its worker died {crash.attempts} times, last on ")
    assert hog.reason.startswith("out of memory: its worker had 0.3")
    assert "GB of 0.40 GB and was ended" in hog.reason
    assert list((tmp_path / "running").iterdir()) == []


def test_a_movie_that_shares_its_worker_with_one_that_kills_it_is_not_blamed(tmp_path: Path) -> None:
    import dask
    from distributed import Client, LocalCluster

    names, seen = ["crash", "neighbour"], Seen()
    items = [Item(Entry(name, f"/nowhere/{name}", PARAMS), "new") for name in names]
    tasks = [Task(item.entry, str(tmp_path), "1-of-1", "code", run="run") for item in items]
    place = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=1, threads_per_worker=2, **place) as cluster,
        Client(cluster) as client,
    ):
        driven = Drive(client, store(tmp_path), seen, 2, 0, work)
        driven.run(items, tasks)
    assert [outcome.status for outcome in sorted(seen.outcomes, key=lambda one: one.movie)] == ["aside", "done"]
    assert driven.failed["crash"].reason.startswith("its worker died 2 times, last on ")


def test_a_worker_that_dask_gave_up_is_replaced(drive: Callable[[Path, list[str]], tuple[Drive, Seen]], tmp_path: Path) -> None:
    from distributed import get_client

    client = get_client()
    for name in list(client.cluster.workers):
        client.cluster.sync(client.cluster.workers.pop(name).close)
    assert drive(tmp_path, ["good"])[0].done == 1
    client.wait_for_workers(2, timeout=60)


def test_a_full_disk_stops_the_study(drive: Callable[[Path, list[str]], tuple[Drive, Seen]], tmp_path: Path) -> None:
    with pytest.raises(TryAgainError, match="the disk is full"):
        drive(tmp_path, ["full", *(f"good{k}" for k in range(20))])


def test_a_run_without_workers_ends_and_can_be_repeated(tmp_path: Path) -> None:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster, Client(cluster) as client:
        item = Item(Entry("a", "/nowhere/a", PARAMS), "new")
        alone = Drive(client, store(tmp_path), Seen(), 1, work=work, patience_s=1.0)
        with pytest.raises(TryAgainError, match="no worker has been there for 1 s; run the same command again"):
            alone.run([item], [Task(item.entry, str(tmp_path), "1-of-1", "code", run="run")])
