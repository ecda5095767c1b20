"""What ended trials teach of accuracy: complete ones what they reached, stopped ones what was expected of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import moocore
import numpy as np

from se_nas.search.foresight import Arrivals, forecast
from se_nas.search.objectives import Objectives
from se_nas.search.records import TrialRecord, TrialStatus

CONFIDENCE = 0.8
NORMAL_QUANTILE = 1.2816
"""Half the width of a normal interval of that confidence, in deviations."""
MOST_LESSONS = 256
"""A model that learns from n networks takes a time of n³; further lessons are left out."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """An accuracy, and how far it may be off (a deviation)."""

    record: TrialRecord
    accuracy: float
    doubt: float


def lessons_of(records: Iterable[TrialRecord]) -> list[Lesson]:
    """All that there is to learn, the complete trials first; of stopped ones once three are complete."""
    records = sorted(records, key=lambda record: record.number)
    complete = [record for record in records if record.accuracy is not None]
    lessons = [Lesson(record, record.curve[-1], 0.0) for record in complete]
    if len(complete) < 3:
        return lessons
    finals = [record.curve[-1] for record in complete]
    stopped = [record for record in records if record.status is TrialStatus.PRUNED and record.curve]
    for epoch in sorted({len(record.curve) for record in stopped}):
        there = [record for record in stopped if len(record.curve) == epoch]
        reached = np.array([record.curve[epoch - 1] for record in (*there, *complete)])
        final = np.array([*[np.nan] * len(there), *finals])
        expected, half = forecast(Arrivals(reached, final, np.zeros((len(reached), 1))), confidence=CONFIDENCE)
        lessons += map(Lesson, there, np.clip(expected, 0.0, 1.0).tolist(), (half / NORMAL_QUANTILE).tolist())
    return lessons


def most_telling(lessons: Sequence[Lesson], objectives: Objectives) -> list[Lesson]:
    """At most `MOST_LESSONS`: half are those nearest to the front by non-dominated rank, the others evenly taken."""
    if len(lessons) <= MOST_LESSONS:
        return list(lessons)
    losses = [[-lesson.accuracy, *(lesson.record.cost[name] for name in objectives.costs)] for lesson in lessons]
    order = np.argsort(moocore.pareto_rank(np.array(losses, float)), kind="stable")
    near, far = order[: MOST_LESSONS // 2], np.sort(order[MOST_LESSONS // 2 :])
    evenly = far[np.linspace(0, len(far) - 1, MOST_LESSONS - len(near)).round().astype(int)]
    return [lessons[index] for index in np.sort(np.concatenate([near, evenly]))]


def first_ended(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The first trials, by number, all of which have ended; one more, or an eighth more, must end to be others.

    What is worked out from these alone stays as it is for a while, and is the same in a resumed search.
    """
    records = sorted(records, key=lambda record: record.number)
    ended = next((i for i, one in enumerate(records) if one.status is TrialStatus.RUNNING), len(records))
    count = 0
    while (more := count + max(1, count // 8)) <= ended:
        count = more
    return records[:count]
