"""Place: the conditions that a machine must meet before it trains for a search, and the check that runs there."""

import hashlib
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from se_nas import __version__

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


def problem_here(check: Checked, conditions: Conditions) -> str | None:
    """One line that says why this machine cannot train; None if it can."""
    here = _versions()
    for name, wanted in conditions.versions.items():
        if here[name] != wanted:
            return f"it has {name} {here[name]}, but the search has {wanted}"
    return check(conditions.needs_gpu)


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
