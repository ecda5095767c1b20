"""The limits of a process, read from small trees of files like those of the kernel."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from se_nas.machine.control_groups import Bound
from se_nas.machine.limits import (
    GIB,
    Host,
    cpu_count,
    describe_limits,
    memory_bytes,
    memory_limit,
    processor_limit,
    this_host,
)

MACHINE_GIB, MACHINE_PROCESSORS = 64, 16
V2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1_MEMORY = "32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
V1_CPU = "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
UNLIMITED_V1 = "9223372036854771712"


def host(
    root: Path,
    *,
    groups: str = "",
    mounts: tuple[str, ...] = (),
    files: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    affinity: int = MACHINE_PROCESSORS,
    bounds: tuple[Bound, ...] = (),
) -> Host:
    """A machine with 64 GiB and 16 processors. `files` are those of control groups, by path below /sys/fs/cgroup."""
    written = {"proc/self/cgroup": groups, "proc/self/mountinfo": "\n".join(mounts)}
    for name, value in (written | {f"sys/fs/cgroup/{name}": value for name, value in (files or {}).items()}).items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
    return Host(
        root=root,
        environment=environment or {},
        memory_bytes=MACHINE_GIB * GIB,
        processors=MACHINE_PROCESSORS,
        affinity=affinity,
        bounds=bounds,
    )


def test_without_limits_a_process_may_use_the_whole_machine(tmp_path: Path) -> None:
    bare = host(tmp_path)

    assert memory_limit(bare).amount == MACHINE_GIB * GIB
    assert processor_limit(bare).amount == MACHINE_PROCESSORS
    assert memory_limit(bare).source is processor_limit(bare).source is None
    assert describe_limits(bare) == ""


def test_without_files_of_the_kernel_the_machine_is_the_limit(tmp_path: Path) -> None:
    elsewhere = Host(root=tmp_path, environment={}, memory_bytes=5, processors=3, affinity=3)

    assert (memory_limit(elsewhere).amount, processor_limit(elsewhere).amount) == (5, 3)


MEMORY = {
    "a container that sees its own group as the root": ("0::/", (V2,), {"memory.max": 2 * GIB}),
    "the group of a service": (
        "0::/system.slice/a.service",
        (V2,),
        {"system.slice/a.service/memory.max": 2 * GIB, "memory.max": "max"},
    ),
    "a group above": (
        "0::/user.slice/user-1000.slice/session-2.scope",
        (V2,),
        {"user.slice/memory.max": 2 * GIB, "user.slice/user-1000.slice/session-2.scope/memory.max": "max"},
    ),
    "a group above that is smaller": ("0::/a/b", (V2,), {"a/memory.max": 2 * GIB, "a/b/memory.max": 3 * GIB}),
    "a limit that slows down": ("0::/a/b", (V2,), {"a/memory.high": 2 * GIB, "a/b/memory.max": 3 * GIB}),
    "a group outside of what a container sees": ("0::/../other", (V2,), {"memory.max": 2 * GIB}),
    "a part of the tree that is mounted": (
        "0::/docker/abc/worker",
        ("31 23 0:28 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw",),
        {"memory.max": 2 * GIB, "worker/memory.max": "max"},
    ),
    "version 1": ("4:memory:/a", (V1_MEMORY,), {"memory/a/memory.limit_in_bytes": 2 * GIB}),
    "version 1, a group above": (
        "4:memory:/slurm/job_7/step_0",
        (V1_MEMORY,),
        {
            "memory/slurm/job_7/memory.limit_in_bytes": 2 * GIB,
            "memory/slurm/job_7/step_0/memory.limit_in_bytes": UNLIMITED_V1,
        },
    ),
    "version 1, told for all groups above": (
        "4:memory:/a",
        (V1_MEMORY,),
        {
            "memory/a/memory.limit_in_bytes": UNLIMITED_V1,
            "memory/a/memory.stat": f"cache 5\nhierarchical_memory_limit {2 * GIB}\ntotal_rss 7",
        },
    ),
    "version 1, a container that sees the group's name outside": (
        "4:memory:/docker/abc",
        ("32 31 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory",),
        {"memory/memory.limit_in_bytes": 2 * GIB},
    ),
    "version 1, a name outside that is not mounted": (
        "4:memory:/kubepods/pod1/abc",
        (V1_MEMORY,),
        {"memory/memory.limit_in_bytes": 2 * GIB},
    ),
    "both versions, memory in the first": (
        "4:memory:/a\n0::/init.scope",
        (V1_MEMORY, "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"),
        {"memory/a/memory.limit_in_bytes": 2 * GIB, "unified/init.scope/cgroup.procs": 1},
    ),
    "both versions, memory in the second": (
        "3:cpu,cpuacct:/a\n0::/b",
        (V1_CPU, "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"),
        {"unified/b/memory.max": 2 * GIB},
    ),
    "a folder with a blank in its name": (
        "0::/a",
        (r"31 23 0:28 / /sys/fs/cgroup/my\040groups rw - cgroup2 cgroup2 rw",),
        {"my groups/a/memory.max": 2 * GIB},
    ),
}


@pytest.mark.parametrize(("groups", "mounts", "files"), MEMORY.values(), ids=MEMORY)
def test_memory_is_what_the_control_groups_allow(
    tmp_path: Path, groups: str, mounts: tuple[str, ...], files: Mapping[str, object]
) -> None:
    limit = memory_limit(host(tmp_path, groups=groups, mounts=mounts, files=files))

    assert limit.amount == 2 * GIB
    assert limit.source is not None
    assert limit.source.startswith("the control group /")


@pytest.mark.parametrize("said", [UNLIMITED_V1, "-1", "", str(2000 * GIB)])
def test_a_control_group_that_allows_more_than_the_machine_has_limits_nothing(tmp_path: Path, said: str) -> None:
    limit = memory_limit(
        host(tmp_path, groups="4:memory:/a", mounts=(V1_MEMORY,), files={"memory/a/memory.limit_in_bytes": said})
    )

    assert (limit.amount, limit.source) == (MACHINE_GIB * GIB, None)


def test_a_group_that_does_not_count_the_groups_below_it_limits_nothing(tmp_path: Path) -> None:
    files = {"memory/a/memory.limit_in_bytes": GIB, "memory/a/memory.use_hierarchy": 0, "memory/a/b/cgroup.procs": 1}

    limit = memory_limit(host(tmp_path, groups="4:memory:/a/b", mounts=(V1_MEMORY,), files=files))

    assert limit.source is None


SLURM = {
    "mebibytes a machine": {"SLURM_MEM_PER_NODE": "2048"},
    "with a unit": {"SLURM_MEM_PER_NODE": "2G"},
    "a processor": {"SLURM_MEM_PER_CPU": "512", "SLURM_CPUS_ON_NODE": "4"},
    "a processor, their number unknown": {"SLURM_MEM_PER_CPU": "128"},
    "a GPU": {"SLURM_MEM_PER_GPU": "1024", "SLURM_GPUS_ON_NODE": "2"},
}


@pytest.mark.parametrize("environment", SLURM.values(), ids=SLURM)
def test_memory_is_what_slurm_granted(tmp_path: Path, environment: dict[str, str]) -> None:
    limit = memory_limit(host(tmp_path, environment=environment))

    assert limit.amount == 2 * GIB
    assert limit.source == f"Slurm ({next(iter(environment))})"


@pytest.mark.parametrize("said", ["0", "", "all"])
def test_slurm_grants_the_whole_machine(tmp_path: Path, said: str) -> None:
    assert memory_limit(host(tmp_path, environment={"SLURM_MEM_PER_NODE": said})).source is None


def test_the_smallest_of_all_limits_counts(tmp_path: Path) -> None:
    limit = memory_limit(
        host(
            tmp_path,
            groups="0::/a",
            mounts=(V2,),
            files={"a/memory.max": 3 * GIB},
            environment={"SLURM_MEM_PER_NODE": "4G"},
            bounds=(Bound(amount=2 * GIB, source="ulimit -v"),),
        )
    )

    assert (limit.amount, limit.machine, limit.source) == (2 * GIB, MACHINE_GIB * GIB, "ulimit -v")


@pytest.mark.parametrize(
    ("quota", "processors"), [("0.01", 1), ("0.5", 1), ("1", 1), ("1.5", 1), ("2", 2), ("2.9", 2), ("12", 12)]
)
def test_a_quota_counts_in_whole_processors_and_at_least_one(tmp_path: Path, quota: str, processors: int) -> None:
    microseconds = round(float(quota) * 100_000)
    second = host(tmp_path / "2", groups="0::/", mounts=(V2,), files={"cpu.max": f"{microseconds} 100000"})
    first = host(
        tmp_path / "1",
        groups="3:cpu,cpuacct:/a",
        mounts=(V1_CPU,),
        files={"cpu,cpuacct/a/cpu.cfs_quota_us": microseconds, "cpu,cpuacct/a/cpu.cfs_period_us": 100_000},
    )

    assert processor_limit(second).amount == processor_limit(first).amount == processors


def test_a_quota_of_a_group_above_counts(tmp_path: Path) -> None:
    limited = host(
        tmp_path,
        groups="0::/user.slice/user-1000.slice/session-2.scope",
        mounts=(V2,),
        files={
            "user.slice/user-1000.slice/cpu.max": "200000 100000",
            "user.slice/user-1000.slice/session-2.scope/cpu.max": "max 100000",
        },
    )

    assert processor_limit(limited).amount == 2
    assert describe_limits(limited) == ("the control group /user.slice/user-1000.slice (cpu.max) allows 2 of 16 cores")


@pytest.mark.parametrize(
    ("version", "group", "files"),
    [
        (V2, "0::/", {"cpu.max": "max 100000"}),
        (V1_CPU, "3:cpu,cpuacct:/", {"cpu,cpuacct/cpu.cfs_quota_us": -1, "cpu,cpuacct/cpu.cfs_period_us": 100_000}),
    ],
)
def test_no_quota_limits_nothing(tmp_path: Path, version: str, group: str, files: dict[str, object]) -> None:
    assert processor_limit(host(tmp_path, groups=group, mounts=(version,), files=files)).source is None


@pytest.mark.parametrize("name", ["SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "NSLOTS"])
def test_processors_are_what_a_batch_system_granted(tmp_path: Path, name: str) -> None:
    limit = processor_limit(host(tmp_path, environment={name: "4"}))

    assert limit.amount == 4
    assert name in str(limit.source)


def test_processors_are_those_that_the_scheduler_may_use(tmp_path: Path) -> None:
    assert processor_limit(host(tmp_path, affinity=3)).amount == 3


def test_limits_below_the_machine_are_described(tmp_path: Path) -> None:
    limited = host(tmp_path, affinity=3, environment={"SLURM_MEM_PER_NODE": "4096"})

    assert describe_limits(limited) == (
        "the processor affinity (taskset, cpuset) allows 3 of 16 cores, "
        "Slurm (SLURM_MEM_PER_NODE) allows 4 of 64 GiB of memory"
    )


def test_this_machine_has_some_memory_and_processors() -> None:
    here = this_host()

    assert 1 <= cpu_count() <= here.processors
    assert 1 <= memory_bytes() <= here.memory_bytes


def test_ulimit_is_among_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda which: (GIB if which == resource.RLIMIT_AS else -1, -1))

    assert this_host().bounds == (Bound(amount=GIB, source="ulimit -v"),)
