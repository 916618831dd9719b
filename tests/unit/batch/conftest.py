"""A scheduler with a worker inside the test process, so that what is compiled and imported is so once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    """Address of a cluster with one worker of one thread."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0", memory_limit=0,
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address
