"""The gain of SE in each stage over all trials of a search: one model, with the trunk's decisions as covariates.

An accuracy is the sum of the gains of SE in the stages that have it, of a quadratic function of the logarithm of each
cost, of linear and quadratic terms of the trunk's numbers, of an effect of each other value of the trunk, and of noise.
A pruned trial counts with its expected final accuracy, and with less weight the less sure this is. The variances of the
estimates are robust against noise that differs between networks (HC3: MacKinnon and White, Journal of Econometrics 29,
1985).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from se_nas.analysis.equal_cost import accuracies, comparable_observations, cost_design
from se_nas.analysis.paired import CONFIDENCE
from se_nas.searching.observations import Observation
from se_nas.searching.records import TrialRecord
from se_nas.space.attention.tokens import NONE
from se_nas.space.decisions import Decision, Role

Values = NDArray[np.float64]

FEWEST_IN_A_GROUP = 3
FEWEST_FREEDOM = 10
"""The least number of networks beyond the number of terms."""
TINY = 1e-12
ROUNDS = 20
"""The rounds in which the variance that all trials share is estimated beside the doubt about pruned trials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageGain:
    """The gain of SE in a stage (from 1) at equal cost and trunk, with its 95 % interval, as fractions."""

    stage: int
    mean: float
    half_width: float
    with_se: int
    without: int

    @property
    def is_sure(self) -> bool:
        """Whether zero is outside the interval."""
        return abs(self.mean) > self.half_width


def stage_gains(
    records: Sequence[TrialRecord], costs: Sequence[str], decisions: Mapping[str, Decision]
) -> list[StageGain]:
    """The gain of SE in each stage that some networks have with SE and some without; empty if there are too few."""
    observations = comparable_observations(records, costs)
    if not observations:
        return []
    count = max(len(one.record.se) for one in observations)
    tokens = [[*one.record.se, *[NONE] * (count - len(one.record.se))] for one in observations]
    present = np.array([[token != NONE for token in own] for own in tokens], dtype=float)
    stages = [
        stage
        for stage in range(count)
        if FEWEST_IN_A_GROUP <= present[:, stage].sum() <= len(present) - FEWEST_IN_A_GROUP
    ]
    others = np.column_stack([cost_design(observations, costs), *_trunk(observations, decisions)])
    basis = _independent(others)
    design = np.column_stack([present[:, stages], basis])
    freedom = len(design) - int(np.linalg.matrix_rank(design))
    if not stages or freedom < FEWEST_FREEDOM or np.linalg.matrix_rank(design) < design.shape[1]:
        return []
    means, deviations = _fit(accuracies(observations), np.array([one.doubt for one in observations]), design)
    quantile = float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
    return [
        StageGain(
            stage=stage + 1,
            mean=float(means[index]),
            half_width=quantile * float(deviations[index]),
            with_se=int(present[:, stage].sum()),
            without=int((1 - present[:, stage]).sum()),
        )
        for index, stage in enumerate(stages)
    ]


def _fit(accuracy: Values, doubt: Values, design: Values) -> tuple[Values, Values]:
    """The coefficients (q,) of a weighted fit, and their standard deviations."""
    freedom = len(design) - design.shape[1]
    shared = float(np.var(accuracy - design @ np.linalg.lstsq(design, accuracy, rcond=None)[0]))
    for _ in range(ROUNDS):
        weights = 1 / (shared + doubt**2 + TINY)
        left, right = np.linalg.qr(design * np.sqrt(weights)[:, None])
        residuals = accuracy * np.sqrt(weights) - left @ (left.T @ (accuracy * np.sqrt(weights)))
        shared *= float((residuals**2).sum()) / freedom
    coefficients = np.linalg.solve(right, left.T @ (accuracy * np.sqrt(weights)))
    leverage = (left**2).sum(axis=1)
    influence = np.linalg.solve(right, left.T) * (residuals / (1 - leverage).clip(TINY))
    return coefficients, np.sqrt((influence**2).sum(axis=1))


def _trunk(observations: Sequence[Observation], decisions: Mapping[str, Decision]) -> list[Values]:
    """The columns of the trunk's decisions."""
    columns: list[Values] = []
    for name, decision in decisions.items():
        if decision.role is Role.ATTENTION:
            continue
        values = [one.record.assignment[name] for one in observations]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            numbers = np.array(values, dtype=float)
            scaled = (numbers - numbers.mean()) / (numbers.std() or 1.0)
            columns += [scaled, scaled**2]
        else:
            texts = [str(value) for value in values]
            columns += [np.array([text == other for text in texts], dtype=float) for other in sorted(set(texts))]
    return columns


def _independent(columns: Values) -> Values:
    """Columns (n, r) that span the same space, and are orthonormal."""
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    kept: Values = left[:, values > 1e-9 * values[0]]
    return kept
