"""Fronts on several seeds, compared with known true values."""

import math

import numpy as np
import pytest

from se_nas.analysis.confirmation import ConfirmedFront
from se_nas.analysis.front_belief import Belief, Measured
from se_nas.analysis.networks_to_confirm import near_front, overlooked, worth_a_seed
from tests.fakes import record


def measured(cost: float, *accuracies: float) -> Measured:
    return Measured(costs=(cost,), accuracies=accuracies)


def sample(rng: np.random.Generator, truth: list[float], *, seeds: int, deviation: float = 0.01) -> list[Measured]:
    """Networks of rising cost whose accuracies are drawn around these true means."""
    return [
        measured(float(cost), *(mean + deviation * rng.standard_normal(seeds))) for cost, mean in enumerate(truth, 1)
    ]


class TestBelief:
    def test_intervals_contain_the_true_means_in_95_percent_of_the_cases(self) -> None:
        rng = np.random.default_rng(0)
        truth = [0.8, 0.83, 0.85, 0.9]
        inside = [
            verdict.low <= mean <= verdict.high
            for _ in range(150)
            for mean, verdict in zip(truth, Belief(sample(rng, truth, seeds=3)).verdicts(), strict=True)
        ]

        assert 0.93 <= np.mean(inside) <= 0.97

    def test_probabilities_to_be_on_the_front_are_calibrated(self) -> None:
        """The true means are drawn again each time. A fraction p of networks with the probability p is on the front."""
        rng = np.random.default_rng(1)
        said, true = [], []
        for _ in range(120):
            truth = list(0.8 + 0.03 * rng.standard_normal(5))
            said += [verdict.on_front for verdict in Belief(sample(rng, truth, seeds=4, deviation=0.02)).verdicts()]
            true += [mean >= max(truth[: index + 1]) for index, mean in enumerate(truth)]
        chance, came_true = np.array(said), np.array(true)

        for low, high in ((0.1, 0.4), (0.4, 0.7), (0.7, 0.95)):
            group = (chance > low) & (chance <= high)
            assert group.sum() > 20
            assert came_true[group].mean() == pytest.approx(chance[group].mean(), abs=0.13)

    def test_the_more_the_noise_the_nearer_is_the_expected_accuracy_to_the_trend(self) -> None:
        pulled = []
        for deviation in (0.001, 0.02):
            networks = [measured(cost, 0.8 - deviation, 0.8 + deviation) for cost in range(1, 9)]
            networks[4] = measured(5, 0.82 - deviation, 0.82 + deviation)
            pulled.append(0.82 - Belief(networks).verdicts()[4].expected)

        assert 0 < pulled[0] < 0.002
        assert pulled[1] > 0.003

    def test_what_the_search_expected_counts_only_as_far_as_the_seeds_agree_with_it(self) -> None:
        rng = np.random.default_rng(0)
        networks = sample(rng, [0.8 + 0.02 * (index % 2) for index in range(12)], seeds=3, deviation=0.02)
        right, wrong = (
            [
                Measured(costs=one.costs, accuracies=one.accuracies, predicted=0.8 + 0.02 * ((index + shift) % 2))
                for index, one in enumerate(networks)
            ]
            for shift in (0, 1)
        )
        truth = np.array([0.8 + 0.02 * (index % 2) for index in range(12)])
        without, helped, misled = (
            float(np.abs([verdict.expected for verdict in Belief(each).verdicts()] - truth).mean())
            for each in (networks, right, wrong)
        )

        assert helped < without
        assert misled < 1.2 * without

    def test_a_network_whose_seeds_differ_more_than_those_of_others_has_a_wider_interval(self) -> None:
        networks = [
            measured(cost, *(0.6 + 0.1 * (cost % 3) + off for off in (-0.01, 0.0, 0.01))) for cost in range(1, 9)
        ]
        networks[3] = measured(4, 0.6, 0.7, 0.8)
        verdicts = Belief(networks).verdicts()

        assert verdicts[3].half_width > 2 * verdicts[4].half_width

    def test_the_standard_deviation_is_pooled_over_networks(self) -> None:
        belief = Belief([measured(1, 0.5, 0.52), measured(2, 0.7, 0.74), measured(3, 0.9)])

        assert belief.freedom == 2
        assert belief.deviation == pytest.approx(math.sqrt((2 * 0.01**2 + 2 * 0.02**2) / 2))

    def test_one_seed_for_each_network_gives_no_standard_deviation(self) -> None:
        verdicts = Belief([measured(1, 0.5), measured(2, 0.7), measured(3, 0.6)]).verdicts()

        assert [verdict.on_front for verdict in verdicts] == [1.0, 1.0, 0.0]
        assert all(math.isinf(verdict.half_width) for verdict in verdicts)
        assert not any(verdict.is_decided for verdict in verdicts)

    def test_of_equally_accurate_networks_the_cheaper_is_on_the_front(self) -> None:
        verdicts = Belief([measured(1, 0.5, 0.5), measured(2, 0.5, 0.5), measured(2, 0.5, 0.5)]).verdicts()

        assert [verdict.on_front for verdict in verdicts] == [1.0, 0.0, 0.0]

    @pytest.mark.parametrize("accuracies", [(), (math.nan,), (math.inf, 0.5)])
    def test_a_network_needs_accuracies_that_are_numbers(self, accuracies: tuple[float, ...]) -> None:
        with pytest.raises(ValueError, match="finite numbers, at least one each"):
            measured(1, *accuracies)

    def test_with_two_costs_a_network_is_beaten_only_if_it_is_worse_in_both(self) -> None:
        networks = [
            Measured(costs=(1.0, 2.0), accuracies=(0.9, 0.9001)),
            Measured(costs=(2.0, 1.0), accuracies=(0.5, 0.5001)),
            Measured(costs=(2.0, 2.0), accuracies=(0.5, 0.5001)),
        ]

        assert [round(verdict.on_front) for verdict in Belief(networks).verdicts()] == [1, 1, 0]

    def test_the_band_rises_with_the_cost_and_is_empty_below_the_cheapest(self) -> None:
        belief = Belief([measured(1, 0.5, 0.52), measured(2, 0.7, 0.72), measured(3, 0.6, 0.62)])

        low, high = belief.band(np.array([0.5, 1.0, 2.0, 3.0]))

        assert np.isnan([low[0], high[0]]).all()
        assert (low[1:] < [0.51, 0.71, 0.71]).all()
        assert (high[1:] > [0.51, 0.71, 0.71]).all()
        assert (np.diff(low[1:]) >= 0).all()


