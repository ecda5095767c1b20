import math
from pathlib import Path

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from se_nas.search.pruning import FrontPruner, epsilon_net

NAN = float("nan")


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(directions=["maximize", "minimize"])


def add(study: optuna.Study, *curve: float, state: TrialState = TrialState.RUNNING, **costs: float) -> FrozenTrial:
    """A trial that has reported `curve`, one accuracy an epoch."""
    reported = dict(enumerate(curve, start=1))
    study.add_trial(optuna.trial.create_trial(state=state, intermediate_values=reported, user_attrs=costs))
    return study.get_trials()[-1]


def eager_pruner(*costs: str, epochs: int = 2) -> FrontPruner:
    """Judges every trial from the first epoch on."""
    return FrontPruner(costs=costs or ["flops"], epochs=epochs, first_rung=1, never_stopped=0)


class TestRungs:
    @pytest.mark.parametrize(
        ("first_rung", "epochs", "rungs"),
        [(3, 20, (3, 6, 12)), (3, 6, (3,)), (1, 5, (1, 2, 4)), (3, 3, ()), (1, 1, ())],
    )
    def test_rungs_double_and_stay_below_the_last_epoch(
        self, first_rung: int, epochs: int, rungs: tuple[int, ...]
    ) -> None:
        assert FrontPruner(costs=["flops"], epochs=epochs, first_rung=first_rung).rungs == rungs

    @pytest.mark.parametrize(("epochs_done", "judged"), [(2, False), (3, True), (4, False), (5, False), (6, True)])
    def test_a_hopeless_trial_is_stopped_at_a_rung_and_not_between(
        self, study: optuna.Study, epochs_done: int, judged: bool
    ) -> None:
        pruner = FrontPruner(costs=["flops"], epochs=10, first_rung=3, never_stopped=0)
        add(study, *[0.9] * 10, flops=10)
        hopeless = add(study, *[0.1] * epochs_done, flops=100)

        assert pruner.prune(study, hopeless) is judged

    def test_rivals_count_as_they_were_at_the_same_epoch(self, study: optuna.Study) -> None:
        add(study, 0.2, 0.9, flops=10)
        slow_starter = add(study, 0.3, flops=100)

        assert not eager_pruner(epochs=4).prune(study, slow_starter)

    @pytest.mark.parametrize("state", [TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING])
    def test_rivals_count_in_whatever_way_they_ended(self, study: optuna.Study, state: TrialState) -> None:
        add(study, 0.9, state=state, flops=10)
        dominated = add(study, 0.5, flops=100)

        assert eager_pruner().prune(study, dominated)

    def test_the_first_trials_are_never_stopped(self, study: optuna.Study) -> None:
        pruner = FrontPruner(costs=["flops"], epochs=2, first_rung=1, never_stopped=3)

        stopped = [pruner.prune(study, add(study, 0.9 - number / 10, flops=number + 1)) for number in range(5)]

        assert stopped == [False, False, False, True, True]

    @pytest.mark.parametrize(
        "wrong", [{"first_rung": 0}, {"never_stopped": -1}, {"costs": []}], ids=["rung", "never stopped", "costs"]
    )
    def test_wrong_settings_are_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValueError, match="first_rung >= 1, never_stopped >= 0 and at least one cost"):
            FrontPruner(**{"costs": ["flops"], "epochs": 9, **wrong})


