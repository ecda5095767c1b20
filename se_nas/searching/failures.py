"""Failure: the reason why a training ended without a result. The record of a failed trial contains it."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from se_nas.errors import RunFailedError

FAULTS_IN_A_ROW = 3
"""The number of trainings that may fail one after another because of their machine or their images."""


class FailureKind(StrEnum):
    """The kind of a failure, which decides whether a training is repeated.

    Files contain its name in small letters, and its value is text for people.
    """

    NETWORK = "an error in the training"
    """An error of the training itself, e.g. an exception or an accuracy that is not a number."""
    MEMORY = "too little memory"
    """The GPU had too little memory, or the kernel's out-of-memory killer killed the worker."""
    KILLED = "killed workers"
    """The worker process died."""
    PLACE = "a machine that could not do the work"
    """The machine lacks something: images, a package, a GPU, space. An image that became unreadable counts too."""


NOT_ITS_FAULT = "not the network's fault: "
LACKS_MEMORY = re.compile(
    r"^(torch\.|torch\.cuda\.|ray\.exceptions\.)?OutOfMemoryError|^MemoryError|CUDA out of memory|"
    r"can't allocate memory|Cannot allocate memory|std::bad_alloc|CUDA error: out of memory|running low on memory"
)
"""The words of errors that a lack of memory causes."""
_STARTS = {
    "killed for memory": FailureKind.MEMORY,
    "killed": FailureKind.KILLED,
    "its worker process died": FailureKind.KILLED,
    NOT_ITS_FAULT: FailureKind.PLACE,
}
"""The start of a text of earlier versions, and its kind. The first match counts, before the words of an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The reason why a training ended without a result: one line that starts with what happened.

    `node` names the machine if there are several. `at_once` means that it failed before the end of the first epoch.
    `signal` is the number of the signal that killed the worker, if it is known.
    """

    reason: str
    kind: FailureKind = FailureKind.NETWORK
    node: str = ""
    at_once: bool = False
    signal: int | None = None

    @property
    def text(self) -> str:
        """The reason with its machine, in one line for people."""
        start = NOT_ITS_FAULT if self.kind is FailureKind.PLACE else ""
        return f"{start}{self.reason}{f' (on {self.node})' if self.node else ''}"

    def as_dict(self) -> dict[str, Any]:
        """The failure for a file."""
        return {**asdict(self), "kind": self.kind.name.lower()}

    @classmethod
    def of_dict(cls, content: Mapping[str, Any]) -> "Failure":
        """The failure that `as_dict` wrote. KeyError or TypeError for another content.

        >>> Failure.of_dict(Failure(reason="no images", kind=FailureKind.PLACE, node="a").as_dict()).text
        "not the network's fault: no images (on a)"
        """
        return cls(**{**content, "kind": FailureKind[content["kind"].upper()]})

    @classmethod
    def of_text(cls, text: str) -> "Failure":
        """The failure in a record of earlier versions, which kept only the text. Its words show the kind.

        >>> Failure.of_text("killed by signal 11 (SIGSEGV: a crash in native code), twice").kind.name
        'KILLED'
        """
        by_words = FailureKind.MEMORY if LACKS_MEMORY.search(text) else FailureKind.NETWORK
        kind = next((kind for start, kind in _STARTS.items() if text.startswith(start)), by_words)
        return cls(kind=kind, reason=text.removeprefix(NOT_ITS_FAULT))


class FaultsInARow:
    """Counts trainings in a row that fail because of their machine or images. All others would fail as well."""

    def __init__(self) -> None:
        self._count = 0

    def failed(self, failure: Failure) -> None:
        """Note that a training has failed for good. RunFailedError if too many have failed in a row."""
        self._count = self._count + 1 if failure.kind is FailureKind.PLACE else 0
        if self._count >= FAULTS_IN_A_ROW:
            raise RunFailedError(
                f"{self._count} trainings in a row failed, and not by their networks' fault: {failure.reason}"
            )

    def went_well(self) -> None:
        """Note that a training has ended with a result."""
        self._count = 0
