import numpy as np
import pytest
from scipy.stats import spearmanr

from se_nas.analysis.rank_correlation import LEAST_PAIRS, agreement, epoch_predictions
from se_nas.searching.records import TrialRecord
from tests.fakes import record


class TestEarlyEpochs:
    def curves(self, noise: float) -> list[TrialRecord]:
        rng = np.random.default_rng(6)
        finals = rng.uniform(0.5, 0.9, 60)
        return [
            record(number, curve=(float(final + noise * rng.standard_normal()), float(final)))
            for number, final in enumerate(finals)
        ]

    def test_an_epoch_that_orders_as_the_last_does_predicts_it(self) -> None:
        (first,) = epoch_predictions(self.curves(0.0))

        assert (first.epoch, first.correlation) == (1, pytest.approx(1.0))
        assert 0.9 < first.low < 1

    def test_the_interval_is_around_the_correlation_of_scipy(self) -> None:
        records = self.curves(0.1)
        (first,) = epoch_predictions(records)

        expected = spearmanr([one.curve[0] for one in records], [one.curve[1] for one in records]).statistic
        assert first.correlation == pytest.approx(expected)
        assert first.low < expected < first.high
        assert 0.1 < first.high - first.low < 0.5

    def test_equal_accuracies_predict_nothing(self) -> None:
        (first,) = epoch_predictions([record(number, curve=(0.1, 0.5 + 0.01 * number)) for number in range(20)])

        assert first.correlation == 0.0

    def test_few_networks_predict_nothing(self) -> None:
        assert epoch_predictions(self.curves(0.0)[:11]) == []


class TestAgreement:
    def test_networks_that_keep_their_order_agree_whatever_accuracy_they_lose(self) -> None:
        searched = {trial: 0.5 + 0.01 * trial for trial in range(8)}

        found = agreement(searched, {trial: accuracy - 0.1 for trial, accuracy in searched.items()})

        assert found is not None
        assert (found.count, found.correlation, found.change) == (8, pytest.approx(1.0), pytest.approx(-0.1))

    def test_the_interval_contains_the_true_correlation(self) -> None:
        """Ten networks from a normal distribution with the rank correlation 0.58: at least 90 % of 400 cases hold."""
        rng, held = np.random.default_rng(0), 0
        for _ in range(400):
            one = rng.standard_normal(10)
            other = 0.6 * one + 0.8 * rng.standard_normal(10)
            found = agreement(dict(enumerate(one)), dict(enumerate(other)))
            held += found is not None and found.low <= 6 / np.pi * np.arcsin(0.3) <= found.high

        assert held > 0.9 * 400

    def test_only_networks_with_both_accuracies_count_and_few_give_no_agreement(self) -> None:
        searched = {trial: 0.5 + 0.01 * trial for trial in range(20)}
        later = {trial: accuracy for trial, accuracy in searched.items() if trial < LEAST_PAIRS}

        assert agreement(searched, later) is not None
        assert agreement(searched, {trial: later[trial] for trial in range(LEAST_PAIRS - 1)}) is None
