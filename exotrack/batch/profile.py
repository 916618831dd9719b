"""How a SLURM cluster is asked for workers: a TOML profile, checked before anything is submitted."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from exotrack._settings import Params, setting
from exotrack.errors import ParameterError


class Slurm(Params):
    """One job is one worker node's share: a node or part of one."""

    queue: str | None = setting(None, "", "Partition. Default: the cluster's own.")
    account: str | None = setting(None, "", "Account that pays. Default: the user's own.")
    workers: int = setting(4, "job", "Most jobs at a time. Default: a few, so that a first try harms nobody.", ge=1, le=10_000)
    cores: int = setting(1, "core", "Cores of a job, each with a worker of one thread. Default: one.", ge=1, le=1024)
    memory_gb: float = setting(4.0, "GB", "Memory of a job. Default: docs/memory.md holds what a movie needs.", gt=0, le=10_000)
    walltime: str = setting("04:00:00", "", "Time limit of a job. Default: four hours.", pattern=r"^(\d+-)?\d{1,2}:\d{2}:\d{2}$")
    interface: str | None = setting(
        None, "", "Network interface of driver and workers, such as ib0. Default: none, it must be said; lo is for tests."
    )
    scratch: str | None = setting(None, "", "Folder of a node for temporary copies. Default: the node's temporary folder.")
    python: str | None = setting(None, "", "Python on the nodes. Default: the one that runs this.")
    prologue: list[str] = setting([], "", "Shell lines before the worker, such as module load. Default: none.")
    directives: list[str] = setting([], "", "Further #SBATCH lines, such as --qos=long. Default: none.")
    log_folder: str | None = setting(None, "", "Folder for the jobs' own output. Default: logs/jobs of the results.")
    shared: str | None = setting(
        None, "", "Folder that all nodes and only you can read, for the keys of the encrypted connection. Default: a new one in "
        "the home folder.",
    )  # fmt: skip


class Profile(Params):
    """A profile: the table ``[slurm]``."""

    slurm: Slurm = Slurm()


def read_profile(path: Path | None) -> Profile:
    """Read a profile; `ParameterError` names everything in it that is wrong."""
    if path is None:
        return Profile()
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read ({error.strerror}); give a TOML profile") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParameterError(f"{path}: is not TOML ({str(error)[:200]}); see workflows/slurm.toml for the form") from None
    return Profile.read(values, path.name)
