"""The models of a search's trials: what accuracy a network would reach, and costs that only a device can measure."""

from collections.abc import Mapping, Sequence

import numpy as np

from se_nas.search.candidates import Values
from se_nas.search.features import FeatureRows
from se_nas.search.lessons import History, Lesson
from se_nas.search.objectives import Objectives
from se_nas.search.records import TrialStatus
from se_nas.search.surrogate import Kernel, Surrogate

ENOUGH_ENDED = 0.75
"""The share of all ended trials that a kernel must have been fitted on."""


class TrialModels:
    """Surrogates that learn from all lessons; their kernels are fitted on the first trials, and rarely anew."""

    def __init__(self, history: History, rows: FeatureRows, objectives: Objectives) -> None:
        self._history, self._rows, self._objectives = history, rows, objectives
        self._kernels: dict[str, tuple[int, Kernel]] = {}  # with the number of trials that each was fitted on

    def surrogate(self, name: str, taught: list[Lesson]) -> Surrogate:
        """That of the accuracy, or of a cost's logarithm.

        Its kernel is fitted on all trials where too many have ended after one that is still in training.
        """
        first = self._history.first_ended()
        running = len(self._history.numbers(TrialStatus.RUNNING))
        if len(first) < ENOUGH_ENDED * (len(self._history.records) - running):
            return self._learned(name, taught)
        if self._kernels.get(name, (0, None))[0] != len(first):
            lessons = self._history.telling_lessons(self._objectives, first)
            if len(lessons) < 3:
                return self._learned(name, taught)
            self._kernels[name] = len(first), self._learned(name, lessons).kernel
        return self._learned(name, taught, self._kernels[name][1])

    def log_costs(self, counted: Sequence[Mapping[str, float]], features: Values, taught: list[Lesson]) -> Values:
        """(n, k) of networks with `features` (n, d): exact where a cost is counted, as learned where it is not."""
        columns: list[Values] = []
        for name in self._objectives.costs:
            if all(name in costs for costs in counted):
                columns.append(np.log(np.maximum([costs[name] for costs in counted], 1e-12)))
            else:
                columns.append(self.surrogate(name, taught).expect(features))
        return np.column_stack(columns)

    def _learned(self, name: str, taught: list[Lesson], kernel: Kernel | None = None) -> Surrogate:
        features = self._rows.of(lesson.record for lesson in taught)
        if name == "accuracy":
            values, doubt = np.array([(lesson.accuracy, lesson.doubt) for lesson in taught]).T
            return Surrogate(features, values, doubt, kernel=kernel)
        costs = np.log([max(lesson.record.cost[name], 1e-12) for lesson in taught])
        return Surrogate(features, costs, np.zeros(len(costs)), kernel=kernel, outliers=False)
