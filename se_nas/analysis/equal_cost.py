"""Accuracy at equal cost, and the decisions that may explain it. Effects, EDFs and importances use both.

A pruned trial counts with its expected final accuracy (`se_nas.searching.observations`). The trials that were trained
to the end are the better trials; on their own, they would hide what makes a network worse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from se_nas.searching.observations import Observation, observations_of
from se_nas.searching.records import TrialRecord
from se_nas.space.decisions import Decision, Role

Values = NDArray[np.float64]

LEAST_OBSERVATIONS = 12
"""The least number of networks for an analysis."""


def comparable_observations(records: Sequence[TrialRecord], costs: Sequence[str]) -> list[Observation]:
    """The observations of networks whose costs are all known; empty if there are too few."""
    observations = [
        observation
        for observation in observations_of(records)
        if all(name in observation.record.cost for name in costs)
    ]
    return observations if len(observations) >= LEAST_OBSERVATIONS else []


def accuracies(observations: Sequence[Observation]) -> Values:
    """The accuracies (n,) of these observations."""
    return np.array([observation.accuracy for observation in observations])


def cost_design(observations: Sequence[Observation], costs: Sequence[str]) -> Values:
    """The design matrix (n, 1 + 2 costs) of a quadratic fit in the logarithm of each cost."""
    logs = np.log(
        np.maximum([[observation.record.cost[name] for name in costs] for observation in observations], 1e-12)
    )
    centred = logs - logs.mean(axis=0)
    return np.column_stack([np.ones(len(observations)), centred, centred**2])


def above_equal_cost(accuracy: Values, design: Values) -> Values:
    """The difference between the accuracy of each network and the accuracy that its cost explains (n,)."""
    residuals: Values = accuracy - design @ np.linalg.lstsq(design, accuracy, rcond=None)[0]
    return residuals


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A decision that may explain accuracy, with its value in each network. `label` is its short name."""

    name: str
    label: str
    role: Role
    values: Sequence[object]


def factors_of(observations: Sequence[Observation], decisions: Mapping[str, Decision]) -> list[Factor]:
    """The factors of these networks, whose space has these `decisions`.

    The attention of each stage comes first, as it was built: the decisions about attention count only where a stage has
    attention at all. Its values are tokens.
    """
    stages = max(len(observation.record.se) for observation in observations)
    attention = [
        Factor(
            name=f"SE in stage {stage + 1}",
            label=f"SE {stage + 1}",
            role=Role.ATTENTION,
            values=[observation.record.se[stage] for observation in observations],
        )
        for stage in range(stages)
    ]
    trunk = [
        Factor(
            name=name,
            label=name,
            role=decisions[name].role,
            values=[observation.record.assignment[name] for observation in observations],
        )
        for name in observations[0].record.assignment
        if decisions[name].role is not Role.ATTENTION
    ]
    return [*attention, *trunk]
