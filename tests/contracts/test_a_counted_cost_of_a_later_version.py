"""A counted cost that a later version adds is counted for the trials that an earlier version has trained."""

from dataclasses import replace

import pytest
from rich.console import Console

from se_nas.commands.report.report import rewrite_report
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import resume_search, start_search
from se_nas.costs import COSTS, CostKind
from se_nas.models.cost import Cost
from tests.commands.conftest import rows_of

BUDGET = 11
"""The trials of the earlier version. The model proposes from trial 10 on, and then compares all costs."""


def test_a_folder_of_the_version_before_is_reported_and_resumed_and_every_trial_has_the_cost(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(request_tiny, budget=BUDGET, epochs=1)
    run = request.run
    start_search(request, console)
    as_dict = Cost.as_dict
    monkeypatch.setattr(Cost, "as_dict", lambda cost: {**as_dict(cost), "memory": cost.params + cost.activations})
    monkeypatch.setitem(COSTS, "memory", CostKind(axis="memory of a training", column="memory", step=1_000))

    rewrite_report(run, console)
    reported = rows_of(run)
    resume_search(run, replace(request, run=None, space=None, resume=run, budget=BUDGET + 3), console)
    rewrite_report(run, console)

    rows = rows_of(run)
    assert (len(reported), len(rows)) == (BUDGET, BUDGET + 3)
    assert all(int(row["memory"]) == int(row["params"]) + int(row["activations"]) for row in [*reported, *rows])
