import math
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from se_nas.searching.stop.pruning import FrontPruner

NAN = float("nan")
EPOCHS = 4


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(directions=["maximize", "minimize"])


def add(study: optuna.Study, *curve: float, state: TrialState = TrialState.RUNNING, **costs: float) -> FrozenTrial:
    """Add a trial that has reported `curve`, one accuracy for each epoch."""
    reported = dict(enumerate(curve, start=1))
    study.add_trial(optuna.trial.create_trial(state=state, intermediate_values=reported, user_attrs=costs))
    return study.get_trials()[-1]


def add_finished(study: optuna.Study, *, seed: int = 0, count: int = 12, told_early: bool = True) -> None:
    """Add trials with random costs, trained to the end. Their early accuracies are the final ones, or are random."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        final, elsewhere, flops, params = rng.uniform(0.3, 0.7, 4)
        first = final if told_early else elsewhere
        add(study, first / 2, first / 2, first / 2, final, flops=100 * flops, params=params)


def front_pruner(*costs: str, epochs: int = EPOCHS, never_stopped: int = 0) -> FrontPruner:
    return FrontPruner(costs=costs or ["flops"], epochs=epochs, never_stopped=never_stopped)


def hopeless(study: optuna.Study, **costs: float) -> FrozenTrial:
    return add(study, 0.1, **{"flops": 90.0, "params": 0.9} | costs)


class TestRungs:
    @pytest.mark.parametrize(
        ("epochs", "rungs"),
        [(1, ()), (2, (1,)), (5, (1, 2, 3, 4)), (12, (1, 2, 3, 4, 6, 8, 11)), (52, (3, 4, 6, 8, 11, 16, 23, 32, 45))],
    )
    def test_rungs_grow_by_the_square_root_of_two_from_six_percent_on(
        self, epochs: int, rungs: tuple[int, ...]
    ) -> None:
        assert front_pruner(epochs=epochs).rungs == rungs

    def test_the_first_rung_is_open_before_any_trial_is_finished(self, study: optuna.Study) -> None:
        for accuracy in (0.5, 0.45, 0.4):
            add(study, accuracy, flops=80.0)

        assert front_pruner().prune(study, hopeless(study))

    def test_a_rung_is_closed_if_little_training_is_left_to_save(self, study: optuna.Study) -> None:
        add(study, *[0.5] * 48, flops=80.0)
        pruner = front_pruner(epochs=50)

        assert pruner.rungs[-1] == 45
        assert not pruner.prune(study, add(study, *[0.1] * 45, flops=90.0))

    def test_a_rung_opens_if_the_accuracy_there_predicts_the_final_accuracy(self, study: optuna.Study) -> None:
        add_finished(study)

        assert front_pruner().prune(study, hopeless(study))

    @pytest.mark.parametrize("seed", range(5))
    def test_a_rung_stays_closed_if_accuracies_there_contradict_the_final_ones(
        self, study: optuna.Study, seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(30):
            final, flops = rng.uniform(0.3, 0.7, 2)
            add(study, 1 - final, 1 - final, 1 - final, final, flops=flops)

        assert not front_pruner().prune(study, add(study, 0.01, flops=0.69))

    def test_a_rung_closes_again_after_contrary_evidence(self, study: optuna.Study) -> None:
        add_finished(study, count=6)
        assert front_pruner().prune(study, hopeless(study))

        add_finished(study, count=80, seed=1, told_early=False)
        assert not front_pruner().prune(study, hopeless(study))

    def test_more_trials_go_on_from_a_rung_that_predicts_the_best_networks_badly(self, study: optuna.Study) -> None:
        """The worse half of the trials has the same order at the rung and in the end, the better half another one."""
        for surely in (True, False):
            study = optuna.create_study(directions=["maximize", "minimize"])
            best = np.random.default_rng(0).permutation(np.arange(20, 40))
            for place, final in enumerate([*range(20), *(range(20, 40) if surely else best)]):
                add(study, place / 100, place / 100, place / 100, final / 100, flops=50.0)

            in_the_middle = add(study, 0.195, flops=60.0)
            last = add(study, 0.001, flops=60.0)

            assert front_pruner().prune(study, in_the_middle) is surely
            assert front_pruner().prune(study, last)

    def test_between_rungs_no_trial_is_stopped(self, study: optuna.Study) -> None:
        rng = np.random.default_rng(0)
        for _ in range(12):
            final = rng.random()
            add(study, *[final] * 12, flops=float(rng.random()))

        stopped = [front_pruner(epochs=12).prune(study, add(study, *[0.0] * epoch, flops=0.99)) for epoch in (3, 4, 5)]

        assert stopped == [True, True, False]


class TestTrialsThatAlwaysFinish:
    def test_trials_10_40_160_and_so_on_always_finish(self, study: optuna.Study) -> None:
        add_finished(study, count=9)
        pruner = FrontPruner(costs=["flops"], epochs=EPOCHS)

        stopped = [pruner.prune(study, add(study, 0.1 - number / 1000, flops=90.0)) for number in range(9, 45)]

        assert [number for number, stop in enumerate(stopped, start=9) if not stop] == [10, 40]

    def test_with_never_stopped_0_no_trial_is_exempt(self, study: optuna.Study) -> None:
        add_finished(study, count=9)

        assert all(front_pruner().prune(study, hopeless(study)) for _ in range(10))


class TestStoppedTrials:
    def test_the_reason_has_the_place_the_forecast_and_the_accuracy_to_beat(self, study: optuna.Study) -> None:
        for final, flops in [(0.9, 50), (0.8, 70), (0.7, 10), (0.6, 80), (0.5, 60), (0.4, 90)]:
            add(study, final / 2, final / 2, final / 2, final, flops=flops)

        reason = front_pruner().reason_to_stop(study, add(study, 0.3, flops=65))

        assert reason == "stopped at epoch 1: place 5 of 7; expected final 60.0-60.0 % against 90.0 % at no more flops"

    def test_without_a_forecast_the_reason_has_the_accuracies_at_the_rung(self, study: optuna.Study) -> None:
        for accuracy in (0.45, 0.4, 0.35):
            add(study, accuracy, flops=50)

        reason = front_pruner().reason_to_stop(study, add(study, 0.312, flops=65))

        assert reason == "stopped at epoch 1: place 4 of 4; 31.2 % there against 45.0 % at no more flops"

    def test_the_accuracy_to_beat_may_be_that_of_an_unfinished_rival(self, study: optuna.Study) -> None:
        """All finished trials are more expensive."""
        for final in (0.9, 0.8, 0.7, 0.6):
            add(study, final / 2, final / 2, final / 2, final, flops=500)
        for accuracy in (0.4, 0.39, 0.38):
            add(study, accuracy, flops=50)

        reason = front_pruner().reason_to_stop(study, add(study, 0.3, flops=65))

        assert str(reason).endswith("expected final 60.0-60.0 % against 80.0 % at no more flops")

    @pytest.mark.parametrize("seed", range(10))
    def test_a_trial_that_no_other_beats_at_no_more_cost_goes_on_at_any_place(
        self, study: optuna.Study, seed: int
    ) -> None:
        """All trials are on the front, so more than half of them have a bad place."""
        rng = np.random.default_rng(seed)
        for flops in rng.permutation(np.arange(10.0, 60.0, 2.5)):
            trial = add(study, 0.5 * math.sqrt(flops / 100), flops=flops)

            assert not front_pruner().prune(study, trial)

    def test_a_trial_whose_forecast_is_above_all_others_goes_on(self, study: optuna.Study) -> None:
        """At the second epoch, more accurate trials end lower. The rung is open all the same, because four are few."""
        for early, final in [(0.30, 0.8), (0.34, 0.7), (0.32, 0.75), (0.36, 0.65)]:
            add(study, early, early, early, final, flops=50)

        assert not front_pruner().prune(study, add(study, 0.2, 0.2, flops=50))

    def test_a_trial_whose_forecast_is_above_the_final_accuracy_of_its_rival_goes_on(self, study: optuna.Study) -> None:
        """The only rival at no more cost ended lower than its accuracy at the rung predicted."""
        for early, final in [(0.30, 0.6), (0.35, 0.7), (0.40, 0.8), (0.45, 0.9)]:
            add(study, early, early, early, final, flops=50)
        add(study, 0.4, 0.4, 0.4, 0.5, flops=10)
        for accuracy in (0.42, 0.44):
            add(study, accuracy, flops=55)

        assert front_pruner().prune(study, add(study, 0.32, flops=60))
        assert not front_pruner().prune(study, add(study, 0.32, flops=20))

    def test_a_trial_as_accurate_as_all_cheaper_trials_goes_on(self, study: optuna.Study) -> None:
        """All trials are still at chance level, before they have learned anything. Cost alone stops no trial."""
        for flops in range(10, 60, 5):
            add(study, 0.1, flops=flops)

        assert not front_pruner().prune(study, add(study, 0.1, flops=90))

    def test_a_trial_is_stopped_if_a_cheaper_trial_has_ended_at_100_percent(self, study: optuna.Study) -> None:
        for flops in (10, 20, 30):
            add(study, *[1.0] * EPOCHS, flops=flops)

        assert front_pruner().prune(study, add(study, 1.0, flops=90))

    def test_a_failed_trial_stops_no_other_trial(self, study: optuna.Study) -> None:
        add(study, 0.9, state=TrialState.FAIL, flops=10)
        assert not front_pruner().prune(study, add(study, 0.8, flops=50))

        add(study, 0.9, state=TrialState.PRUNED, flops=10)
        assert front_pruner().prune(study, add(study, 0.7, flops=50))

    def test_more_accurate_trials_at_more_cost_stop_no_trial(self, study: optuna.Study) -> None:
        for index in range(10):
            add(study, *[0.8 + index / 100] * 4, flops=50.0 + index)
        add(study, *[0.3] * 4, flops=10.0)

        assert not front_pruner().prune(study, add(study, 0.31, flops=11.0))
        assert not front_pruner().prune(study, add(study, 0.01, flops=9.0))

    def test_a_third_objective_can_save_a_trial(self, study: optuna.Study) -> None:
        add_finished(study)
        smallest = hopeless(study, params=0.01)

        assert front_pruner("flops").prune(study, smallest)
        assert not front_pruner("flops", "params").prune(study, smallest)

    @pytest.mark.parametrize("seed", range(10))
    def test_a_trial_more_accurate_than_all_earlier_trials_goes_on(self, study: optuna.Study, seed: int) -> None:
        add_finished(study, seed=seed)
        rng = np.random.default_rng(seed)

        for accuracy in np.linspace(0.71, 0.9, 10):
            assert not front_pruner().prune(study, add(study, accuracy, flops=rng.uniform(30, 100)))

    @pytest.mark.parametrize("state", [TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING])
    def test_rivals_count_in_whatever_way_they_ended(self, study: optuna.Study, state: TrialState) -> None:
        add_finished(study, count=7)
        place_before = str(front_pruner().reason_to_stop(study, hopeless(study)))
        add(study, 0.34, state=state, flops=1)
        place_after = str(front_pruner().reason_to_stop(study, hopeless(study)))

        assert ("of 8;" in place_before, "of 10;" in place_after) == (True, True)


class TestUnknownValues:
    @pytest.mark.parametrize(
        ("accuracy", "costs"), [(NAN, {"flops": 100}), (0.1, {}), (0.1, {"params": 1}), (math.inf, {"flops": 100})]
    )
    def test_a_trial_without_accuracy_or_cost_is_not_judged(
        self, study: optuna.Study, accuracy: float, costs: dict[str, float]
    ) -> None:
        add_finished(study)

        assert not front_pruner().prune(study, add(study, accuracy, **costs))

    @pytest.mark.parametrize(
        ("accuracy", "costs"), [(NAN, {"flops": 10}), (math.inf, {"flops": 10}), (0.9, {}), (0.9, {"params": 1})]
    )
    def test_a_trial_without_accuracy_or_cost_is_not_a_rival(
        self, study: optuna.Study, accuracy: float, costs: dict[str, float]
    ) -> None:
        add_finished(study)
        add(study, accuracy, **costs)

        assert "of 13;" in str(front_pruner().reason_to_stop(study, hopeless(study)))

    def test_a_trial_that_has_reported_nothing_is_not_judged(self, study: optuna.Study) -> None:
        add_finished(study)

        assert not front_pruner().prune(study, add(study, flops=100))

    @pytest.mark.parametrize(
        "wrong", [{"epochs": 0}, {"never_stopped": -1}, {"costs": []}], ids=["epochs", "never stopped", "costs"]
    )
    def test_wrong_settings_are_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValueError, match="at least one cost, epochs >= 1 and never_stopped >= 0"):
            FrontPruner(**{"costs": ["flops"], "epochs": 9, **wrong})


def test_a_new_pruner_on_the_reopened_study_decides_the_same(tmp_path: Path) -> None:
    storage = RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
    study = optuna.create_study(storage=storage, study_name="kept", directions=["maximize", "minimize"])
    add_finished(study, count=6)
    pruner, rng = front_pruner(), np.random.default_rng(0)
    stopped = []
    for _ in range(8):
        trial = add(study, rng.random() / 3, flops=float(100 * rng.random()))
        stopped.append(pruner.reason_to_stop(study, trial))

        reopened = optuna.load_study(storage=RDBStorage(storage.url), study_name="kept")
        assert front_pruner().reason_to_stop(reopened, reopened.trials[-1]) == stopped[-1]

    assert {reason is None for reason in stopped} == {True, False}
