"""Where the workers are: processes of this machine, jobs of SLURM, or a Dask cluster that someone else started.

What listens to the network runs what it is sent. Everything started here listens on the loopback interface only, or speaks
TLS with keys made for this run; a cluster of someone else's that does neither is refused unless that is asked for.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exotrack._blocks import default_workers
from exotrack.batch.profile import Profile
from exotrack.errors import InputError, ParameterError, TryAgainError

if TYPE_CHECKING:
    from distributed import Client

ALLOWED_FAILURES = 3
"""Workers that may die under a task: with none, tasks that only waited on the dead worker would be lost with it."""
STARTS = 3
"""Times the processes of this machine are tried to be started."""
SETTINGS = {
    # A second movie waits at each worker, so that none is idle while it asks for more; one that is idle takes it from there.
    "distributed.scheduler.worker-saturation": 1.1,
    # Movies are streamed in blocks: what does not fit would not fit on disk either, only slower.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    "distributed.comm.timeouts.connect": "60s",
    "distributed.diagnostics.nvml": False,
    # The scheduler of 10,000 movies must not remember every line of progress.
    "distributed.admin.log-length": 1000,
    "distributed.admin.low-level-log-length": 1000,
}

HERE = {
    # A process may take this long to come back on a busy machine; after it the worker is given up, and `mended` starts another.
    "distributed.deploy.lost-worker-timeout": "60s",
}
"""Further settings for workers of this machine; a job that is lost elsewhere is to be replaced sooner."""


@dataclass(frozen=True)
class Wanted:
    """Which workers. where : local, slurm, an address or a scheduler file. open_network : accept one without TLS.

    allowed_failures : workers that may die under a task before it is given up. patience_s : wait for a scheduler to answer.
    """

    where: str = "local"
    workers: int | None = None
    memory_gb: float | None = None
    profile: Profile = Profile()
    open_network: bool = False
    allowed_failures: int = ALLOWED_FAILURES
    patience_s: float = 20.0


@contextmanager
def connected(wanted: Wanted, logs: Path | None) -> Iterator[tuple[Client, int]]:
    """A client of the cluster and how many workers it will have; what was started here is ended on leaving.

    logs : folder for the output of SLURM's jobs.
    """
    import dask
    from distributed import Client

    from exotrack.batch.slurm import remove_keys, slurm_cluster

    for name in ("distributed.worker", "distributed.scheduler", "distributed.core", "distributed.nanny", "distributed.comm"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    here = HERE if wanted.where == "local" else {}
    with dask.config.set({**SETTINGS, **here, "distributed.scheduler.allowed-failures": wanted.allowed_failures}):
        if wanted.where == "local":
            started, count = _local(wanted)
        elif wanted.where == "slurm":
            started, count = slurm_cluster(wanted.profile.slurm, wanted.workers, logs)
        else:
            started, count = None, 0
        client = None
        try:
            client = Client(started) if started is not None else _joined(wanted)
            yield client, count or max(sum(client.nthreads().values()), 1)
        finally:
            if client is not None:
                with suppress(OSError, TimeoutError):
                    client.close(timeout=2)
            if started is not None:
                with suppress(OSError, TimeoutError):
                    started.close(timeout=5)
                if wanted.where == "slurm":
                    remove_keys(started)


def mended(client: Client, workers: int) -> None:
    """Start anew the processes of this machine that Dask has given up; elsewhere those who started the workers see to that."""
    from distributed import LocalCluster, Status

    cluster = client.cluster
    if not isinstance(cluster, LocalCluster):
        return
    for name, one in list(cluster.workers.items()):
        if one.status in (Status.closed, Status.failed):
            cluster.workers.pop(name, None)
    cluster.scale(workers)


def _local(wanted: Wanted) -> tuple[Any, int]:
    """Start it; a worker that is ended while it starts takes the whole cluster with it, so that is tried again."""
    for left in range(STARTS - 1, -1, -1):
        try:
            return _local_once(wanted)
        except (RuntimeError, OSError, TimeoutError) as error:
            if not left:
                said = " ".join(str(error).split())[:200]
                raise TryAgainError(f"the workers could not be started ({said}); run the same command again") from None
    raise AssertionError("a loop that ends by a return or an error")


def _local_once(wanted: Wanted) -> tuple[Any, int]:
    from distributed import LocalCluster

    count = wanted.workers or default_workers()
    memory: Any = "auto" if wanted.memory_gb is None else int(wanted.memory_gb * 1e9)
    cluster = LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        memory_limit=memory,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )
    return cluster, count


def _joined(wanted: Wanted) -> Client:
    from distributed import Client

    where = wanted.where
    if "://" not in where:
        if not Path(where).is_file():
            raise ParameterError(
                f"--scheduler {where}: is neither local nor slurm, nor an address such as tcp://HOST:PORT, nor a file"
            )
        where = _address_in(Path(where))
    scheme, _, rest = where.partition("://")
    if scheme not in ("tcp", "tls", "ws", "wss"):
        raise ParameterError(f"--scheduler {where}: addresses of kind {scheme!r} are not known; give tcp:// or tls://")
    if scheme in ("tcp", "ws") and not _loopback(rest) and not wanted.open_network:
        raise ParameterError(
            f"--scheduler {where}: is not encrypted, so whoever reaches it can run programs as you; start it with TLS (tls://), "
            "or accept that with --open-network"
        )
    if scheme in ("tls", "wss"):
        _check_certificate(where)
    try:
        return Client(where, timeout=wanted.patience_s)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(f"--scheduler {where}: does not answer ({type(error).__name__}); is the scheduler running?") from None


def _check_certificate(where: str) -> None:
    from distributed.security import Security

    try:
        known = Security().get_connection_args("client")["ssl_context"]
    except (OSError, ValueError) as error:
        raise ParameterError(f"--scheduler {where}: the certificate cannot be used ({' '.join(str(error).split())})") from None
    if known is None:
        raise ParameterError(
            f"--scheduler {where}: needs a certificate; name its files in DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
            "..__TLS__CLIENT__CERT and ..__TLS__CLIENT__KEY"
        )


def _address_in(path: Path) -> str:
    import json

    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ParameterError(f"--scheduler {path}: is no scheduler file of Dask") from None


def _loopback(rest: str) -> bool:
    host = rest.rsplit(":", 1)[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
