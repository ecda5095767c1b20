"""The odds that a network fails, for example out of memory, as learned from the ended trials."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from se_nas.search.candidates import Values
from se_nas.search.features import FeatureRows
from se_nas.search.lessons import History
from se_nas.search.records import TrialStatus

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FAILURES_ANEW = 1_000
"""Up to this number of ended trials, the odds are learned again for each proposal; then rarely."""
ENOUGH_ENDED = 0.75
"""The share of all ended trials that the odds must have been learned from."""


class FailureOdds:
    """A logistic regression on the features of the trials that have ended."""

    def __init__(self, history: History, rows: FeatureRows) -> None:
        self._history, self._rows = history, rows
        self._kept: tuple[int, Pipeline] | None = None  # with the number of trials in the fit

    def to_be_trained(self, features: Values) -> Values:
        """(n,) probability not to fail of networks with `features` (n, d).

        Below a half it is 0: far enough out, no odds are so small that the promise would not outweigh them.
        """
        failed = self._history.numbers(TrialStatus.FAILED)
        if not len(failed):
            return np.ones(len(features))
        ended = self._history.numbers(TrialStatus.COMPLETE, TrialStatus.PRUNED, TrialStatus.FAILED)
        first = self._history.first_ended()
        enough = len(first) >= ENOUGH_ENDED * len(ended) and np.isin(failed, first).any()
        if len(ended) <= FAILURES_ANEW or not enough:
            model = self._fitted(ended, failed)
        else:
            if self._kept is None or self._kept[0] != len(first):
                self._kept = len(first), self._fitted(first, failed)
            model = self._kept[1]
        odds = model.predict_proba(features)[:, 1]
        return np.where(odds >= 0.5, odds, 0.0)

    def _fitted(self, numbers: NDArray[np.int64], failed: NDArray[np.int64]) -> "Pipeline":
        from sklearn.linear_model import LogisticRegression  # as in `surrogate`
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        features = self._rows.of(self._history.records[number] for number in numbers.tolist())
        return make_pipeline(StandardScaler(), LogisticRegression()).fit(features, ~np.isin(numbers, failed))
