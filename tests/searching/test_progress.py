from random import Random

import pytest

from se_nas.searching.progress import progress_of
from se_nas.searching.records import TrialStatus
from tests.fakes import THREE_OBJECTIVES, TWO_OBJECTIVES, record


def test_running_trials_have_not_ended() -> None:
    records = [record(number, status=status) for number, status in enumerate(TrialStatus)]

    progress = progress_of(records, TWO_OBJECTIVES, (0.0, 200.0), budget=9)

    assert progress.ended == 3
    assert [progress.count(status) for status in TrialStatus] == [1, 1, 1, 1]


def test_a_perfect_network_at_no_cost_has_the_whole_hypervolume() -> None:
    perfect = record(accuracy=1.0, flops=0, params=0)

    progress = progress_of([perfect], THREE_OBJECTIVES, (0.1, 200.0, 30.0), budget=1)

    assert progress.hypervolume_share == pytest.approx(1.0)


def test_the_fraction_refers_to_the_box_between_the_reference_and_the_ideal() -> None:
    # The box is 0.8 × 200. The only member covers (0.6 - 0.2) × (200 - 50) of it: 60 / 160.
    progress = progress_of([record(accuracy=0.6, flops=50)], TWO_OBJECTIVES, (0.2, 200.0), budget=1)

    assert progress.hypervolume == pytest.approx(60)
    assert progress.hypervolume_share == pytest.approx(0.375)


def test_without_trained_networks_the_front_is_empty_and_the_hypervolume_zero() -> None:
    progress = progress_of([], TWO_OBJECTIVES, (0.0, 200.0), budget=1)

    assert (len(progress.front), progress.hypervolume_share, progress.ended) == (0, 0.0, 0)


def test_growing_progress_equals_the_progress_of_the_records_so_far() -> None:
    draw = Random(0)
    growing, records = progress_of([], THREE_OBJECTIVES, (0.0, 300.0, 30.0), budget=90), {}
    snapshots = []
    for _ in range(150):
        running = [number for number, one in records.items() if one.status is TrialStatus.RUNNING]
        ends = running and draw.random() < 0.6
        number = draw.choice(running) if ends else len(records)
        status = draw.choice([TrialStatus.COMPLETE, TrialStatus.PRUNED, TrialStatus.FAILED])
        cost = {"flops": draw.choice([50, 100, 200]), "params": draw.choice([10, 20])}
        one = record(
            number,
            status=status if ends else TrialStatus.RUNNING,
            accuracy=draw.choice([0.5, 0.6, 0.7, 0.8]),
            **(records[number].cost if ends else cost),
        )
        growing = growing.with_record(one, records[number].status if ends else None)
        records[number] = one
        snapshots.append((growing, tuple(records.values())))

    for growing, so_far in snapshots:
        whole = progress_of(so_far, THREE_OBJECTIVES, (0.0, 300.0, 30.0), budget=90)
        assert growing.records == whole.records
        assert growing.front.members == whole.front.members
        assert growing.hypervolume == whole.hypervolume
        assert [growing.count(each) for each in TrialStatus] == [whole.count(each) for each in TrialStatus]
        assert growing.ended == whole.ended
