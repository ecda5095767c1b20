"""Error distributions of sub-spaces: Radosavovic et al., arXiv 1905.13214, section 3.1, as in RegNet's figures.

A sub-space is better when more of its networks have a small error, whatever the best of them is. Where that paper
weighs networks so that both sides have the same costs, here the error is taken at equal cost (`equal_cost`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from se_nas.analysis.equal_cost import above_equal_cost, accuracies, comparable_observations, cost_design, factors_of
from se_nas.searching.records import TrialRecord
from se_nas.space.squeeze_excite import parse_token

SIGNIFICANCE = 0.05
LEAST_IN_A_SUBSPACE = 5
MOST_SPLITS = 8
Members = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subspace:
    """The errors of its networks at equal cost, the smallest first."""

    label: str
    errors: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A space in two by one question. `probability` is that of so large a difference by chance, times the number of
    questions."""

    question: str
    subspaces: tuple[Subspace, Subspace]
    probability: float

    @property
    def difference(self) -> float:
        """The first side's median error less the second's."""
        first, second = (float(np.median(side.errors)) for side in self.subspaces)
        return first - second

    @property
    def is_sure(self) -> bool:
        """Whether the two differ by more than chance."""
        return self.probability < SIGNIFICANCE


def splits(records: Sequence[TrialRecord], costs: Sequence[str]) -> list[Split]:
    """By SE in each stage, by the smallest reduction, and by each width; none while there are too few networks.

    Two-sided Kolmogorov-Smirnov tests by their limit for many networks, corrected by Bonferroni.
    """
    from scipy.stats import ks_2samp  # as in `estimate_correlation`

    observations = comparable_observations(records, costs)
    if not observations:
        return []
    accuracy = accuracies(observations)
    errors = 1 - accuracy.mean() - above_equal_cost(accuracy, cost_design(observations, costs))
    questions = list(_questions([observation.record for observation in observations], factors_of(observations)))[
        :MOST_SPLITS
    ]
    return [
        Split(
            question=question,
            subspaces=(
                Subspace(label=labels[0], errors=tuple(np.sort(errors[one]).tolist())),
                Subspace(label=labels[1], errors=tuple(np.sort(errors[other]).tolist())),
            ),
            probability=min(1.0, len(questions) * float(ks_2samp(errors[one], errors[other], method="asymp").pvalue)),
        )
        for question, labels, one, other in questions
    ]


def _questions(
    records: Sequence[TrialRecord], factors: dict[str, list[object]]
) -> Iterator[tuple[str, tuple[str, str], Members, Members]]:
    """(question, labels, who is on each side), where both sides have enough networks."""
    found = []
    for name, values in factors.items():
        if name.startswith("SE in stage"):
            has = np.array([value != "none" for value in values])
            found.append((name, ("with SE", "without"), has, ~has))
    found.append(_halves("reduction", [_smallest_reduction(record.se) for record in records]))
    for name, values in factors.items():
        if name.endswith("width") or name in ("w0", "wa"):
            found.append(_halves(name, [value if isinstance(value, int | float) else None for value in values]))
    for question, labels, one, other in found:
        if min(one.sum(), other.sum()) >= LEAST_IN_A_SUBSPACE:
            yield question, labels, one, other


def _halves(name: str, values: Sequence[float | None]) -> tuple[str, tuple[str, str], Members, Members]:
    """The smaller and the larger values; those that have none are on neither side."""
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    known = np.unique(numbers[~np.isnan(numbers)])
    edge = float(known[(len(known) - 1) // 2]) if len(known) else 0.0
    return name, (f"at most {edge:g}", f"above {edge:g}"), numbers <= edge, numbers > edge


def _smallest_reduction(tokens: Sequence[str]) -> float | None:
    """None for a network without SE."""
    specs = [parse_token(part) for token in tokens for part in token.split(",")]
    return min((float(spec.reduction) for spec in specs if spec is not None), default=None)
