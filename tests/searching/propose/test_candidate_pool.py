"""In a search of any length, some candidates have not been tried."""

import json
from collections.abc import Iterator
from random import Random

import pytest

from se_nas.searching.candidates import Inspection
from se_nas.searching.propose import candidate_pool
from se_nas.searching.propose.candidate_pool import CandidatePool
from se_nas.space.decisions import Assignment, Categorical

DECISIONS = {f"decision {index}": Categorical(tuple("abcdefgh")) for index in range(6)}


def sample(rng: Random) -> Assignment:
    return {name: decision.sample(rng) for name, decision in DECISIONS.items()}


def inspect(assignment: Assignment) -> Inspection:
    return Inspection(json.dumps(assignment), {"flops": 1.0})


def no_neighbours(assignment: Assignment) -> Iterator[Assignment]:
    return iter(())


def pool() -> CandidatePool:
    return CandidatePool(decisions=DECISIONS, sample=sample, neighbours=no_neighbours, inspect=inspect, seed=0)


def test_a_search_that_tries_every_candidate_always_finds_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidate_pool, "MOST_DRAWN", 60)
    candidates, tried = pool(), set[str]()

    for trials in range(1, 400):  # `trials - 1` candidates have been tried
        untried = candidates.untried((), trials, tried)
        assert 0 < len(untried) <= 60
        assert not {one.inspection.fingerprint for one in untried} & tried
        tried.add(untried[0].inspection.fingerprint)


def test_the_candidates_depend_on_the_number_of_trials_alone() -> None:
    grown = pool()
    for trials in range(0, 2_000, 100):
        grown.untried((), trials, set())

    def names(candidates: CandidatePool) -> list[str]:
        return [one.inspection.fingerprint for one in candidates.untried((), 1_900, set())]

    assert names(grown) == names(pool())
