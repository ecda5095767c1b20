"""The models of a search's trials: they predict the accuracy of a network, and costs that only a device can measure."""

from collections.abc import Mapping, Sequence

import numpy as np

from se_nas.searching.candidates import Values
from se_nas.searching.normal_scores import scores_with_doubt
from se_nas.searching.objectives import Objectives
from se_nas.searching.observations import History, Observation
from se_nas.searching.surrogate.features import FeatureRows
from se_nas.searching.surrogate.gaussian_process import Surrogate
from se_nas.searching.surrogate.kernel import Kernel
from se_nas.searching.surrogate.prior_mean import NO_PRIOR, PriorMean
from se_nas.searching.surrogate.rare_fits import RareFits


class TrialModels:
    """Surrogates that learn from all observations. Their kernels are fitted rarely."""

    def __init__(self, history: History, rows: FeatureRows, fits: RareFits, objectives: Objectives) -> None:
        self._history, self._rows, self._fits, self._objectives = history, rows, fits, objectives

    def surrogate(self, name: str, taught: list[Observation], prior: PriorMean = NO_PRIOR) -> Surrogate:
        """The surrogate of the accuracy's normal scores, less their prior mean, or of a cost's logarithm."""
        numbers = self._fits.numbers(
            f"kernel of {name}", self._history.ended, lambda: self._learned(name, taught, prior).kernel.numbers
        )
        return self._learned(name, taught, prior, Kernel.of_numbers(numbers))

    def log_costs(self, counted: Sequence[Mapping[str, float]], features: Values, taught: list[Observation]) -> Values:
        """The logarithmic costs (n, k) of networks with `features` (n, d): exact if counted, otherwise predicted."""
        columns: list[Values] = []
        for name in self._objectives.costs:
            if all(name in costs for costs in counted):
                columns.append(np.log(np.maximum([costs[name] for costs in counted], 1e-12)))
            else:
                columns.append(self.surrogate(name, taught).expect(features))
        return np.column_stack(columns)

    def _learned(
        self, name: str, taught: list[Observation], prior: PriorMean, kernel: Kernel | None = None
    ) -> Surrogate:
        features = self._rows.of(observation.record for observation in taught)
        if name == "accuracy":
            values, doubt = scores_with_doubt(
                *np.array([(observation.accuracy, observation.doubt) for observation in taught]).T
            )
            values = values - prior.of([observation.record.fingerprint for observation in taught])
        else:
            values = np.log([max(observation.record.cost[name], 1e-12) for observation in taught])
            doubt = np.zeros(len(values))
        return Surrogate(features, values, doubt, groups=self._rows.groups(features), kernel=kernel)
