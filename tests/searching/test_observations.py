from dataclasses import replace
from random import Random

import pytest

from se_nas.searching.failures import Failure, FailureKind
from se_nas.searching.observations import MOST_OBSERVATIONS, History, Observation, most_informative, observations_of
from se_nas.searching.records import TrialRecord, TrialStatus
from tests.fakes import TWO_OBJECTIVES, record

FINISHED = [record(number, curve=(0.1 * number, 0.5 + 0.04 * number), flops=9.0) for number in range(1, 6)]


class TestObservationsOfPrunedTrials:
    def stopped(self, reached: float) -> TrialRecord:
        return record(9, status=TrialStatus.PRUNED, curve=(reached,), flops=9.0)

    def test_a_pruned_trial_gives_its_expected_accuracy(self) -> None:
        observations = observations_of([*FINISHED, self.stopped(0.2)])

        assert observations[-1].record.number == 9
        assert observations[-1].accuracy == pytest.approx(0.58)

    def test_the_uncertainty_is_larger_if_finished_trials_disagree(self) -> None:
        noisy = [replace(one, curve=(one.curve[0], one.curve[1] + 0.02 * (-1) ** one.number)) for one in FINISHED]

        sure, unsure = (observations_of([*told, self.stopped(0.2)])[-1].doubt for told in (FINISHED, noisy))

        assert sure < 0.001 < unsure

    def test_pruned_trials_do_not_count_while_too_few_are_finished(self) -> None:
        assert len(observations_of([*FINISHED[:2], self.stopped(0.2)])) == 2

    def test_trials_without_a_report_give_no_observation(self) -> None:
        failed = [record(8, status=status, curve=(), flops=9.0) for status in (TrialStatus.FAILED, TrialStatus.PRUNED)]

        assert len(observations_of([*FINISHED, *failed])) == 5

    def test_the_forecast_of_a_pruned_trial_uses_trials_that_reached_its_last_epoch(self) -> None:
        long = [replace(one, curve=(*one.curve[:1], 0.4 + 0.02 * one.number, one.curve[-1])) for one in FINISHED]
        later = record(8, status=TrialStatus.PRUNED, curve=(0.3, 0.44), flops=9.0)

        expected = {
            observation.record.number: observation.accuracy
            for observation in observations_of([*long, self.stopped(0.2), later])
        }

        assert (expected[9], expected[8]) == pytest.approx((0.58, 0.58))


class TestMostInformative:
    def observations(self, count: int) -> list[Observation]:
        """Observations of which two of three are on the front. Every third is less accurate than all cheaper ones."""
        return [
            Observation(
                record(number, flops=float(1 + number)),
                accuracy=0.5 + number / 10_000 - 0.3 * (number % 3 == 0),
                doubt=0.0,
            )
            for number in range(count)
        ]

    def test_few_observations_are_all_kept(self) -> None:
        assert most_informative(self.observations(MOST_OBSERVATIONS), TWO_OBJECTIVES) == self.observations(
            MOST_OBSERVATIONS
        )

    def test_half_of_the_kept_observations_are_near_the_front_and_the_order_stays(self) -> None:
        observations = self.observations(2_000)

        told = most_informative(observations, TWO_OBJECTIVES)

        numbers = [observation.record.number for observation in told]
        others = [number for number in numbers if number % 3 == 0]
        assert len(told) == MOST_OBSERVATIONS
        assert numbers == sorted(set(numbers))
        assert 30 <= len(others) <= 60
        assert others[0] == 0
        assert others[-1] > 1_900


def test_a_growing_history_gives_the_same_observations_as_the_last_records() -> None:
    draw = Random(0)
    history, last = History(), {}
    for step in range(700):
        number = draw.randrange(500)
        last[number] = record(
            number,
            status=draw.choice(list(TrialStatus)),
            curve=tuple(draw.random() for _ in range(draw.choice([2, 5]))),
            flops=draw.choice([10, 20, 40, 80]),
        )
        if last[number].status is TrialStatus.COMPLETE:
            last[number] = replace(last[number], curve=tuple(draw.random() for _ in range(8)))
        history.tell(last[number])
        if step % 50 == 49:
            assert history.observations() == observations_of(last.values())
            informative = most_informative(history.observations(), TWO_OBJECTIVES)
            assert history.informative_observations(TWO_OBJECTIVES) == informative
            running = [n for n in sorted(last) if last[n].status is TrialStatus.RUNNING]
            assert [one.number for one in history.running] == running
            assert history.ended == len(last) - len(running)


def test_a_failure_of_a_machine_teaches_nothing_and_is_no_longer_in_training() -> None:
    no_images = Failure(reason="no images", kind=FailureKind.PLACE, node="here")
    lost = record(9, status=TrialStatus.FAILED, failure=no_images, flops=9.0)
    running = record(9, status=TrialStatus.RUNNING, flops=9.0)

    history = History.of([*FINISHED, running, lost])

    assert [one.record.number for one in history.observations()] == [one.number for one in FINISHED]
    assert history.running == []
    assert history.numbers(TrialStatus.FAILED).tolist() == []


def test_a_failure_of_a_network_stays_a_failure() -> None:
    failed = record(9, status=TrialStatus.FAILED, reason="the accuracy became nan in epoch 1", flops=9.0)

    assert History.of([*FINISHED, failed]).numbers(TrialStatus.FAILED).tolist() == [9]
