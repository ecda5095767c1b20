"""The network that a search hands out, and the table of what it is worth."""

import pytest
from real_choice import COMPARED, best_of, show
from rich.console import Console

TRIALS = [{"trial": number, "curve": [0.1, accuracy]} for number, accuracy in enumerate((0.70, 0.74, 0.90))]


@pytest.mark.parametrize(
    ("expected", "best"),
    [({0: 0.71, 1: 0.72}, (1, 0.72)), ({0: 0.73, 1: 0.72, 2: 0.71}, (0, 0.73)), ({}, (2, 0.90)), ({7: 0.5}, (2, 0.90))],
    ids=["some expected", "all expected", "none expected", "another expected"],
)
def test_expected_accuracies_are_never_compared_with_observed_ones(
    expected: dict[int, float], best: tuple[int, float]
) -> None:
    row, reported = best_of(TRIALS, expected)

    assert (row["trial"], reported) == best


def test_a_seed_without_a_network_is_named_even_if_no_method_found_one() -> None:
    rows = [
        {"method": method, "seed": seed, "budget": 2e6, "reported": 0.8, "accuracies": [0.7, 0.72]}
        for method in COMPARED
        for seed in (0, 2)
    ]
    console = Console(width=200, record=True)

    show(rows, [1e6, 2e6], range(3), console)

    lines = console.export_text().splitlines()[2:]
    assert len(lines) == 2 * len(COMPARED)
    assert all("with seed 0, 1, 2" in line for line in lines[: len(COMPARED)])
    assert all("with seed 1" in line for line in lines[len(COMPARED) :])


def test_each_method_is_compared_with_ours_on_all_seeds() -> None:
    rows = [
        {"method": method, "seed": seed, "budget": 1e6, "reported": 0.8, "accuracies": [0.7 - 0.01 * place]}
        for place, method in enumerate(COMPARED)
        for seed in range(3)
    ]
    console = Console(width=200, record=True)

    show(rows, [1e6], range(3), console)

    assert [line.split()[-2:] for line in console.export_text().splitlines()[3:]] == [
        ["+1.00", "0.00"],
        ["+2.00", "0.00"],
        ["+3.00", "0.00"],
    ]
