"""The choice whether a run is sent to W&B."""

from pathlib import Path

import pytest
from rich.console import Console

from se_nas.commands.flags import WandbMode
from se_nas.commands.search import trackers as tracking
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.wandb_choice import MODES, choose_wandb
from se_nas.errors import InputError
from se_nas.runs.identity import SearchIdentity
from se_nas.runs.run_folder import RunFolder
from tests.commands.conftest import said_on


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WANDB_MODE": "disabled"}, "off"),
        ({"WANDB_MODE": "offline"}, "offline"),
        ({"WANDB_MODE": "dryrun"}, "offline"),
        ({"WANDB_MODE": "online"}, "online"),
        ({"WANDB_MODE": "run"}, "online"),
        ({"WANDB_MODE": "shared"}, "online"),
        ({"WANDB_DISABLED": "true"}, "off"),
        ({"WANDB_DISABLED": "TRUE"}, "off"),
        ({"WANDB_DISABLED": "1"}, "off"),
        ({"WANDB_DISABLED": "yes", "WANDB_MODE": "online"}, "off"),
        ({"WANDB_DISABLED": "false", "WANDB_MODE": "offline"}, "offline"),
    ],
)
def test_auto_follows_the_environment_and_the_line_names_the_variable(
    environment: dict[str, str], expected: WandbMode
) -> None:
    said: list[str] = []

    assert choose_wandb("auto", environment, said.append) == expected
    name = "WANDB_DISABLED" if expected == "off" and "WANDB_DISABLED" in environment else "WANDB_MODE"
    assert said == [f"W&B       {expected}, because {name}={environment[name]} is set"]


@pytest.mark.parametrize("flag", ["auto", "online", "offline", "off"])
@pytest.mark.parametrize("environment", [{}, {"WANDB_MODE": ""}, {"WANDB_DISABLED": ""}, {"WANDB_DISABLED": "false"}])
def test_without_such_a_variable_the_flag_is_used_without_a_line(flag: WandbMode, environment: dict[str, str]) -> None:
    said: list[str] = []

    assert choose_wandb(flag, environment, said.append) == flag
    assert said == []


@pytest.mark.parametrize(
    ("flag", "environment", "line"),
    [
        (
            "online",
            {"WANDB_MODE": "disabled"},
            "W&B       online, because of --wandb online; WANDB_MODE=disabled is ignored",
        ),
        (
            "offline",
            {"WANDB_DISABLED": "true"},
            "W&B       offline, because of --wandb offline; WANDB_DISABLED=true is ignored",
        ),
        ("off", {"WANDB_MODE": "online"}, "W&B       off, because of --wandb off; WANDB_MODE=online is ignored"),
    ],
)
def test_a_given_flag_wins_with_a_line(flag: WandbMode, environment: dict[str, str], line: str) -> None:
    said: list[str] = []

    assert choose_wandb(flag, environment, said.append) == flag
    assert len(said) == 1
    assert said[0].startswith(line)


def test_a_flag_that_agrees_with_the_environment_prints_no_line() -> None:
    said: list[str] = []

    assert choose_wandb("offline", {"WANDB_MODE": "dryrun"}, said.append) == "offline"
    assert said == []


@pytest.mark.parametrize("mode", ["sometimes", "Offline", "off"])
@pytest.mark.parametrize("flag", ["auto", "online", "offline"])
def test_an_unknown_wandb_mode_is_refused_and_the_known_modes_are_listed(mode: str, flag: WandbMode) -> None:
    with pytest.raises(InputError, match=rf"WANDB_MODE={mode}: expected one of online, run, .*, disabled; unset it"):
        choose_wandb(flag, {"WANDB_MODE": mode})
    assert choose_wandb("off", {"WANDB_MODE": mode}) == "off"


@pytest.mark.parametrize(("mode", "trackers"), [("disabled", 1), ("offline", 2)])
def test_a_search_uses_wandb_as_the_environment_says(
    mode: str, trackers: int, tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", mode)
    monkeypatch.setattr(tracking, "wandb_guard", lambda *_, **__: None)
    search = SearchIdentity(run_id="a", title="small on digits", data="digits", tags=(), settings={}, budget=1)

    built = tracking.build_trackers(RunFolder(tmp_path), search, SearchRequest(), console)

    assert len(built) == trackers
    assert f"W&B       {MODES[mode]}, because WANDB_MODE={mode} is set" in said_on(console)
