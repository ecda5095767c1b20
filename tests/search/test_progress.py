import pytest

from se_nas.search.progress import progress_of
from se_nas.search.records import TrialStatus
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


def test_the_share_is_of_the_box_between_the_reference_and_the_ideal() -> None:
    # Box: 0.8 × 200. The one member covers (0.6 - 0.2) × (200 - 50) of it: 60 / 160.
    progress = progress_of([record(accuracy=0.6, flops=50)], TWO_OBJECTIVES, (0.2, 200.0), budget=1)

    assert progress.hypervolume == pytest.approx(60)
    assert progress.hypervolume_share == pytest.approx(0.375)


def test_nothing_trained_is_an_empty_front_of_no_hypervolume() -> None:
    progress = progress_of([], TWO_OBJECTIVES, (0.0, 200.0), budget=1)

    assert (len(progress.front), progress.hypervolume_share, progress.ended) == (0, 0.0, 0)
