"""Error distributions of sub-spaces: Radosavovic et al., arXiv 1905.13214, section 3.1, as in the paper's figures.

A sub-space is better if more of its networks have a small error, whatever its best network is. The paper weights
networks so that both sides have the same costs. Here, the error is taken at equal cost instead (`equal_cost`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from se_nas.analysis.equal_cost import (
    Factor,
    above_equal_cost,
    accuracies,
    comparable_observations,
    cost_design,
    factors_of,
)
from se_nas.searching.records import TrialRecord
from se_nas.space.attention.tokens import NONE, parse_token
from se_nas.space.decisions import Decision, Role

SIGNIFICANCE = 0.05
LEAST_IN_A_SUBSPACE = 5
MOST_SPLITS = 8
Members = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subspace:
    """A part of the space: the errors of its networks at equal cost, the smallest first."""

    label: str
    errors: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A question that splits a space into two sub-spaces.

    `probability` is the probability of a difference at least this large by chance, times the number of questions.
    """

    question: str
    subspaces: tuple[Subspace, Subspace]
    probability: float

    @property
    def difference(self) -> float:
        """The median error of the first side minus that of the second."""
        first, second = (float(np.median(side.errors)) for side in self.subspaces)
        return first - second

    @property
    def is_sure(self) -> bool:
        """Whether the two sides differ by more than chance."""
        return self.probability < SIGNIFICANCE


def splits(records: Sequence[TrialRecord], costs: Sequence[str], decisions: Mapping[str, Decision]) -> list[Split]:
    """The splits by SE in each stage, by its size, e.g. the smallest reduction, and by each width.

    Empty if networks are too few.

    Two-sided Kolmogorov-Smirnov tests by their limit for many networks, corrected by Bonferroni.
    """
    from scipy.stats import ks_2samp  # slow to import

    observations = comparable_observations(records, costs)
    if not observations:
        return []
    accuracy = accuracies(observations)
    errors = 1 - accuracy.mean() - above_equal_cost(accuracy, cost_design(observations, costs))
    compared = [observation.record for observation in observations]
    questions = list(_questions(compared, factors_of(observations, decisions)))[:MOST_SPLITS]
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
    records: Sequence[TrialRecord], factors: Sequence[Factor]
) -> Iterator[tuple[str, tuple[str, str], Members, Members]]:
    """(question, labels, members of each side (n,)) of the questions for which both sides have enough networks."""
    found = []
    for factor in factors:
        if factor.role is Role.ATTENTION:
            has = np.array([value != NONE for value in factor.values])
            found.append((factor.name, ("with SE", "without"), has, ~has))
    sizes = [_largest_attention(record.se) for record in records]
    for name in dict.fromkeys(name for size in sizes for name in size):
        found.append(_halves(name, [size.get(name) for size in sizes]))
    for factor in factors:
        if factor.role is Role.WIDTH:
            numbers = [value if isinstance(value, int | float) else None for value in factor.values]
            found.append(_halves(factor.name, numbers))
    for question, labels, one, other in found:
        if min(one.sum(), other.sum()) >= LEAST_IN_A_SUBSPACE:
            yield question, labels, one, other


def _halves(name: str, values: Sequence[float | None]) -> tuple[str, tuple[str, str], Members, Members]:
    """The networks with the smaller and with the larger values. Networks without a value are on neither side."""
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    known = np.unique(numbers[~np.isnan(numbers)])
    edge = float(known[(len(known) - 1) // 2]) if len(known) else 0.0
    return name, (f"at most {edge:g}", f"above {edge:g}"), numbers <= edge, numbers > edge


def _largest_attention(tokens: Sequence[str]) -> dict[str, float]:
    """The size of the largest attention of each kind in a network, by the kind's name for its size. For SE, this is the
    smallest reduction."""
    attention = [spec for token in tokens for part in token.split(",") if (spec := parse_token(part)) is not None]
    return {spec.size_name: spec.size for spec in sorted(attention, key=lambda spec: spec.share)}
