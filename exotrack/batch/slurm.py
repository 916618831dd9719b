"""Workers as jobs of SLURM, through dask-jobqueue."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from exotrack.batch.profile import Slurm
from exotrack.errors import InputError, ParameterError

OWN_SHARE = 0.9
"""Part of a job's memory that its workers may use: Dask must end a worker that grows, before SLURM ends the job."""
GUARD_GB = 0.15
"""What the process takes that guards the workers of a job."""
MARGIN_S = 300.0
"""A worker stops this long before the wall time of its job."""


def slurm_cluster(asked: Slurm, workers: int | None, logs: Path | None) -> tuple[Any, int]:
    """Start a cluster that keeps `workers` jobs running, replacing those that end; returns it and the number of workers.

    Raises `InputError` if dask-jobqueue or SLURM is not there, `ParameterError` if the network interface is not said.
    """
    import shutil

    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError:
        raise InputError("--scheduler slurm needs dask-jobqueue; pip install 'exotrack[slurm]'") from None
    if shutil.which("sbatch") is None:
        raise InputError("--scheduler slurm: there is no sbatch on this machine; run it where jobs are submitted")
    if asked.interface is None:
        raise ParameterError('say the network of the cluster in the profile: [slurm] interface = "ib0" (ip addr lists them)')
    jobs = workers or asked.workers
    cluster = SLURMCluster(**_options(asked, logs))
    cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs, interval="2s", wait_count=30)
    return cluster, jobs * asked.cores


def _options(asked: Slurm, logs: Path | None) -> dict[str, Any]:
    from distributed.security import Security

    seconds = seconds_of(asked.walltime)
    lifetime = max(seconds - min(MARGIN_S, 0.2 * seconds), 30.0)
    dashboards = "127.0.0.1:0"
    options: dict[str, Any] = {
        "queue": asked.queue,
        "account": asked.account,
        "cores": asked.cores,
        "processes": asked.cores,
        "memory": f"{int(max(asked.memory_gb * OWN_SHARE - GUARD_GB, 0.3 * asked.memory_gb) * 1e9)}B",
        "job_mem": f"{max(int(asked.memory_gb * 1e9 / 2**20), 1)}M",
        "walltime": asked.walltime,
        "interface": asked.interface,
        "scheduler_options": {"interface": asked.interface, "dashboard_address": dashboards},
        "worker_extra_args": [
            "--dashboard-address", dashboards, "--lifetime", f"{lifetime:.0f}s", "--lifetime-stagger", f"{0.05 * lifetime:.0f}s",
        ],
        "local_directory": asked.scratch or tempfile.gettempdir(),
        "log_directory": asked.log_folder or (str(logs) if logs is not None else None),
        "python": asked.python or sys.executable,
        "job_script_prologue": ["export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1", *asked.prologue],
        "job_extra_directives": asked.directives,
        "death_timeout": 60,
        "security": Security.temporary(),
        "protocol": "tls://",
        "shared_temp_directory": _keys(asked.shared),
    }  # fmt: skip
    return {name: value for name, value in options.items() if value is not None}


def _keys(folder: str | None) -> str:
    """A folder for the keys that nobody else can read."""
    path = Path(folder) if folder else Path.home() / ".exotrack" / "keys"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid") and (path.stat().st_uid != os.getuid() or path.stat().st_mode & 0o077):
        raise InputError(f"{path}: others can read this folder, and would get the keys of the cluster; chmod 700 it")
    return str(path)


def remove_keys(cluster: Any) -> None:
    """Remove the keys of a cluster that has ended: dask-jobqueue leaves them until the process ends."""
    for name, kept in list(vars(cluster).items()):
        if name.startswith("_job_") and hasattr(kept, "close"):
            kept.close()


def seconds_of(walltime: str) -> float:
    """``1-02:00:00`` in seconds."""
    days, _, rest = walltime.rpartition("-")
    hours, minutes, seconds = (int(part) for part in rest.split(":"))
    return float(((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds)
