"""A made-up counted cost: a search minimises it, and counts it for the trials that an earlier version has trained."""

import json
from dataclasses import replace

import pytest
from rich.console import Console

from se_nas.commands.report.report import rewrite_report
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import resume_search, start_search
from se_nas.costs import COSTS, CostKind
from se_nas.models.cost import Cost
from tests.commands.conftest import rows_of

MEMORY = CostKind(axis="memory of a training (MB)", column="MB", unit="MB", step=0.1)
BUDGET = 11
"""The trials of the earlier version. The model proposes from trial 10 on, and then compares all costs."""


@pytest.fixture
def request_small(request_tiny: SearchRequest) -> SearchRequest:
    return replace(request_tiny, budget=BUDGET, epochs=1)


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the cost `memory`, whose values lie below 0.01."""
    as_dict = Cost.as_dict
    monkeypatch.setattr(Cost, "as_dict", lambda cost: {**as_dict(cost), "memory": cost.params / 1e6})
    monkeypatch.setitem(COSTS, "memory", MEMORY)


def test_a_search_minimises_it(request_small: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)

    start_search(replace(request_small, objectives="accuracy,memory"), console)

    front = json.loads((request_small.run / "front.json").read_text())
    costs = [float(row["memory"]) for row in rows_of(request_small.run)]
    assert max(costs) < front["reference"][1] <= 1.3 * max(costs)
    assert front["hypervolume"] > 0
    assert f"{min(costs):.2g} MB" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_folder_of_the_version_before_is_reported_and_resumed_and_every_trial_has_the_cost(
    request_small: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = request_small.run
    start_search(request_small, console)
    register(monkeypatch)

    rewrite_report(run, console)
    reported = rows_of(run)
    resume_search(run, replace(request_small, run=None, space=None, resume=run, budget=BUDGET + 3), console)
    rewrite_report(run, console)

    rows = rows_of(run)
    assert (len(reported), len(rows)) == (BUDGET, BUDGET + 3)
    assert all(float(row["memory"]) == int(row["params"]) / 1e6 for row in [*reported, *rows])
