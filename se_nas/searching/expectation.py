"""The accuracy that a trained network is expected to have, with its interval."""

from dataclasses import dataclass

NORMAL_QUANTILE = 1.645
"""Half the width of a normal 90 % interval, in standard deviations."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """The expected accuracy of a network, and the standard deviation of its true mean accuracy around it.

    >>> Expectation(0.5, 0.25).interval
    (0.08875, 0.91125)
    """

    mean: float
    deviation: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of the network's mean accuracy over trainings, within 0 to 1."""
        half = NORMAL_QUANTILE * self.deviation
        return max(0.0, self.mean - half), min(1.0, self.mean + half)

    @property
    def texts(self) -> tuple[str, str]:
        """The expected accuracy and its interval, as tables show them."""
        low, high = self.interval
        return f"{self.mean:.4f}", f"{low:.4f}-{high:.4f}"
