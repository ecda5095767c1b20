import re

import pytest

from se_nas.commands.search.flags import SearchRequest
from se_nas.data.sources import NAMED_SOURCES, PATH_SOURCES
from se_nas.errors import InputError
from se_nas.process.command_line import parse_flags
from se_nas.searching.propose.strategies import STRATEGIES


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


def test_the_help_names_every_strategy_and_every_source_of_images(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["search.py", "--help"])

    with pytest.raises(SystemExit):
        parse_flags(SearchRequest, prog="search.py")

    words = set(re.findall(r"[\w:]+", capsys.readouterr().out))
    assert words >= {*STRATEGIES, *NAMED_SOURCES, *(f"{kind}:PATH" for kind in PATH_SOURCES)}


def test_only_a_new_search_of_a_users_own_network_groups_its_places() -> None:
    with pytest.raises(InputError, match=r"^--group stage: belongs to a new search of a network of your own"):
        SearchRequest(group="stage").check()
