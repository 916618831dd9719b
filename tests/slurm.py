"""A private SLURM on the loopback interface: munge, slurmctld and some slurmd below one folder, without root, systemd or cgroups.

On Debian and its kin: ``apt-get install --no-install-recommends slurm-wlm munge``.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sinfo", "sbatch", "squeue", "scancel")
SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
CONF = """ClusterName=exotracktest
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={root}/munge.sock
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
DefMemPerCPU=500
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
MinJobAge=600
InactiveLimit=0
KillWait=5
SlurmctldTimeout=30
SlurmdTimeout=30
ReturnToService=2
RebootProgram=/bin/true
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.%n.log
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
"""


def missing() -> list[str]:
    """Programs of SLURM that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=SEARCHED) is None]


@contextmanager
def slurm(root: Path, nodes: int = 2) -> Iterator[Path]:
    """Start it with `nodes` nodes of two cores and 8 GB and give the path for SLURM_CONF; all is ended on leaving.

    root : an empty folder with a short path: that of a socket has at most 108 characters.
    """
    root.chmod(0o755)  # munge refuses a socket that not everybody can reach
    with _ports(nodes + 1) as port:
        yield from _run(root, nodes, port)


def _run(root: Path, nodes: int, port: int) -> Iterator[Path]:
    configuration = _configured(root, nodes, port)
    environment = {**os.environ, "SLURM_CONF": str(configuration), "PATH": SEARCHED}
    _daemon(
        ["munged", f"--key-file={root}/munge.key", f"--socket={root}/munge.sock", f"--pid-file={root}/munged.pid",
         f"--log-file={root}/munged.log", f"--seed-file={root}/munged.seed"],
        environment,
    )  # fmt: skip
    try:
        _daemon(["slurmctld", "-c"], environment)
        for number in range(1, nodes + 1):
            _daemon(["slurmd", "-c", "-N", f"n{number}"], environment)
        _wait_for_nodes(root, nodes, environment)
        yield configuration
    finally:
        subprocess.run(["scancel", "-u", getpass.getuser()], env=environment, capture_output=True, check=False, timeout=30)
        _end([*sorted(root.glob("slurmd.*.pid")), root / "slurmctld.pid"])
        _end([root / "munged.pid"])


def _configured(root: Path, nodes: int, port: int) -> Path:
    for folder in ("state", *(f"spool/n{number}" for number in range(1, nodes + 1))):
        (root / folder).mkdir(parents=True)
    key = root / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    host = socket.gethostname().partition(".")[0]
    text = CONF.format(host=host, port=port, user=getpass.getuser(), root=root)
    for number in range(1, nodes + 1):
        where = f"NodeHostname={host} NodeAddr=127.0.0.1 Port={port + number}"
        text += f"NodeName=n{number} {where} CPUs=2 RealMemory=8000 State=UNKNOWN\n"
    text += "PartitionName=debug Nodes=ALL Default=YES MaxTime=01:00:00 DefaultTime=00:10:00 State=UP OverSubscribe=NO\n"
    (root / "slurm.conf").write_text(text)
    (root / "cgroup.conf").write_text("CgroupPlugin=autodetect\nConstrainCores=no\nConstrainRAMSpace=no\n")
    return root / "slurm.conf"


@contextmanager
def _ports(count: int) -> Iterator[int]:
    """The first of `count` ports in a row that are free, kept from other runs on this machine by a lock on a file."""
    for port in range(26_817, 32_000, count):
        lock = Path(tempfile.gettempdir()) / f"exotrack-slurm-{getpass.getuser()}-{port}.lock"
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(file.fileno()).st_ino != lock.stat().st_ino:
                    continue  # of a run that has just ended
                for one in range(port, port + count):
                    with socket.socket() as tried:
                        tried.bind(("127.0.0.1", one))
            except OSError:
                continue
            try:
                yield port
            finally:
                lock.unlink(missing_ok=True)
            return
    raise OSError("no ports are free")


def _daemon(words: list[str], environment: dict[str, str]) -> None:
    program = shutil.which(words[0], path=SEARCHED)
    with tempfile.TemporaryFile("w+") as said:  # a pipe would be held open by what goes on in the background
        done = subprocess.run(
            [program or words[0], *words[1:]], env=environment, stdout=said, stderr=said, check=False, timeout=60
        )
        said.seek(0)
        if done.returncode:
            raise OSError(f"{words[0]}: {said.read().strip()}")


def _wait_for_nodes(root: Path, nodes: int, environment: dict[str, str]) -> None:
    words = ["sinfo", "-h", "-N", "-t", "idle", "-o", "%N"]
    for _ in range(300):
        said = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60).stdout
        if len(set(said.split())) == nodes:
            return
        time.sleep(0.2)
    raise OSError("the nodes did not become idle: " + (root / "slurmctld.log").read_text()[-2000:])


def _end(paths: list[Path]) -> None:
    """End the processes that these files name, all at once: each takes two seconds over it."""
    import psutil

    ended = []
    for path in paths:
        try:
            process = psutil.Process(int(path.read_text()))
            process.terminate()
        except (OSError, ValueError, psutil.NoSuchProcess):
            continue
        ended.append(process)
    for process in psutil.wait_procs(ended, timeout=10)[1]:
        process.kill()
