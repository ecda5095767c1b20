import pytest

from se_nas.commands.search.flags import SearchRequest
from se_nas.errors import InputError


def test_the_digits_train_for_fewer_epochs_than_other_images_unless_the_user_says_otherwise() -> None:
    assert SearchRequest().value("epochs") == SearchRequest(data="digits").value("epochs") == 6
    assert SearchRequest(data="cifar10").value("epochs") == SearchRequest(data="npz:digits").value("epochs") == 12
    assert SearchRequest(epochs=3).value("epochs") == SearchRequest(epochs=3, data="cifar10").value("epochs") == 3


@pytest.mark.parametrize("equal_cost", [-0.01, 1.0, 5.0, float("nan"), float("inf")])
def test_a_fraction_of_equal_costs_that_is_no_fraction_is_refused_in_one_line(equal_cost: float) -> None:
    with pytest.raises(InputError, match=r"^--equal-cost .*: expected a fraction from 0 to below 1, e\.g\. 0\.01$"):
        SearchRequest(equal_cost=equal_cost).check()


@pytest.mark.parametrize("equal_cost", [None, 0.0, 0.05])
def test_other_fractions_are_accepted(equal_cost: float | None) -> None:
    SearchRequest(equal_cost=equal_cost).check()
