"""Strategies that start with what shared weights say: networks to try first, or a prior of the accuracy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from random import Random

import pytest

from se_nas.searching.candidates import Inspection
from se_nas.searching.propose.strategies import STRATEGIES, SearchProblem
from se_nas.searching.propose.strategy import SearchStrategy
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.surrogate.prior_mean import Prior
from se_nas.space.decisions import Assignment, Categorical, Decision
from tests.fakes import TWO_OBJECTIVES

DECISIONS: dict[str, Decision] = {f"stage{index}": Categorical((False, True)) for index in range(6)}
ALL: list[Assignment] = [dict(zip(DECISIONS, values, strict=True)) for values in product((False, True), repeat=6)]


def name_of(assignment: Assignment) -> str:
    return "".join("01"[bool(value)] for value in assignment.values())


ACCURACY = {name_of(each): Random(index).random() for index, each in enumerate(ALL)}
"""An accuracy that no decision explains, so that only a prior can know it."""


def build(name: str, *, suggested: Sequence[Assignment] = (), prior: Prior | None = None) -> SearchStrategy:
    def neighbours(assignment: Assignment) -> Iterator[Assignment]:
        return ({**assignment, each: not assignment[each]} for each in DECISIONS)

    def inspect(assignment: Assignment) -> Inspection | None:
        if name_of(assignment) == "111111":
            return None  # it breaks a bound
        return Inspection(name_of(assignment), {"flops": 1000.0 + sum(map(bool, assignment.values()))})

    problem = SearchProblem(
        decisions=DECISIONS,
        sample=lambda rng: rng.choice(ALL),
        neighbours=neighbours,
        inspect=inspect,
        objectives=TWO_OBJECTIVES,
        seed=0,
        suggested=suggested,
        prior=prior,
    )
    return STRATEGIES[name](problem)


def trained(number: int, assignment: Assignment) -> TrialRecord:
    return TrialRecord(
        number=number,
        status=TrialStatus.COMPLETE,
        assignment=assignment,
        fingerprint=name_of(assignment),
        se=(),
        cost={"flops": 1000.0 + sum(map(bool, assignment.values()))},
        curve=(ACCURACY[name_of(assignment)],),
    )


def tried(strategy: SearchStrategy, trials: int) -> list[str]:
    names = []
    for number in range(trials):
        assignment = strategy.ask().assignment
        strategy.tell(trained(number, assignment))
        names.append(name_of(assignment))
    return names


def test_a_prior_that_is_right_finds_the_best_networks_at_once() -> None:
    def known(records: Sequence[TrialRecord]) -> Mapping[str, float]:
        return ACCURACY

    best = sorted(ACCURACY, key=lambda name: -ACCURACY[name])[:6]
    guided, alone = tried(build("supernet", prior=known), 15), tried(build("supernet"), 15)

    assert len({*best} & {*guided[10:]}) >= 2
    assert len({*best} & {*alone}) < len({*best} & {*guided})


def test_a_prior_that_is_not_trusted_or_says_nothing_changes_nothing() -> None:
    plain = tried(build("front"), 12)

    assert tried(build("supernet", prior=lambda _: {}), 12) == plain
    assert tried(build("supernet", prior=lambda _: dict.fromkeys(ACCURACY, 0.5)), 12) == plain
    assert tried(build("supernet", prior=lambda _: {name: -value for name, value in ACCURACY.items()}), 12) == plain


def test_a_prior_of_some_networks_is_enough() -> None:
    some = dict(list(ACCURACY.items())[::3])

    assert len(set(tried(build("supernet", prior=lambda _: some), 12))) == 12


def test_suggested_networks_come_first_in_their_order_and_each_once() -> None:
    wanted = [ALL[5], ALL[63], ALL[3], ALL[5], ALL[9]]

    names = tried(build("differentiable", suggested=wanted), 6)

    assert names[:3] == [name_of(ALL[index]) for index in (5, 3, 9)]
    assert len({*names}) == 6


def test_suggestions_of_a_supernet_alternate_with_the_start_that_covers_the_space() -> None:
    wanted = [ALL[5], ALL[63], ALL[3], ALL[9], ALL[17], ALL[33], ALL[34]]

    names, plain = tried(build("supernet", suggested=wanted), 16), tried(build("front"), 16)

    assert [names[trial] for trial in (0, 3, 4, 7, 8)] == [name_of(ALL[index]) for index in (5, 3, 9, 17, 33)]
    assert name_of(ALL[34]) not in names[:10]
    assert len({*names}) == 16
    assert len({*names[:10]} & {*plain[:10]}) >= 2


@pytest.mark.parametrize("told", [1, 3, 4, 7, 12])
def test_a_resumed_search_with_a_supernet_proposes_what_it_would_have_proposed(told: int) -> None:
    wanted = [ALL[5], ALL[3], ALL[9], ALL[17], ALL[33]]
    whole, resumed = build("supernet", suggested=wanted), build("supernet", suggested=wanted)
    for number in range(told):
        proposal = whole.ask()
        record = replace(trained(number, proposal.assignment), memo=proposal.memo)
        whole.tell(record)
        resumed.tell(record)

    assert [resumed.ask().assignment for _ in range(3)] == [whole.ask().assignment for _ in range(3)]


def test_a_resumed_search_continues_with_the_suggestions_that_are_left() -> None:
    wanted = [ALL[5], ALL[3], ALL[9]]
    resumed = build("differentiable", suggested=wanted)
    resumed.tell(trained(0, ALL[3]))

    assert [name_of(resumed.ask().assignment) for _ in range(2)] == [name_of(ALL[5]), name_of(ALL[9])]
