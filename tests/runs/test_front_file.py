"""`front.json` has the front of what was observed, and picks by what is expected."""

from se_nas.runs.run_folder import front_as_dict
from se_nas.searching.expectation import Expectation
from se_nas.searching.objectives import parse_objectives
from se_nas.searching.progress import progress_of
from tests.fakes import record

OBJECTIVES = parse_objectives("accuracy,flops")
LUCKY = [
    record(0, accuracy=0.95, flops=200),
    record(1, accuracy=0.90, flops=200),
    record(2, accuracy=0.70, flops=100),
]
EXPECTED = {0: Expectation(0.80, 0.02), 1: Expectation(0.88, 0.02), 2: Expectation(0.72, 0.02)}


def test_members_are_not_dominated_by_observed_values_and_picks_by_expected_ones() -> None:
    written = front_as_dict(progress_of(LUCKY, OBJECTIVES, (0.0, 400.0), 3, EXPECTED))

    assert [(member["trial"], member["accuracy"]) for member in written["members"]] == [(2, 0.70), (0, 0.95)]
    assert [member["expected_accuracy"] for member in written["members"]] == [0.72, 0.80]
    assert written["expected_front"] == [2, 1]
    assert {name: picked["trial"] for name, picked in written["picks"].items()} == {"knee": 1, "best": 1, "cheapest": 2}
    assert written["picks"]["best"]["interval"] == list(EXPECTED[1].interval)


def test_without_expectations_the_picks_are_members() -> None:
    written = front_as_dict(progress_of(LUCKY, OBJECTIVES, (0.0, 400.0), 3))

    assert written["expected_front"] == [member["trial"] for member in written["members"]] == [2, 0]
    assert {picked["trial"] for picked in written["picks"].values()} <= {0, 2}
    assert all("expected_accuracy" not in member for member in written["members"])


def test_without_a_complete_trial_there_is_neither() -> None:
    written = front_as_dict(progress_of([], OBJECTIVES, (0.0, 400.0), 3))

    assert (written["members"], written["expected_front"], written["picks"]) == ([], [], {})
    assert written["hypervolume"] == 0.0
