from dataclasses import replace

import pytest

from se_nas.analysis.first_placements import first_placements
from tests.analysis.made_supernet import made_scores

SCORES = made_scores(4)
"""SE helps everywhere, so the best placement is the most expensive one."""


def names(costs: tuple[str, ...], most: int, scores: object = SCORES) -> list[str]:
    return [each.fingerprint for each in first_placements(scores, costs, most)]  # type: ignore[arg-type]


def test_the_best_placement_of_all_is_first_and_the_others_are_the_best_within_budgets_of_cost() -> None:
    assert names(("params",), 5) == ["1111", "1000", "1100", "0100", "1110"]


@pytest.mark.parametrize("costs", [("params",), (), ("latency",), ("params", "flops"), ("flops", "latency")])
def test_each_placement_comes_once_and_none_is_left_out(costs: tuple[str, ...]) -> None:
    found = names(costs, 100)

    assert sorted(found) == sorted(each.fingerprint for each in SCORES.placements)
    assert found[0] == "1111"
    assert names(costs, 3) == found[:3]


@pytest.mark.parametrize("read", [0, 1, 2])
def test_fewer_placements_than_asked_for_are_all_returned(read: int) -> None:
    assert len(names(("params",), 5, replace(SCORES, placements=SCORES.placements[:read]))) == read
