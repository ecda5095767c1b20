"""The probability that a network fails, for example out of memory, learned from the ended trials."""

import numpy as np
from scipy.special import expit

from se_nas.searching.candidates import Values
from se_nas.searching.observations import History
from se_nas.searching.records import TrialStatus
from se_nas.searching.surrogate.features import FeatureRows
from se_nas.searching.surrogate.rare_fits import RareFits

REFITTED_UP_TO = 1_000
"""Up to this number of ended trials, the regression is fitted again for each proposal; after that, rarely."""


class FailureOdds:
    """A logistic regression on the features of the trials that have ended."""

    def __init__(self, history: History, rows: FeatureRows, fits: RareFits) -> None:
        self._history, self._rows, self._fits = history, rows, fits

    def success_probability(self, features: Values) -> Values:
        """The probability (n,) that networks with `features` (n, d) do not fail.

        A probability below one half is replaced by 0. Otherwise a network with a very large expected improvement would
        be proposed even if it almost surely fails.
        """
        if not len(self._history.numbers(TrialStatus.FAILED)):
            return np.ones(len(features))
        if self._history.ended <= REFITTED_UP_TO:
            weights = self._fitted()
        else:
            weights = np.array(self._fits.numbers("not to fail", self._history.ended, lambda: self._fitted().tolist()))
        odds = expit(features @ weights[1:] + weights[0])
        return np.where(odds >= 0.5, odds, 0.0)

    def _fitted(self) -> Values:
        """The coefficients (1 + d,): the constant, then the weight of each feature."""
        from sklearn.linear_model import LogisticRegression  # slow to import, as in `surrogate`
        from sklearn.preprocessing import StandardScaler

        ended = self._history.numbers(TrialStatus.COMPLETE, TrialStatus.PRUNED, TrialStatus.FAILED)
        records = [self._history.records[number] for number in ended.tolist()]
        scaler = StandardScaler()
        scaled = scaler.fit_transform(self._rows.of(records))
        model = LogisticRegression().fit(scaled, [record.status is not TrialStatus.FAILED for record in records])
        weights = model.coef_[0] / scaler.scale_
        return np.append(model.intercept_[0] - weights @ scaler.mean_, weights)
