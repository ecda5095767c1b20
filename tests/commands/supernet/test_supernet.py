import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import start_search
from se_nas.commands.shared_weights.placements_to_read import read_placements
from se_nas.commands.supernet import supernet as command
from se_nas.commands.supernet.flags import SupernetRequest
from se_nas.errors import InputError, MissingPartError, RunFailedError
from se_nas.models.cost import measure_cost
from se_nas.runs.ablation_file import ablation_files
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.supernet_file import load_scores
from se_nas.space.files.loading import load_stored_space
from se_nas.space.switches import Option, Switch, Switchboard, switches_of_space
from se_nas.training.scoring import Scores
from se_nas.training.supernet.reading import Reading
from se_nas.training.trainer import Trainer
from tests.commands.conftest import SE_ALONE, written_nothing
from tests.conftest import quiet_console

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(autouse=True)
def _without_report_and_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page and no W&B: `test_supernet_on_the_page.py` has them."""
    monkeypatch.setattr(command, "write_report", written_nothing)
    monkeypatch.setenv("WANDB_MODE", "disabled")


@pytest.fixture
def request_new(tmp_path: Path, data_file: Path) -> SupernetRequest:
    """A supernet of nine placements in a new run folder."""
    space = tmp_path / "se_alone.yaml"
    space.write_text(SE_ALONE)
    return SupernetRequest(space=space, data=f"npz:{data_file}", run=tmp_path / "supernet", epochs=2)


def read(request: SupernetRequest, console: Console) -> dict[str, Any]:
    request.check()
    command.supernet(request, console)
    folder = request.run or Path(str(request.target).rpartition(":")[0] or str(request.target))
    return dict(json.loads(max(folder.glob("supernet*.json"), key=lambda each: each.stat().st_mtime_ns).read_text()))


def said(console: Console) -> str:
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_a_new_space_gets_a_run_folder_with_every_placement(request_new: SupernetRequest, console: Console) -> None:
    found = read(request_new, console)

    assert len(found["placements"]) == found["count"] == 9
    assert len({each["fingerprint"] for each in found["placements"]}) == 9
    assert all(0 <= each["accuracy"] <= 1 for each in found["placements"])
    assert found["trust"] is None
    assert "What SE adds in the supernet" in said(console)
    assert "trust     unknown: fewer than 6 of these placements were trained alone" in said(console)
    assert f"search --resume {request_new.run}".replace("search ", "launch/search.py ") in said(console)


def test_arrays_are_resized_to_the_size_that_is_given(request_new: SupernetRequest, console: Console) -> None:
    found = read(replace(request_new, image_size=4, epochs=1), console)

    assert request_new.run is not None
    board = switches_of_space(load_stored_space(request_new.run / "space.yaml"))
    nowhere = board.network(board.narrowest)
    at_4_px, at_8_px = (measure_cost(nowhere, image_size=size, num_classes=2).flops for size in (4, 8))
    assert found["placements"][0]["cost"]["flops"] == at_4_px < at_8_px


def test_the_same_command_continues_at_the_image_size_that_is_given(
    request_new: SupernetRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(request_new, image_size=4, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_epoch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            read(request, console)

    for other in (None, 8, 6):
        with pytest.raises(InputError, match=f"--run {request.run}: a run folder already, with another image size"):
            read(replace(request, image_size=other), quiet_console())
    assert len(read(request, console)["placements"]) == 9


def test_repeating_the_command_trains_and_reads_nothing(
    request_new: SupernetRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read(request_new, console)

    def never(*_: Any) -> Any:
        raise AssertionError("done again")

    monkeypatch.setattr(Trainer, "train_epoch", never)
    monkeypatch.setattr(Reading, "accuracy", never)
    again = read(SupernetRequest(target=str(request_new.run), epochs=2), quiet_console())

    assert again["placements"] == first["placements"]
    assert read(request_new, quiet_console())["placements"] == first["placements"]


@pytest.mark.parametrize("again", ["the same command", "its folder"])
@pytest.mark.parametrize(("what", "after"), [("train_epoch", 1), ("accuracy", 4)])
def test_an_interrupted_supernet_continues_with_the_same_result(
    request_new: SupernetRequest,
    console: Console,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    after: int,
    again: str,
) -> None:
    whole = read(replace(request_new, run=tmp_path / "whole"), console)
    owner: Any = Trainer if what == "train_epoch" else Reading
    done, original = [], getattr(owner, what)

    def stop(self: Any, *given: Any) -> Any:
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(1)
        return original(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(owner, what, stop)
        with pytest.raises(KeyboardInterrupt) as interrupt:
            read(request_new, console)
    in_folder = SupernetRequest(target=str(request_new.run), epochs=2)
    resumed = read(request_new if again == "the same command" else in_folder, console)

    assert ("continuing after epoch 1" in said(console)) == (what == "train_epoch")
    assert f"supernet.py {request_new.run} --epochs 2" in interrupt.value.__notes__[0]
    assert resumed["placements"] == whole["placements"]


def test_another_supernet_in_the_folder_is_refused_until_it_is_asked_for(
    request_new: SupernetRequest, console: Console
) -> None:
    read(request_new, console)
    other = SupernetRequest(target=str(request_new.run), epochs=1)

    with pytest.raises(InputError, match=r"supernet\.json: of another supernet .* add --again"):
        read(other, console)
    assert read(replace(other, again=True), console)["epochs"] == 1


def test_a_shorter_reading_keeps_and_analyses_what_was_read(request_new: SupernetRequest, console: Console) -> None:
    first = read(request_new, console)

    again = read(SupernetRequest(target=str(request_new.run), epochs=2, read=2), quiet_console())

    assert again["placements"] == first["placements"]
    assert again["effects"] == first["effects"]


def test_effects_that_were_not_read_apart_are_no_effects(request_new: SupernetRequest, console: Console) -> None:
    found = read(replace(request_new, read=2), console)

    assert len(found["placements"]) == 2
    assert found["effects"] == found["interactions"] == []
    assert "What SE adds" not in said(console)
    assert "unknown   what SE adds in stage1, stage2" in said(console)


@pytest.mark.parametrize(
    ("changes", "different"),
    [
        ({"space": "another"}, "another space"),
        ({"data": "digits"}, "other images than --data digits"),
        ({"images": 24}, "another portion of the images"),
        ({"fraction": 0.5}, "another portion of the images"),
        ({"recipe": "hot"}, "another recipe"),
    ],
)
def test_a_folder_of_other_settings_is_left_alone_and_the_command_that_continues_is_named(
    request_new: SupernetRequest,
    console: Console,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    different: str,
) -> None:
    """The folder is interrupted before its first epoch has ended."""
    (tmp_path / "another.yaml").write_text(SE_ALONE.replace("[2, 4]", "[2, 8]"))
    (tmp_path / "hot.yaml").write_text("# Question: for tests.\nepochs: 2\nlearning_rate: 0.5\n")
    files = {name: tmp_path / f"{value}.yaml" for name, value in changes.items() if name in ("space", "recipe")}
    monkeypatch.setattr(Trainer, "train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(request_new, console)

    again = rf"{different}; .* with: .*supernet\.py {request_new.run} --epochs 2$"
    with pytest.raises(InputError, match=again):
        read(replace(request_new, **{**changes, **files}), console)


def interrupted(_: Trainer) -> float:
    raise KeyboardInterrupt


def test_a_checkpoint_of_another_supernet_is_refused_before_training(
    request_new: SupernetRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(request_new, console)
    assert request_new.run is not None
    (request_new.run / "supernet.json").unlink()
    monkeypatch.setattr(Trainer, "train_epoch", lambda _: pytest.fail("it trained"))

    for changes in ({"epochs": 3}, {"draw": "one"}, {"seed": 5}):
        other = SupernetRequest(**{"target": str(request_new.run), "epochs": 2, **changes})
        with pytest.raises(InputError, match=r"supernet\.safetensors: of another supernet .* add --again") as error:
            read(other, console)
        assert not hasattr(error.value, "__notes__")


def test_training_anew_continues_after_an_interruption(
    request_new: SupernetRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read(request_new, console)
    anew = SupernetRequest(target=str(request_new.run), epochs=2, again=True)
    trained, original = [], Trainer.train_epoch

    def train(self: Trainer) -> float:
        if len(trained) == 1:
            trained.append("interrupted")
            raise KeyboardInterrupt
        trained.append("epoch")
        return original(self)

    monkeypatch.setattr(Trainer, "train_epoch", train)
    with pytest.raises(KeyboardInterrupt):
        read(anew, console)
    found = read(anew, console)

    assert trained == ["epoch", "interrupted", "epoch"]
    assert found["placements"] == first["placements"]


def test_the_trunk_of_a_trial_has_its_own_files_and_its_placements(searched: Path, console: Console) -> None:
    found = read(SupernetRequest(target=f"{searched}:0", epochs=1, draw="one"), console)

    network = RunFolder(searched).architecture(0)
    assert network.exists()
    assert (searched / "supernet-0000.json").exists()
    assert found["draw"] == "one"
    front = quiet_console()
    command.supernet(SupernetRequest(target=f"{searched}:front", epochs=1), front)
    assert 1 <= said(front).count("supernet  2 switches") <= 6


def test_networks_that_were_trained_alone_show_whether_to_trust_it(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight placements of an ablation, of which the supernet knows the order."""
    first = read(SupernetRequest(target=f"{searched}:0", epochs=1), console)
    worth = {each["fingerprint"]: 0.5 + 0.01 * index**2 for index, each in enumerate(first["placements"])}
    networks = [{"fingerprint": name, "accuracies": {"0": value}} for name, value in worth.items()]
    (searched / "ablate-0000.json").write_text("{}")
    monkeypatch.setattr("se_nas.commands.shared_weights.trained_alone.read_checked", lambda _: {"networks": networks})
    known = {tuple(each["options"]): worth[each["fingerprint"]] for each in first["placements"]}
    monkeypatch.setattr(Reading, "accuracy", lambda self, placement: known[placement])

    knowing = read(SupernetRequest(target=f"{searched}:0", epochs=1, again=True), console)
    counting = first["placements"]

    assert len(ablation_files(RunFolder(searched))) == 1
    assert knowing["trust"]["count"] == len(counting)
    assert knowing["trust"]["own"]["tau"] == pytest.approx(1)
    assert "trust     Kendall's tau +1.00" in said(console)