NETWORKS = {
    0: measured(1, 0.80),
    1: measured(2, 0.90),
    2: measured(2, 0.89),  # one standard deviation below the best at no more cost
    3: measured(3, 0.80),  # far below
    4: measured(3, 0.885),
}


class TestNetworksToTrainAgain:
    def test_near_front_has_the_front_and_then_networks_that_chance_may_have_kept_from_it(self) -> None:
        assert near_front(NETWORKS, [0, 1], images=1_000, most=9) == [0, 1, 2, 4]

    def test_near_front_keeps_its_limit_but_never_cuts_the_front(self) -> None:
        assert near_front(NETWORKS, [0, 1], images=1_000, most=3) == [0, 1, 2]
        assert near_front(NETWORKS, [0, 1], images=1_000, most=1) == [0, 1]

    def test_with_more_images_fewer_networks_are_near_the_front(self) -> None:
        assert near_front(NETWORKS, [0, 1], images=100_000, most=9) == [0, 1]

    def test_overlooked_networks_are_above_the_fresh_means_of_their_rivals_the_farthest_first(self) -> None:
        again = [measured(1, 0.75, 0.81), measured(2, 0.86)]  # means of 0.78 and 0.86
        once = {
            2: measured(2, 0.89),
            3: measured(3, 0.80),
            4: measured(3, 0.885),
            5: measured(1, 0.79),
            6: measured(2, 0.86),
        }

        assert overlooked(once, again) == [2, 4, 5]
        assert overlooked({}, again) == []


class TestNextSeeds:
    def test_they_go_to_the_rivals_whose_order_is_open(self) -> None:
        networks = [
            measured(1, 0.5, 0.51),
            measured(2, 0.6, 0.61),
            measured(3, 0.7, 0.71),
            measured(4, 0.701, 0.711),
            measured(5, 0.8, 0.81),
        ]

        assert set(worth_a_seed(networks, most_seeds=9)) == {2, 3}

    def test_a_network_with_the_most_seeds_gets_no_further_seed(self) -> None:
        networks = [measured(1, 0.7, 0.71), measured(2, 0.702, 0.71, 0.706)]

        assert worth_a_seed(networks, most_seeds=3) == [0]

    @pytest.mark.parametrize(
        "networks",
        [
            [measured(1, 0.5, 0.501), measured(2, 0.7, 0.701)],
            [measured(1, 0.5, 0.501)],
            [measured(1, 0.5), measured(2, 0.7)],
            [measured(1, 0.5, 0.5), measured(2, 0.5, 0.5)],
        ],
        ids=["a clear front", "one network", "one seed each", "no noise at all"],
    )
    def test_no_seed_is_worth_its_training_on(self, networks: list[Measured]) -> None:
        assert worth_a_seed(networks, most_seeds=9) == []


def test_a_confirmed_front_is_the_front_of_the_expected_accuracies_cheapest_first() -> None:
    records = {number: record(number, flops=cost) for number, cost in ((4, 3.0), (7, 1.0), (9, 2.0))}

    front = ConfirmedFront.of(
        {4: {0: 0.7, 1: 0.8}, 7: {0: 0.5}, 9: {0: 0.9, 1: 0.8, 2: 0.85}}, records, ["flops"], epochs=3
    )

    assert [one.record.number for one in front.networks] == [7, 9, 4]
    assert [one.record.number for one in front.members] == [7, 9]
    assert front.networks[2].verdict.mean == pytest.approx(0.75)


def test_of_two_equal_means_the_more_expensive_network_is_not_on_the_confirmed_front() -> None:
    records = {number: record(number, flops=cost) for number, cost in ((0, 1.0), (1, 2.0))}

    front = ConfirmedFront.of({0: {0: 0.5, 1: 0.5}, 1: {0: 0.5, 1: 0.5}}, records, ["flops"], epochs=3)

    assert [one.record.number for one in front.members] == [0]
