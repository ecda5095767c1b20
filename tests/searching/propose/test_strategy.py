from collections.abc import Callable

import pytest

from se_nas.searching.candidates import Inspection
from se_nas.searching.propose.strategy import ExhaustedError, Fallback, Feasible, Patient, SearchStrategy, Unique
from se_nas.searching.records import Proposal, TrialRecord, TrialStatus
from se_nas.space.decisions import Assignment
from tests.fakes import record


class Scripted:
    """Proposes the values of x in its script, and is exhausted after them. It remembers the records that it gets."""

    def __init__(self, *script: int) -> None:
        self._script = iter(script)
        self.asked = 0
        self.told: list[TrialRecord] = []

    def ask(self) -> Proposal:
        self.asked += 1
        for x in self._script:
            return Proposal(assignment={"x": x}, memo={"draft": self.asked})
        raise ExhaustedError("the script is at its end")

    def tell(self, record: TrialRecord) -> None:
        self.told.append(record)


def even(assignment: Assignment) -> Inspection | None:
    return None if int(assignment["x"]) % 2 else Inspection(name(assignment), {})


def name(assignment: Assignment) -> str:
    return f"network {assignment['x']}"


WRAPPERS: dict[str, Callable[[SearchStrategy], SearchStrategy]] = {
    "Feasible": lambda inner: Feasible(inner, even),
    "Unique": lambda inner: Unique(inner, name),
    "Patient": lambda inner: Patient(inner, patience=3),
    "Fallback, first": lambda inner: Fallback(inner, Scripted()),
    "Fallback, second": lambda inner: Fallback(Scripted(), inner),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
class TestEveryWrapper:
    def test_passes_each_record_on(self, wrap: Callable[[SearchStrategy], SearchStrategy]) -> None:
        inner = Scripted()
        records = [record(number, status=status) for number, status in enumerate(TrialStatus)]
        wrapped = wrap(inner)

        for one in records:
            wrapped.tell(one)

        assert inner.told == records

    def test_passes_a_good_proposal_on_unchanged(self, wrap: Callable[[SearchStrategy], SearchStrategy]) -> None:
        assert wrap(Scripted(2)).ask() == Proposal(assignment={"x": 2}, memo={"draft": 1})


class TestFeasible:
    def test_the_first_proposal_without_a_violation_is_passed_on(self) -> None:
        assert Feasible(Scripted(1, 3, 4, 6), even).ask().assignment == {"x": 4}


class TestPatient:
    def test_after_its_limit_of_proposals_it_is_exhausted_and_says_why(self) -> None:
        inner = Scripted(1, 3, 5, 6)

        with pytest.raises(ExhaustedError, match=r"^3 proposals in a row broke a rule or bound"):
            Feasible(Patient(inner, patience=3), even).ask()
        assert inner.asked == 3

    def test_a_record_resets_the_count(self) -> None:
        strategy = Feasible(Patient(Scripted(1, 1, 2, 3, 3, 4), patience=3), even)

        first = strategy.ask()
        strategy.tell(record(2))

        assert (first.assignment["x"], strategy.ask().assignment["x"]) == (2, 4)


class TestUnique:
    @pytest.mark.parametrize("status", TrialStatus)
    def test_a_network_that_was_started_is_not_proposed_again(self, status: TrialStatus) -> None:
        strategy = Unique(Scripted(5, 6), name)

        strategy.tell(record(5, status=status))

        assert strategy.ask().assignment == {"x": 6}

    def test_a_proposal_that_was_not_started_may_come_again(self) -> None:
        strategy = Unique(Scripted(5, 5), name)

        assert strategy.ask().assignment == strategy.ask().assignment == {"x": 5}


class TestFallback:
    def test_the_second_strategy_is_asked_if_the_first_is_exhausted(self) -> None:
        strategy = Fallback(Scripted(1), Scripted(2))

        assert [strategy.ask().assignment["x"] for _ in range(2)] == [1, 2]

    def test_the_first_strategy_is_asked_again_for_the_next_trial(self) -> None:
        strategy = Fallback(Feasible(Patient(Scripted(1, 4), patience=1), even), Scripted(2))

        first = strategy.ask()
        strategy.tell(record(2))

        assert (first.assignment["x"], strategy.ask().assignment["x"]) == (2, 4)

    def test_the_fallback_is_exhausted_if_the_second_strategy_is(self) -> None:
        with pytest.raises(ExhaustedError, match="the script is at its end"):
            Fallback(Scripted(), Scripted()).ask()