def test_placements_are_read_by_the_metric_of_the_search(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_search(replace(request_tiny, budget=1, epochs=1, objective_metric="balanced_accuracy"), quiet_console())
    monkeypatch.setattr(Trainer, "scores", lambda _: Scores(accuracy=0.9, score=0.4))

    found = read(SupernetRequest(target=f"{request_tiny.run}:0", epochs=1), console)

    assert found["metric"] == "balanced_accuracy"
    assert {each["accuracy"] for each in found["placements"]} == {0.4}
    assert "rank  balanced accuracy" in said(console)


def test_a_placement_with_an_unknown_latency_is_read_without_it(
    request_new: SupernetRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = command.cost_on

    def cost_on(*given: Any) -> Any:
        def cost_of(network: Any) -> dict[str, float]:
            if network.se_tokens[0] == "none":
                raise MissingPartError("a part")
            return {**counting(given[0])(network), "latency": 1.0}

        return cost_of

    monkeypatch.setattr(command, "cost_on", cost_on)

    found = read(request_new, console)

    known = ["latency" in each["cost"] for each in found["placements"]]
    assert len(known) == 9
    assert any(known)
    assert not all(known)
    assert said(console).split("Best placements")[1].count("unknown") > 1  # one is the trust


def test_a_damaged_file_gets_one_line(request_new: SupernetRequest, console: Console) -> None:
    read(request_new, console)
    assert request_new.run is not None
    file = request_new.run / "supernet.json"
    for damage in ("", "{}", '{"placements": 3}'):
        file.write_text(damage)
        with pytest.raises(InputError, match=r"supernet\.json: damaged; delete it"):
            load_scores(file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "--epochs 0: must be at least 1"),
        ({"read": 1}, "--read 1: must be at least 2"),
        ({"seed": -1}, "--seed -1: must be at least 0"),
        ({"target": "somewhere:knee"}, "--space .*: belongs to a new run folder"),
        ({"image_size": 0}, "--image-size 0: expected a whole number"),
        (
            {"target": "r", "space": None, "data": None, "run": None, "image_size": 4},
            "--image-size 4: belongs to a new",
        ),
        ({"space": Path("small")}, r"space 'small' also decides on .* one trunk; .*RUN_DIR:knee"),
        ({"fraction": 2.0}, "--fraction 2.0: expected a fraction"),
        ({"data": "digit"}, "digit"),
    ],
)
def test_a_wrong_flag_gets_one_line_and_leaves_no_folder(
    request_new: SupernetRequest, console: Console, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        read(replace(request_new, **changes), console)

    assert "\n" not in str(error.value)
    assert request_new.run is not None
    assert not request_new.run.exists()


@pytest.mark.parametrize(
    ("pick", "message"),
    [("", "its space has several trunks; say which"), (":nix", "no trial 'nix'; expected knee, best, cheapest, front")],
)
def test_a_wrong_network_gets_one_line(searched: Path, console: Console, pick: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(SupernetRequest(target=f"{searched}{pick}"), console)


def test_a_loss_that_is_not_finite_fails_with_one_line(
    request_new: SupernetRequest, console: Console, tmp_path: Path
) -> None:
    recipe = tmp_path / "hot.yaml"
    recipe.write_text("# Question: for tests.\nepochs: 2\nlearning_rate: 1.0e+30\n")

    with pytest.raises(RunFailedError, match="supernet: the training loss became"):
        read(replace(request_new, recipe=recipe), console)


def board_of(switches: int) -> Switchboard:
    options = (Option(attention=(None,), widths=(0,)), Option(attention=(None,), widths=(4,)))
    made = [Switch(name=f"stage{index}", stage=index, blocks=(0,), options=options) for index in range(switches)]
    return Switchboard(found=None, switches=tuple(made))  # type: ignore[arg-type]


def test_a_limit_also_holds_for_the_placements_of_trials() -> None:
    board = board_of(4)
    trials = list(board.every())[3:9]

    for most in (2, 5):
        assert len(list(read_placements(board, trials, most, lambda _: 0.5, cost=lambda _: 1.0))) == most


def test_evolution_reads_a_part_of_many_placements_and_finds_good_ones() -> None:
    board = board_of(14)
    worth = [0.01 * (-1) ** index for index in range(14)]

    def value(placement: tuple[int, ...]) -> float:
        return 0.5 + sum(gain for gain, is_on in zip(worth, placement, strict=True) if is_on)

    found, again = (
        dict(read_placements(board, [], 150, value, cost=lambda placement: float(sum(placement)))) for _ in range(2)
    )

    assert len(found) == 150
    assert list(found) == list(again)
    assert {board.narrowest, board.widest} <= found.keys()
    assert max(found.values()) >= 0.5 + 0.05


def test_all_placements_of_ten_switches_are_read() -> None:
    board = board_of(10)

    assert len(list(read_placements(board, [], None, lambda _: 0.5, cost=lambda _: 1.0))) == 1024
    assert len(list(read_placements(board, [], 50, lambda _: 0.5, cost=lambda _: 1.0))) == 50
