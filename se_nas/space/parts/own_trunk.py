"""OwnTrunk: a user's own network in the place of a stem. All of its layers count as the trunk of its sites."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTrunk:
    """The function that builds the network: the name of its file, its own name, and the checksum of the file."""

    file: str
    function: str
    checksum: str

    @property
    def title(self) -> str:
        """The name for people, and for the command line if the file lies in the current folder: `my_net.py:build`."""
        return f"{self.file}:{self.function}"

    @property
    def width(self) -> int:
        """The channels that enter the network: those of an RGB image."""
        return 3

    @property
    def stride(self) -> int:
        """One: the strides of the network are not known."""
        return 1

    @property
    def identity(self) -> tuple[Any, ...]:
        """JSON values that are equal for equal functions."""
        return (("own", self.function, self.checksum),)

    def to_dict(self) -> dict[str, Any]:
        """The keys of a file."""
        return {"file": self.file, "function": self.function, "checksum": self.checksum}
