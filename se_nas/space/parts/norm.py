"""The two numbers of batch norm, which all norms of a network share."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """The numbers of batch norm, as in `torch.nn.BatchNorm2d`: Ioffe and Szegedy, arXiv 1502.03167, algorithm 1."""

    epsilon: float = 1e-5
    momentum: float = 0.1

    def __post_init__(self) -> None:
        if not (0 < self.epsilon < 1 and 0 < self.momentum <= 1):
            raise ValueError(
                "0 < epsilon < 1 and 0 < momentum <= 1 must hold, "
                f"but got epsilon={self.epsilon}, momentum={self.momentum}"
            )

    @property
    def identity(self) -> tuple[Any, ...]:
        """JSON values that are equal for equal norms. The usual numbers need none."""
        return () if self == USUAL_NORM else (("norm", self.epsilon, self.momentum),)

    def to_dict(self) -> dict[str, Any]:
        """The keys of a file."""
        return {"epsilon": self.epsilon, "momentum": self.momentum}


USUAL_NORM = Norm()
"""The numbers of torch's batch norm, which most published networks have."""
