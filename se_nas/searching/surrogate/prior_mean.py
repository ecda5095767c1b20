"""The prior mean of a surrogate: a linear function of scores that are known before training.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, section 2.7: the Gaussian process learns what
the mean function does not explain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from se_nas.searching.candidates import Values
from se_nas.searching.records import TrialRecord


class Prior(Protocol):
    """Gives scores of networks, by fingerprint, as far as the trials so far show that they can be trusted."""

    def __call__(self, records: Sequence[TrialRecord]) -> Mapping[str, float]:
        """The scores; empty if they are not trusted. They depend on the records alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorMean:
    """The prior mean of each network with a score, by fingerprint. It is 0 for all others."""

    means: Mapping[str, float]

    @classmethod
    def fitted(cls, scores: Mapping[str, float], fingerprints: Sequence[str], values: Values) -> "PriorMean":
        """The prior mean whose slope fits the `values` (n,) of these networks by least squares, but is not negative.

        >>> mean = PriorMean.fitted({"a": 0.1, "b": 0.2, "c": 0.3}, ["a", "c"], np.array([-1.0, 1.0]))
        >>> mean.of(["a", "b", "c", "d"]).round(6).tolist()
        [-1.0, 0.0, 1.0, 0.0]
        """
        known = [index for index, name in enumerate(fingerprints) if name in scores]
        taught = np.array([scores[fingerprints[index]] for index in known])
        if len(known) < 2 or np.ptp(taught) == 0:
            return NO_PRIOR
        middle = taught.mean()
        slope = max(0.0, float((taught - middle) @ values[known] / ((taught - middle) ** 2).sum()))
        return cls(means={name: slope * float(score - middle) for name, score in scores.items()})

    def of(self, fingerprints: Sequence[str]) -> Values:
        """The prior means (n,) of these networks."""
        return np.array([self.means.get(name, 0.0) for name in fingerprints], dtype=float)


NO_PRIOR = PriorMean(means={})
"""The prior mean 0."""
