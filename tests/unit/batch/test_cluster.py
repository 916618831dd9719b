"""Who may join: encrypted connections with the right certificate, the loopback interface, nobody else."""

from __future__ import annotations

import importlib.util
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from studied import run, small_study

from exotrack.batch.cluster import Wanted, connected
from exotrack.errors import InputError, ParameterError


@contextmanager
def trusting(security: Any, folder: Path) -> Iterator[None]:
    """Dask's own configuration with the certificates of `security`, as a user would have it in a file."""
    import dask

    folder.mkdir()
    said = {"ca-file": security.tls_ca_file, "client.cert": security.tls_client_cert, "client.key": security.tls_client_key}
    for name, text in said.items():
        (folder / name).write_text(text)
    with dask.config.set({f"distributed.comm.tls.{name}": str(folder / name) for name in said}):
        yield


def test_an_encrypted_cluster_takes_those_with_its_certificate_and_nobody_else(tmp_path: Path) -> None:
    from distributed import LocalCluster
    from distributed.security import Security

    own = Security.temporary()
    study = small_study(tmp_path, ("x/a",))
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tls://", security=own, host="127.0.0.1",
        dashboard_address="127.0.0.1:0", worker_dashboard_address="127.0.0.1:0", memory_limit=0,
    ) as cluster:  # fmt: skip
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        (tmp_path / "scheduler.json").write_text(json.dumps({"address": address}))
        with trusting(own, tmp_path / "own"):
            ran, _ = run(study, tmp_path / "out", str(tmp_path / "scheduler.json"))
            assert (ran.done, ran.failed) == (1, {})
        with trusting(Security.temporary(), tmp_path / "other"), pytest.raises(InputError, match="does not answer"):
            join(address)
        with pytest.raises(ParameterError, match="needs a certificate; name its files in DASK_DISTRIBUTED__COMM__TLS__CA_FILE"):
            join(address)
        with pytest.raises(InputError, match="does not answer"):
            join(address.replace("tls://", "tcp://"))


def join(address: str) -> None:
    """Try to become a client."""
    with connected(Wanted(address, patience_s=2.0), None):
        pass


def test_an_open_address_elsewhere_must_be_accepted() -> None:
    for address in ("tcp://192.0.2.1:8786", "ws://192.0.2.1:8786", "tcp://somewhere:1"):
        with pytest.raises(ParameterError, match="is not encrypted, so whoever reaches it can run programs as you"):
            join(address)


def test_the_live_view_is_there_and_on_this_machine_only(scheduler: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("bokeh") is None:
        pytest.skip("bokeh missing; pip install 'exotrack[test]'")
    with connected(Wanted("local", 1, 1.0), None) as (client, _):
        client.wait_for_workers(1)
        assert client.dashboard_link.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(client.dashboard_link, timeout=60) as answer:
            assert b"Dask" in answer.read()
        processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
        found = {one.laddr.ip for process in processes for one in process.net_connections("inet") if one.status == "LISTEN"}
        assert found == {"127.0.0.1"}
