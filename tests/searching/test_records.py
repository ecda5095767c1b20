import pytest

from se_nas.searching.records import TrialStatus
from tests.fakes import NOT_COMPLETE, record


def test_the_accuracy_of_a_complete_trial_is_that_of_its_last_epoch() -> None:
    assert record(curve=(0.2, 0.9, 0.7)).accuracy == 0.7


@pytest.mark.parametrize("status", NOT_COMPLETE)
def test_a_trial_that_is_not_complete_has_no_objective_values(status: TrialStatus) -> None:
    unfinished = record(7, status=status)

    assert unfinished.accuracy is None
    with pytest.raises(ValueError, match=f"trial 7 is {status}, not complete"):
        unfinished.values(("accuracy", "flops"))


def test_values_have_the_order_of_the_given_names() -> None:
    complete = record(accuracy=0.5, flops=10, params=3)

    assert complete.values(("params", "accuracy", "flops")) == (3.0, 0.5, 10.0)