@pytest.mark.parametrize(
    ("rivals", "newcomer", "reason"),
    [
        # Alone: place 1 of 1, and half of 1, rounded up, go on.
        ([], (0.1, 900), None),
        # Dominated by the only rival: place 2, of 2 only one goes on.
        ([(0.9, 100)], (0.5, 200), "place 2 of 2"),
        # More accurate than the only rival: on the front, and the net starts at the best accuracy.
        ([(0.9, 100)], (0.95, 900), None),
        # Ranks: (.9, 100) and (.8, 50) 0, newcomer 1 (under .8, 50), (.5, 200) 2. Place 3 of 4; two go on.
        ([(0.9, 100), (0.8, 50), (0.5, 200)], (0.6, 60), "place 3 of 4"),
        # With two worse rivals more: still place 3, now of 6; three go on.
        ([(0.9, 100), (0.8, 50), (0.5, 200), (0.4, 200), (0.3, 300)], (0.6, 60), None),
        # All on the front. The net takes the most accurate, then the farthest: the cheapest. It has room.
        ([(0.9, 1000), (0.8, 300), (0.7, 100)], (0.1, 10), None),
        # The same front without room: one of two goes on, the more accurate.
        ([(0.9, 1000)], (0.1, 10), "place 2 of 2"),
        # Same rank again: (.9, 1000), then (.5, 10) as the farthest; the newcomer in the middle is third of four,
        # before the dominated (.4, 2000).
        ([(0.9, 1000), (0.5, 10), (0.4, 2000)], (0.7, 100), "place 3 of 4"),
        # Scaled to the ranges, log flops 0, 1/3, 2/3, 1 from the cheapest. From (.9, 1000): (.1, 1) is 1.41
        # away. Nearest of the two for the others: (.8, 100) 0.36, newcomer (.7, 10) 0.71. So third of four ...
        ([(0.9, 1000), (0.8, 100), (0.1, 1)], (0.7, 10), "place 3 of 4"),
        # ... and among six, of which three go on, it has room.
        ([(0.9, 1000), (0.8, 100), (0.1, 1), (0.1, 900), (0.1, 950)], (0.7, 10), None),
        # Equal to the best: the newcomer is put first.
        ([(0.9, 100)], (0.9, 100), None),
    ],
)
def test_the_better_half_goes_on_by_front_rank_and_then_by_the_epsilon_net(
    study: optuna.Study,
    rivals: list[tuple[float, float]],
    newcomer: tuple[float, float],
    reason: str | None,
) -> None:
    for accuracy, flops in rivals:
        add(study, accuracy, flops=flops)

    told = eager_pruner().reason_to_stop(study, add(study, newcomer[0], flops=newcomer[1]))

    assert told == (None if reason is None else f"stopped at epoch 1: {reason} in accuracy and flops")


class TestThreeObjectives:
    """The newcomer is beaten in accuracy and flops, but has the fewest parameters."""

    @pytest.fixture
    def newcomer(self, study: optuna.Study) -> FrozenTrial:
        add(study, 0.9, flops=50, params=500)
        add(study, 0.8, flops=55, params=550)
        return add(study, 0.7, flops=60, params=100)

    def test_it_is_stopped_where_parameters_do_not_count(self, study: optuna.Study, newcomer: FrozenTrial) -> None:
        assert eager_pruner("flops").prune(study, newcomer)

    def test_it_goes_on_where_they_do(self, study: optuna.Study, newcomer: FrozenTrial) -> None:
        assert not eager_pruner("flops", "params").prune(study, newcomer)

    def test_the_reason_names_every_objective(self, study: optuna.Study) -> None:
        add(study, 0.9, flops=50, params=500)
        worse = add(study, 0.8, flops=55, params=550)

        reason = eager_pruner("flops", "params").reason_to_stop(study, worse)

        assert reason == "stopped at epoch 1: place 2 of 2 in accuracy and flops, params"


class TestWhatIsNotKnown:
    @pytest.mark.parametrize(
        ("accuracy", "costs"), [(NAN, {"flops": 100}), (0.1, {}), (0.1, {"params": 1}), (math.inf, {"flops": 100})]
    )
    def test_a_trial_without_accuracy_or_cost_is_not_judged(
        self, study: optuna.Study, accuracy: float, costs: dict[str, float]
    ) -> None:
        add(study, 0.9, flops=10)

        assert not eager_pruner().prune(study, add(study, accuracy, **costs))

    @pytest.mark.parametrize(
        ("accuracy", "costs"), [(NAN, {"flops": 10}), (math.inf, {"flops": 10}), (0.9, {}), (0.9, {"params": 1})]
    )
    def test_nor_is_it_a_rival(self, study: optuna.Study, accuracy: float, costs: dict[str, float]) -> None:
        add(study, accuracy, **costs)

        assert not eager_pruner().prune(study, add(study, 0.5, flops=100))

    def test_a_trial_that_has_not_come_as_far_is_no_rival(self, study: optuna.Study) -> None:
        add(study, 0.9, flops=10)
        ahead = add(study, 0.1, 0.1, flops=100)

        assert not eager_pruner(epochs=4).prune(study, ahead)

    def test_a_trial_that_has_reported_nothing_is_not_judged(self, study: optuna.Study) -> None:
        add(study, 0.9, flops=10)

        assert not eager_pruner().prune(study, add(study, flops=100))


