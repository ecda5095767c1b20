import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from se_nas.commands.confirm import confirm
from se_nas.commands.confirm.flags import ConfirmRequest
from se_nas.commands.confirm.plan import ConfirmationPlan
from se_nas.commands.report.writing import write_report
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search import evaluation, search
from se_nas.commands.search.flags import SearchRequest
from se_nas.errors import InputError
from se_nas.runs.confirmation_file import load_confirmation
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.records import TrialStatus

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The list of all further trainings, by fingerprint and seed."""
    done: list[tuple[str, int]] = []
    evaluate = evaluation.TrialEvaluation.__call__

    def counted(self: Any, task: Any) -> Any:
        done.append((task.architecture.fingerprint(), task.seed))
        return evaluate(self, task)

    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", counted)
    return done


def confirmed(run: Path, console: Console, **changes: Any) -> dict[str, Any]:
    request = ConfirmRequest(run_dir=run, **{"seeds": 2, "most_seeds": 2, "workers": 1, "wandb": "off", **changes})
    request.check()
    confirm.confirm(request, console)
    return dict(json.loads((run / "confirm.json").read_text()))


def test_every_network_of_the_front_is_trained_on_fresh_seeds(
    searched: Path, console: Console, trained: list[tuple[str, int]]
) -> None:
    found = confirmed(searched, console, most_seeds=6)

    front = {member["trial"] for member in json.loads((searched / "front.json").read_text())["members"]}
    assert front <= {network["trial"] for network in found["networks"]}
    for network in found["networks"]:
        assert set(network["accuracies"]) >= {"0", "1"}
        assert len(network["accuracies"]) <= 6
        assert network["mean"] == pytest.approx(sum(network["accuracies"].values()) / len(network["accuracies"]))
        assert 0 <= network["probability_on_front"] <= 1
    assert len(trained) == len(set(trained)) == sum(len(network["accuracies"]) for network in found["networks"])


@pytest.mark.usefixtures("with_figures")
def test_the_report_and_the_terminal_show_the_confirmation(searched: Path, console: Console) -> None:
    confirmed(searched, console)

    said = console.file.getvalue()  # type: ignore[attr-defined]
    page = (searched / "report.html").read_text()
    assert "Confirmed on fresh seeds" in said
    assert "How sure is it?" in page
    assert "trained again on fresh seeds" in page
    assert "differences of a few images are chance" not in page


def test_a_repeated_command_trains_nothing_and_gives_the_same_result(
    searched: Path, console: Console, trained: list[tuple[str, int]]
) -> None:
    first = confirmed(searched, console)
    count = len(trained)

    assert confirmed(searched, console) == first
    assert len(trained) == count


def test_a_network_above_the_front_on_fresh_seeds_is_trained_again_too(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, progress = load_progress(RunFolder.open(searched))
    members = {member.number for member in progress.front.members}
    others = {r.number for r in progress.records if r.status is TrialStatus.COMPLETE} - members
    monkeypatch.setattr(confirm, "near_front", lambda _, front, **__: list(front))
    monkeypatch.setattr(confirm, "overlooked", lambda once, _: sorted(once))

    found = confirmed(searched, console, networks=len(members) + 1)

    said = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert {network["trial"] for network in found["networks"]} == members | {min(others)}
    assert f"trial {min(others)}: above what their rivals reach on fresh seeds, so trained again too" in said
    left = f"{max(others)}: may be on the front too, but not trained again"
    assert left in said
    assert left in (searched / "report.html").read_text()
    assert max(others) in found["left_out"]


def test_more_seeds_are_added_to_the_existing_seeds(
    searched: Path, console: Console, trained: list[tuple[str, int]]
) -> None:
    confirmed(searched, console)
    before = set(trained)

    confirmed(searched, console, seeds=3, most_seeds=3)

    assert len(trained) == len(set(trained))
    assert {seed for _, seed in set(trained) - before} == {2}


def test_an_interrupted_confirmation_names_the_command_that_continues_and_it_does(
    searched: Path, console: Console, trained: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = evaluation.TrialEvaluation.__call__
    with monkeypatch.context() as patched:

        def cut_off(self: Any, task: Any) -> Any:
            if len(trained) == 3:
                raise KeyboardInterrupt
            return write(self, task)

        patched.setattr(evaluation.TrialEvaluation, "__call__", cut_off)
        with pytest.raises(KeyboardInterrupt) as cut:
            confirmed(searched, console)
    (note,) = cut.value.__notes__
    again = f"python launch/confirm.py {searched} --seeds 2 --most-seeds 2 --workers 1 --wandb off"
    assert note == f"everything finished is kept; continue with: {again}"

    confirmed(searched, console)

    assert len(trained) == len(set(trained))


def test_other_epochs_are_other_trainings(searched: Path, console: Console, trained: list[tuple[str, int]]) -> None:
    confirmed(searched, console, networks=1)
    count = len(trained)

    assert confirmed(searched, console, networks=1, epochs=2)["epochs"] == 2
    assert len(trained) == 2 * count


def test_a_line_says_that_a_confirmation_for_other_epochs_is_replaced(searched: Path, console: Console) -> None:
    confirmed(searched, console, networks=1)
    confirmed(searched, console, networks=1, epochs=2)

    said = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert said.count("replaces the one") == 1
    assert "replaces the one for 4 epochs, whose trainings are kept: --epochs 4 restores it" in said
    assert "on fresh seeds for 2 epochs (the search: 4)" in (searched / "report.html").read_text()


def test_a_damaged_file_gets_one_line_and_the_report_leaves_it_out(searched: Path, console: Console) -> None:
    confirmed(searched, console)
    folder = RunFolder.open(searched)
    config, progress = load_progress(folder)
    for damage in (
        "",
        '{"networks": [{"trial": 99}]}',
        '{"epochs": 3, "networks": []}',
        '{"epochs": 3, "networks": [{"trial": 0, "accuracies": {}}]}',
        '{"epochs": 1e999, "networks": [{"trial": 0, "accuracies": {"0": 0.5}}]}',
        '{"epochs": 3, "networks": [{"trial": 0, "accuracies": {"0": NaN}}]}',
    ):
        folder.confirmation.write_text(damage)

        with pytest.raises(InputError, match=r"confirm\.json: damaged; .* run `python launch/confirm\.py` again"):
            load_confirmation(folder, progress)
    (problem,) = write_report(folder, config, progress).problems
    assert problem.startswith(str(folder.confirmation))
    assert "How sure is it?" not in folder.report.read_text()


def test_a_damaged_file_is_written_again_with_a_line(searched: Path, console: Console) -> None:
    confirmed(searched, console)
    (searched / "confirm.json").write_text("{")

    confirmed(searched, console)

    assert "confirm.json: was damaged and is written again" in console.file.getvalue()  # type: ignore[attr-defined]
    json.loads((searched / "confirm.json").read_text())


def test_a_resumed_search_succeeds_beside_a_damaged_confirmation(searched: Path, console: Console) -> None:
    confirmed(searched, console)
    (searched / "confirm.json").write_text("{")
    (searched / "best.yaml").unlink()

    search.resume_search(searched, SearchRequest(budget=8, workers=1, wandb="off"), console)

    assert (searched / "best.yaml").is_file()
    assert "confirm.json: damaged" in console.file.getvalue()  # type: ignore[attr-defined]


def test_all_existing_seeds_count_even_if_fewer_are_asked_for(searched: Path, console: Console) -> None:
    confirmed(searched, console, seeds=4, most_seeds=4)

    found = confirmed(searched, console, seeds=2, most_seeds=2)

    assert all(set(network["accuracies"]) == set("0123") for network in found["networks"])


def test_an_altered_architecture_file_is_refused(searched: Path, console: Console) -> None:
    member = json.loads((searched / "front.json").read_text())["members"][0]["trial"]
    other = next(n for n in range(6) if n != member)
    folder = RunFolder(searched)
    folder.architecture(member).write_text(folder.architecture(other).read_text())

    with pytest.raises(InputError, match=f"not the network that trial {member} trained; restore the file"):
        confirmed(searched, console)


def test_a_network_that_cannot_be_trained_is_named(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = json.loads((searched / "front.json").read_text())["members"][0]
    build = evaluation.build_initial_model

    def fail_one(architecture: Any, **given: Any) -> Any:
        if architecture.fingerprint() == member["fingerprint"]:
            raise RuntimeError("out of memory")
        return build(architecture, **given)

    monkeypatch.setattr(evaluation, "build_initial_model", fail_one)
    found = confirmed(searched, console, networks=6)

    assert member["trial"] not in {network["trial"] for network in found["networks"]}
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"trial {member['trial']}: every training of the confirmation failed" in said


def test_a_front_that_has_grown_since_is_not_shown_as_confirmed(searched: Path, console: Console) -> None:
    confirmed(searched, console)

    search.resume_search(searched, SearchRequest(budget=12, workers=1, wandb="off"), console)

    page = (searched / "report.html").read_text()
    members = load_progress(RunFolder.open(searched))[1].front.members
    told = f"Of {len(members)} networks on the front," in page
    assert told != ("differences of a few images are chance" in page)


@pytest.mark.parametrize("workers", [2, 4])
def test_with_several_workers_no_training_is_planned_twice_and_the_plan_ends(workers: int) -> None:
    rng = np.random.default_rng(workers)
    costs = {f"trial {number}": (float(number),) for number in range(6)}
    plan = ConfirmationPlan(costs, seeds=2, most=6)
    outcomes: dict[tuple[str, int], float | None] = {}
    under_way: list[tuple[str, int]] = []
    while under_way or plan(outcomes, under_way) is not None:
        while len(under_way) < workers and (key := plan(outcomes, under_way)) is not None:
            assert key not in outcomes
            assert key not in under_way
            under_way.append(key)
        name, seed = under_way.pop(int(rng.integers(len(under_way))))
        failed = name == "trial 3" and seed == 1
        outcomes[name, seed] = None if failed else float(0.8 + 0.002 * costs[name][0] + 0.01 * rng.standard_normal())

    tried = [sum(name == other for other, _ in outcomes) for name in costs]
    assert min(tried) >= 2
    assert max(tried) <= 6
    assert sum(tried) > 12


def test_a_confirmation_is_read_as_it_was_written(searched: Path, console: Console) -> None:
    found = confirmed(searched, console)
    folder = RunFolder.open(searched)

    front = load_confirmation(folder, load_progress(folder)[1])

    assert front is not None
    assert [one.record.number for one in front.networks] == [network["trial"] for network in found["networks"]]
    assert [one.verdict.on_front for one in front.networks] == [
        network["probability_on_front"] for network in found["networks"]
    ]


def test_without_a_front_there_is_nothing_to_confirm(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, task: Any) -> Any:
        raise RuntimeError("no luck")

    with monkeypatch.context() as patched:
        patched.setattr(evaluation, "build_initial_model", broken)
        with pytest.raises(Exception, match="no network was trained in full"):
            search.start_search(replace(request_tiny, budget=2), console)

    with pytest.raises(InputError, match="no network is trained in full yet, so there is no front to confirm"):
        confirmed(request_tiny.run, console)  # type: ignore[arg-type]
