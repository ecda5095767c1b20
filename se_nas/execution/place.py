"""Place: what a machine must have before it trains for a search, and the check, which runs on that machine."""

import hashlib
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from se_nas import __version__

Checked = Callable[[bool], str | None]
"""A function that says what this machine lacks, e.g. images, and a GPU if its argument is true; None if nothing."""


def no_needs(needs_gpu: bool) -> None:
    """The check for trainings that need nothing of a machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What must be equal on every machine: versions, and the code of se-nas itself. `needs_gpu` asks for a GPU too."""

    versions: dict[str, str]
    needs_gpu: bool

    @classmethod
    def here(cls, *, needs_gpu: bool) -> "Conditions":
        """The conditions of this process."""
        return cls(versions=_versions(), needs_gpu=needs_gpu)


def problem_here(check: Checked, conditions: Conditions) -> str | None:
    """Why this machine cannot train, in one line; None if it can."""
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
    """8 hex digits, equal for equal code."""
    digest = hashlib.blake2b(digest_size=4)
    package = Path(__file__).parents[1]
    for file in sorted(package.rglob("*.py")):
        digest.update(f"{file.relative_to(package)}\0".encode() + file.read_bytes())
    return digest.hexdigest()
