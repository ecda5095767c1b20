from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from se_nas.commands.report.report import rewrite_report
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import start_search
from se_nas.commands.shared_weights.accounts import load_account
from se_nas.commands.shared_weights.logged import logged
from se_nas.commands.supernet import supernet as command
from se_nas.commands.supernet.flags import SupernetRequest
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.supernet_file import supernet_files
from se_nas.tracking.protocol import Finding
from se_nas.training.supernet import relaxed_gates
from tests.analysis.made_supernet import made_account, made_scores
from tests.commands.conftest import SE_ALONE, said_on, written_nothing

SECTION = '<h2 id="what-do-shared-weights-say">'


@pytest.mark.usefixtures("without_figures")
def test_the_page_and_wandb_get_what_shared_weights_say(
    request_tiny: SearchRequest, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search with relaxed gates, then a supernet of the same trunk, then its damaged file."""
    found: list[Finding] = []
    monkeypatch.setattr(relaxed_gates, "STEPS", 2)
    monkeypatch.setattr(
        "se_nas.commands.supernet.supernet.log_finding", lambda finding, *_, **__: found.append(finding)
    )
    (space := tmp_path / "se_alone.yaml").write_text(SE_ALONE)
    run = start_search(replace(request_tiny, space=space, strategy="differentiable", budget=2, epochs=1), console)
    assert run is not None
    gates_only = (run / "report.html").read_text()

    command.supernet(SupernetRequest(target=str(run), epochs=1, draw="one"), console)
    page = (run / "report.html").read_text()
    (run / "supernet.json").write_text("{}")
    (run / "differentiable.json").write_text("")
    rewrite_report(run, console)

    assert SECTION in gates_only
    assert "the gates chose" in gates_only
    assert "Of 9 placements of SE, 9 were read" not in gates_only
    assert "Of 9 placements of SE, 9 were read" in page
    assert "The search did not use these scores." in page
    (finding,) = found
    assert finding.file == run / "supernet.json"
    assert len(finding.tables["supernet placements"].rows) == 9
    assert len(finding.tables["supernet effects by place"].rows) == 4
    assert finding.summary["supernet placements"] == 9
    assert SECTION not in (run / "report.html").read_text()
    assert "supernet.json: damaged" in said_on(console)
    assert "differentiable.json: damaged" in said_on(console)


def test_wandb_gets_tau_with_its_interval_and_the_free_rankings() -> None:
    scores = made_scores()
    accuracies = {each.fingerprint: each.accuracy for each in scores.placements}

    found = logged([made_account(scores, accuracies)], None)

    rankings: Any = found.tables["supernet rankings"].rows
    assert [row[0] for row in rankings] == [
        "the supernet",
        "number of SE modules",
        "parameters of SE",
        "all placements equal",
    ]
    assert found.summary["supernet tau"] == pytest.approx(1)
    assert found.summary["supernet tau low"] > found.summary["supernet tau for free"] > 0.5
    assert found.summary["supernet is trusted"]
    assert found.summary["supernet is prior"]


def test_wandb_gets_no_numbers_that_are_not_known() -> None:
    found = logged([made_account(made_scores(read=0), {})], None)

    assert found.tables == {}
    assert found.summary == {"supernet placements": 0, "supernet is prior": False}


def test_only_the_files_of_supernets_are_on_the_page(tmp_path: Path) -> None:
    names = ["supernet.json", "supernet-0003.json", "supernet-12345.json"]
    copies = ["supernet-0003 (copy).json", "supernet-0003-old.json", "supernet-.json", "supernet copy.json"]
    for name in (*names, *copies, "supernet-0003.safetensors"):
        (tmp_path / name).touch()

    assert [each.name for each in supernet_files(RunFolder(tmp_path))] == names


@pytest.mark.parametrize(("reductions", "is_prior"), [("[2, 4]", False), ("[2, 4, 8]", True)], ids=["9", "16"])
def test_scores_are_no_prior_of_a_search_of_at_most_ten_networks(
    tmp_path: Path,
    data_file: Path,
    console: Console,
    monkeypatch: pytest.MonkeyPatch,
    reductions: str,
    is_prior: bool,
) -> None:
    monkeypatch.setattr(command, "write_report", written_nothing)
    (space := tmp_path / "se_alone.yaml").write_text(SE_ALONE.replace("[2, 4]", reductions))
    run = tmp_path / "run"
    asked = SupernetRequest(space=space, data=f"npz:{data_file}", run=run, epochs=1, draw="one", read=2, wandb="off")
    command.supernet(asked, console)
    folder = RunFolder.open(run)

    account = load_account(run / "supernet.json", folder, *load_progress(folder))

    assert account.is_prior == is_prior