def test_a_new_pruner_on_the_reopened_study_decides_the_same(tmp_path: Path) -> None:
    storage = RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
    study = optuna.create_study(storage=storage, study_name="kept", directions=["maximize", "minimize"])
    pruner, rng = eager_pruner(), np.random.default_rng(0)
    stopped = []
    for _ in range(8):
        trial = add(study, rng.random(), flops=float(rng.random()))
        stopped.append(pruner.reason_to_stop(study, trial))

        reopened = optuna.load_study(storage=RDBStorage(storage.url), study_name="kept")
        assert eager_pruner().reason_to_stop(reopened, reopened.trials[-1]) == stopped[-1]

    assert {reason is None for reason in stopped} == {True, False}


@pytest.mark.parametrize("costs", [("flops",), ("flops", "params")], ids=len)
@pytest.mark.parametrize("seed", range(15))
def test_against_an_order_found_by_comparing_all_with_all(
    study: optuna.Study, costs: tuple[str, ...], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = []
    for _ in range(int(rng.integers(2, 15))):
        accuracy, *values = rng.random(1 + len(costs))
        points.append((-accuracy, *map(math.log, values)))
        newcomer = add(study, accuracy, **dict(zip(costs, values, strict=True)))

    place = _order_by_brute_force(np.array(points)).index(len(points) - 1) + 1

    expected = None if place <= math.ceil(len(points) / 2) else f"place {place} of {len(points)}"
    reason = eager_pruner(*costs).reason_to_stop(study, newcomer)
    assert (reason is None) if expected is None else (expected in str(reason))


@pytest.mark.parametrize("seed", range(15))
def test_whoever_is_more_accurate_than_all_before_goes_on(study: optuna.Study, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for accuracy in np.sort(rng.random(12)):
        assert not eager_pruner().prune(study, add(study, accuracy, flops=rng.random()))


def _order_by_brute_force(points: NDArray[np.float64]) -> list[int]:
    """Front after front, each front from its best accuracy on to the farthest of what is left."""
    scaled = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    left, order = set(range(len(points))), []
    while left:
        front = {i for i in left if not any((points[j] < points[i]).all() for j in left)}
        left -= front
        chosen = [min(front, key=lambda i: points[i][0])]
        while rest := front - set(chosen):
            chosen.append(max(rest, key=lambda i: min(math.dist(scaled[i], scaled[j]) for j in chosen)))
        order += chosen
    return order


class TestEpsilonNet:
    @pytest.mark.parametrize("dimensions", [1, 2, 3])
    @pytest.mark.parametrize("seed", range(10))
    def test_each_next_point_is_as_far_as_any_from_all_before_it(self, dimensions: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        points = rng.random((int(rng.integers(1, 20)), dimensions))

        order = epsilon_net(points)

        assert sorted(order) == list(range(len(points)))
        assert points[order[0], 0] == points[:, 0].min()
        for count in range(1, len(order)):
            gaps = [min(math.dist(points[late], points[early]) for early in order[:count]) for late in order[count:]]
            assert gaps[0] == pytest.approx(max(gaps))

    def test_of_points_equal_in_the_first_objective_it_starts_at_the_best_of_the_second(self) -> None:
        assert epsilon_net(np.array([[0.0, 0.9], [0.0, 0.1], [1.0, 0.0]]))[0] == 1

    def test_equal_points_are_each_taken_once(self) -> None:
        assert sorted(epsilon_net(np.zeros((5, 2)))) == [0, 1, 2, 3, 4]
