"""Place: the conditions that a machine must meet before it trains for a search, and the check that runs there."""

import hashlib
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from se_nas import __version__
from se_nas.execution.carried_files import temporary_folder_problem
from se_nas.execution.marked_folder import MarkedFolder

Checked = Callable[[bool], str | None]
"""A function that returns what this machine lacks, e.g. images, as one line; None if it lacks nothing.

If its argument is true, the machine must have a GPU too.
"""


def no_needs(needs_gpu: bool) -> None:
    """Find no problem: the check for trainings that need nothing of a machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The properties that must be equal on every machine: versions and the code of se-nas.

    With `needs_gpu`, a machine must have a GPU too.
    """

    versions: dict[str, str]
    needs_gpu: bool

    @classmethod
    def here(cls, *, needs_gpu: bool) -> "Conditions":
        """The conditions of this process."""
        return cls(versions=_versions(), needs_gpu=needs_gpu)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of a machine's check, as one line each, or None. `problem` says why the machine cannot train.

    `apart` says why it cannot write into the run folder. It trains all the same, and its files are carried.
    """

    problem: str | None = None
    apart: str | None = None


def look_here(check: Checked, conditions: Conditions, folder: MarkedFolder | None) -> Finding:
    """The check of this machine for trainings that write into `folder`, if they write any files."""
    here = _versions()
    for name, wanted in conditions.versions.items():
        if here[name] != wanted:
            return Finding(problem=f"it has {name} {here[name]}, but the search has {wanted}")
    apart = folder.problem_here() if folder else None
    problem = check(conditions.needs_gpu) or (temporary_folder_problem() if apart else None)
    return Finding(problem=problem, apart=apart)


def _versions() -> dict[str, str]:
    """Versions by name. Patch releases of Python count as equal."""
    return {
        "se-nas": f"{__version__} (code {_code()})",
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "torch": version("torch"),
    }


def _code() -> str:
    """A checksum of the code of se-nas, as 8 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=4)
    package = Path(__file__).parents[1]
    for file in sorted(package.rglob("*.py")):
        digest.update(f"{file.relative_to(package)}\0".encode() + file.read_bytes())
    return digest.hexdigest()
