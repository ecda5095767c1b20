"""The memory and the processors of the machine that this process may use.

The smallest of several limits counts: the machine itself, the control groups of containers and systemd, `ulimit`, and
the grant of a batch system.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from se_nas.machine.control_groups import Bound, memory_bounds, processor_bounds

GRANTED_PROCESSORS = {
    "SLURM_CPUS_PER_TASK": "Slurm",
    "SLURM_CPUS_ON_NODE": "Slurm",
    "PBS_NUM_PPN": "PBS",
    "NSLOTS": "Grid Engine",
    "LSB_DJOB_NUMPROC": "LSF",
}
"""Environment variables in which batch systems say how many processors a job has, on a machine or in total."""

GIB = 1 << 30
SLURM_UNITS = {"": 1 << 20, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
"""Slurm counts memory in mebibytes unless a letter follows (sbatch(1), `--mem`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The sources of the limits. `root` contains `proc` and `sys`.

    `memory_bytes` and `processors` are the machine's, `affinity` counts the processors that the scheduler may run this
    process on, and `bounds` are the limits in bytes of `ulimit`.
    """

    root: Path
    environment: Mapping[str, str]
    memory_bytes: int
    processors: int
    affinity: int
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The usable amount, the machine's amount, and the setting that limits it (`source`; None if none does)."""

    amount: int
    machine: int
    source: str | None


def this_host() -> Host:
    """The machine and the environment of this process."""
    processors = os.cpu_count() or 1
    return Host(
        root=Path("/"),
        environment=os.environ,
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        processors=processors,
        affinity=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else processors,
        bounds=tuple(_ulimits()),
    )


def memory_limit(host: Host) -> Limit:
    """The limit of the memory in bytes that this process may use."""
    bounds = [*memory_bounds(host.root), *host.bounds, *_slurm_memory(host)]
    return _smallest(host.memory_bytes, bounds)


def processor_limit(host: Host) -> Limit:
    """The limit of the whole processors that this process may keep busy, at least one.

    A quota of 2.9 processors counts as 2, and one of 0.5 as 1. More processes would use up the quota early in each
    period of the scheduler, and all of them would wait for the rest of it.
    """
    bounds = [
        Bound(amount=host.affinity, source="the processor affinity (taskset, cpuset)"),
        *processor_bounds(host.root),
        *_granted_processors(host.environment),
    ]
    return _smallest(host.processors, bounds)


def memory_bytes() -> int:
    """The bytes of memory that this process may use."""
    return memory_limit(this_host()).amount


def cpu_count() -> int:
    """The number of processors that this process may keep busy."""
    return processor_limit(this_host()).amount


def describe_limits(host: Host) -> str:
    """The resources that are less than the machine's, and the settings that limit them; empty if there are none."""
    cores, memory = processor_limit(host), memory_limit(host)
    parts = []
    if cores.source is not None:
        parts.append(f"{cores.source} allows {cores.amount} of {cores.machine} cores")
    if memory.source is not None:
        parts.append(f"{memory.source} allows {memory.amount / GIB:.3g} of {memory.machine / GIB:.3g} GiB of memory")
    return ", ".join(parts)


def _smallest(machine: int, bounds: list[Bound]) -> Limit:
    least = min(bounds, key=lambda bound: bound.amount, default=None)
    if least is None or least.amount >= machine:
        return Limit(amount=machine, machine=machine, source=None)
    return Limit(amount=max(1, int(least.amount)), machine=machine, source=least.source)


def _ulimits() -> Iterator[Bound]:
    """The soft limits of `ulimit -v` and `ulimit -d`, if the system has them."""
    with suppress(ImportError):
        import resource

        for name, option in (("RLIMIT_AS", "-v"), ("RLIMIT_DATA", "-d")):
            soft, _ = resource.getrlimit(getattr(resource, name))
            if soft != resource.RLIM_INFINITY:
                yield Bound(amount=soft, source=f"ulimit {option}")


def _granted_processors(environment: Mapping[str, str]) -> Iterator[Bound]:
    for name, system in GRANTED_PROCESSORS.items():
        if count := _positive(environment.get(name)):
            yield Bound(amount=count, source=f"{system} ({name})")


def _slurm_memory(host: Host) -> Iterator[Bound]:
    """The memory of a job on this machine. Slurm sets one of these variables; 0 means all of the machine's memory."""
    environment = host.environment
    if size := _slurm_bytes(environment.get("SLURM_MEM_PER_NODE")):
        yield Bound(amount=size, source="Slurm (SLURM_MEM_PER_NODE)")
    if size := _slurm_bytes(environment.get("SLURM_MEM_PER_CPU")):
        processors = _positive(environment.get("SLURM_CPUS_ON_NODE")) or processor_limit(host).amount
        yield Bound(amount=size * processors, source="Slurm (SLURM_MEM_PER_CPU)")
    gpus = _positive(environment.get("SLURM_GPUS_ON_NODE"))
    if gpus and (size := _slurm_bytes(environment.get("SLURM_MEM_PER_GPU"))):
        yield Bound(amount=size * gpus, source="Slurm (SLURM_MEM_PER_GPU)")


def _slurm_bytes(text: str | None) -> int:
    found = re.fullmatch(r"(\d+)([KMGT]?)B?", (text or "").strip().upper())
    return int(found[1]) * SLURM_UNITS[found[2]] if found else 0


def _positive(text: str | None) -> int:
    return int(text) if text is not None and text.strip().isdecimal() else 0
