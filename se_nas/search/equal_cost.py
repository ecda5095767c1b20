"""Accuracy at equal cost, and what networks may owe it to: the ground of effects, distributions and importances.

Stopped trials count with the accuracy that was expected of them (`lessons`): those alone that were trained to the end
are the better ones, and would hide what makes a network worse.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from se_nas.search.lessons import Lesson, lessons_of
from se_nas.search.records import TrialRecord

Values = NDArray[np.float64]

LEAST_LESSONS = 12
"""Fewer networks tell nothing."""


def comparable_lessons(records: Sequence[TrialRecord], costs: Sequence[str]) -> list[Lesson]:
    """Of the networks whose costs are all known; none while they are too few."""
    lessons = [lesson for lesson in lessons_of(records) if all(name in lesson.record.cost for name in costs)]
    return lessons if len(lessons) >= LEAST_LESSONS else []


def accuracies(lessons: Sequence[Lesson]) -> Values:
    """(n,)."""
    return np.array([lesson.accuracy for lesson in lessons])


def cost_design(lessons: Sequence[Lesson], costs: Sequence[str]) -> Values:
    """(n, 1 + 2 costs): a square in the logarithm of each cost."""
    logs = np.log(np.maximum([[lesson.record.cost[name] for name in costs] for lesson in lessons], 1e-12))
    centred = logs - logs.mean(axis=0)
    return np.column_stack([np.ones(len(lessons)), centred, centred**2])


def above_equal_cost(accuracy: Values, design: Values) -> Values:
    """(n,): how far each network is above what its cost explains."""
    residuals: Values = accuracy - design @ np.linalg.lstsq(design, accuracy, rcond=None)[0]
    return residuals


def factors_of(lessons: Sequence[Lesson]) -> dict[str, list[object]]:
    """What each network has of every decision. SE comes first, as it was built: its own decisions count only where a
    stage has SE at all."""
    stages = max(len(lesson.record.se) for lesson in lessons)
    factors: dict[str, list[object]] = {
        f"SE in stage {stage + 1}": [lesson.record.se[stage] for lesson in lessons] for stage in range(stages)
    }
    for name in lessons[0].record.assignment:
        if not name.endswith((".se", ".site", ".reduction")):
            factors[name] = [lesson.record.assignment[name] for lesson in lessons]
    return factors
