"""Control groups: the limits that the kernel sets for this process and for every group above its own.

Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of Linux; `/proc/self/cgroup` and `/proc/self/mountinfo` in
proc(5). Containers, systemd's slices and units, and most batch systems limit memory and processors by these groups.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The largest amount that one setting allows; `source` names the setting for people."""

    amount: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mount:
    """A mount of a hierarchy of groups. The group `top` is the folder `folder`."""

    version: int
    controllers: frozenset[str]
    top: PurePosixPath
    folder: Path


def memory_bounds(root: Path) -> Iterator[Bound]:
    """The bytes of memory that each group of this process allows. `root` contains `proc` and `sys`."""
    for version, group, folder in _groups(root, "memory"):
        if version == 2:
            for name in ("memory.max", "memory.high"):
                if (size := _number(folder / name)) is not None:
                    yield Bound(amount=size, source=f"the control group {group} ({name})")
        else:
            if (size := _number(folder / "memory.limit_in_bytes")) is not None:
                yield Bound(amount=size, source=f"the control group {group} (memory.limit_in_bytes)")
            if found := re.search(r"^hierarchical_memory_limit (\d+)$", _text(folder / "memory.stat"), re.MULTILINE):
                yield Bound(amount=int(found[1]), source=f"the control group {group} (hierarchical_memory_limit)")


def processor_bounds(root: Path) -> Iterator[Bound]:
    """The number of processors, also a fraction, that each group of this process allows. `root` contains `proc` and
    `sys`."""
    for version, group, folder in _groups(root, "cpu"):
        if version == 2:
            quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
            source = f"the control group {group} (cpu.max)"
        else:
            quota, period = _text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip()
            source = f"the control group {group} (cpu.cfs_quota_us)"
        if quota.isdecimal() and period.isdecimal() and int(period):  # otherwise "max", -1 or no such file
            yield Bound(amount=int(quota) / int(period), source=source)


def process_bounds(root: Path) -> Iterator[Bound]:
    """Processes and threads that each group of this process may have; `root` holds `proc` and `sys`."""
    for _, group, folder in _groups(root, "pids"):
        if (count := _number(folder / "pids.max")) is not None:
            yield Bound(amount=count, source=f"the control group {group} (pids.max)")


def memory_kills(root: Path) -> int:
    """The number of processes that the kernel's out-of-memory killer has killed in this process's groups.

    If the groups do not count them, it is the number on the whole machine; 0 if unknown. `root` contains `proc` and
    `sys`.
    """
    names = {1: "memory.oom_control", 2: "memory.events"}
    counts = [count for version, _, folder in _groups(root, "memory") for count in _kills(folder / names[version])]
    return max(counts or _kills(root / "proc/vmstat"), default=0)


def _kills(file: Path) -> list[int]:
    return [int(count) for count in re.findall(r"^oom_kill (\d+)$", _text(file), re.MULTILINE)]


def _groups(root: Path, controller: str) -> Iterator[tuple[int, PurePosixPath, Path]]:
    """(version, name, folder) of this process's group and of all visible groups above it."""
    for mount in _mounts(root):
        if mount.version == 1 and controller not in mount.controllers:
            continue
        own = _own_group(root, mount.version, controller)
        if own is None:
            continue
        below = own.relative_to(mount.top) if own.is_relative_to(mount.top) else PurePosixPath()
        if ".." in below.parts:  # outside this process's view of the groups
            below = PurePosixPath()
        for part in (below, *below.parents):
            folder = mount.folder / part
            yield mount.version, mount.top / part, folder
            if mount.version == 1 and _text(folder.parent / "memory.use_hierarchy").strip() == "0":
                break  # the groups above do not count this one


def _own_group(root: Path, version: int, controller: str) -> PurePosixPath | None:
    """The group's name in /proc/self/cgroup. Lines are `number:controllers:name`, or `0::name` for version 2."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if (number == "0" and not controllers) if version == 2 else controller in controllers.split(","):
            return PurePosixPath(name)
    return None


def _mounts(root: Path) -> Iterator[_Mount]:
    """Read /proc/self/mountinfo: `id parent device TOP FOLDER options ... - TYPE source CONTROLLERS`."""
    for line in _text(root / "proc/self/mountinfo").splitlines():
        place, _, kind = line.partition(" - ")
        places, kinds = place.split(" "), kind.split(" ")
        if len(places) < 5 or kinds[0] not in ("cgroup", "cgroup2"):
            continue
        yield _Mount(
            version=2 if kinds[0] == "cgroup2" else 1,
            controllers=frozenset(kinds[-1].split(",")),
            top=PurePosixPath(_unescaped(places[3])),
            folder=root / _unescaped(places[4]).lstrip("/"),
        )


def _unescaped(path: str) -> str:
    r"""A path of mountinfo, where a blank is \040."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdecimal() else None


def _text(file: Path) -> str:
    """The content of a file of the kernel; empty if there is no such file."""
    with suppress(OSError):
        return file.read_text(encoding="utf-8", errors="surrogateescape")  # may have names of folders
    return ""
