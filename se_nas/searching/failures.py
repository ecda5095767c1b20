"""Failure: the reason why a training ended without a result, as a type and as the line that the record keeps."""

import re
from dataclasses import dataclass
from enum import StrEnum

from se_nas.errors import RunFailedError

FAULTS_IN_A_ROW = 3
"""The number of trainings that may fail one after another because of their machine or their images."""


class FailureKind(StrEnum):
    """The kind of a failure, which decides whether a training is repeated. The values are text for people."""

    NETWORK = "an error in the training"
    """An error of the training itself, e.g. an exception or an accuracy that is not a number."""
    MEMORY = "too little memory"
    """The GPU had too little memory, or the kernel's out-of-memory killer killed the worker."""
    KILLED = "killed workers"
    """The worker process died."""
    PLACE = "a machine that could not do the work"
    """The machine lacks something: images, a package, a GPU, space. An image that became unreadable counts too."""

    @classmethod
    def of(cls, reason: str) -> "FailureKind":
        """The kind of a failure, found from its recorded reason.

        >>> FailureKind.of("killed by signal 11 (SIGSEGV: a crash in native code), twice").name
        'KILLED'
        """
        by_words = cls.MEMORY if LACKS_MEMORY.search(reason) else cls.NETWORK
        return next((kind for start, kind in _STARTS.items() if reason.startswith(start)), by_words)


NOT_ITS_FAULT = "not the network's fault: "
LACKS_MEMORY = re.compile(
    r"^(torch\.|torch\.cuda\.|ray\.exceptions\.)?OutOfMemoryError|^MemoryError|CUDA out of memory|"
    r"can't allocate memory|Cannot allocate memory|std::bad_alloc|CUDA error: out of memory|running low on memory"
)
"""The words of errors that a lack of memory causes."""
_STARTS = {
    "killed for memory": FailureKind.MEMORY,
    "killed": FailureKind.KILLED,
    "its worker process died": FailureKind.KILLED,  # in records of earlier versions
    NOT_ITS_FAULT: FailureKind.PLACE,
}
"""The start of a reason, and its kind; the first match counts, before the words of an error."""


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
        """The reason with its machine. `FailureKind.of` finds the kind in this text."""
        start = NOT_ITS_FAULT if self.kind is FailureKind.PLACE else ""
        return f"{start}{self.reason}{f' (on {self.node})' if self.node else ''}"


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
