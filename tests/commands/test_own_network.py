"""A network of the user's own, from its function to the exported winner."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from se_nas.commands.ablate.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.confirm.confirm import confirm
from se_nas.commands.confirm.flags import ConfirmRequest
from se_nas.commands.describe.describe import describe
from se_nas.commands.describe.flags import DescribeRequest
from se_nas.commands.export.export import export
from se_nas.commands.export.flags import ExportRequest
from se_nas.commands.own_network import read_network, space_of_network
from se_nas.commands.report.report import rewrite_report
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain
from se_nas.commands.search.evaluation import TrialEvaluation
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import resume_search, start_search
from se_nas.errors import InputError
from se_nas.models import cost, own_network
from se_nas.models.cost import measure_cost, measure_module_cost
from se_nas.models.network import build_model
from se_nas.models.own_network import record_sites
from se_nas.searching.tasks import EpochReport, TrialTask
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.files.loading import parse_design_space
from se_nas.space.yaml_file import parse_yaml
from se_nas.training.trained import load_trained
from tests.conftest import quiet_console, write_tiny_data
from tests.space.conftest import ROOT

pytestmark = pytest.mark.usefixtures("without_figures")

EXAMPLE = ROOT / "docs" / "examples" / "small_resnet.py"
OWN = f"{EXAMPLE}:build"


@pytest.fixture(autouse=True)
def _nothing_is_allowed_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins as a process does: it may call no function of a user."""
    monkeypatch.setattr(own_network, "_FUNCTIONS", {})
    cost._count_own.cache_clear()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    request = SearchRequest(
        own_network=OWN,
        data=f"npz:{write_tiny_data(folder)}",
        budget=4,
        epochs=1,
        run=folder / "run",
        workers=1,
        wandb="off",
    )
    start_search(request, quiet_console())
    assert request.run is not None
    return request.run


def test_the_places_become_decisions_and_costs_are_exact(run: Path) -> None:
    read_network(OWN).allow()
    header = (run / "trials.csv").read_text().splitlines()[0].split(",")

    assert [f"layer{stage}.{block}.se" for stage in (1, 2) for block in (0, 1)] == [
        name for name in header if name.endswith(".se")
    ]
    for number in range(4):
        network = load_architecture(run / "trials" / f"{number:04}" / "architecture.yaml")
        whole = measure_module_cost(build_model(network, num_classes=2), torch.zeros(1, 3, 8, 8))
        assert measure_cost(network, image_size=8, num_classes=2) == whole


@pytest.mark.usefixtures("with_figures")
def test_every_later_command_works_with_the_network(run: Path) -> None:
    console = quiet_console()
    resume_search(run, SearchRequest(resume=run, own_network=OWN, budget=5, wandb="off", workers=1), console)
    confirm(ConfirmRequest(run_dir=run, own_network=OWN, seeds=2, networks=1, wandb="off", workers=1), console)
    ablate(AblateRequest(network=f"{run}:knee", own_network=OWN, seeds=2, epochs=1, wandb="off", workers=1), console)
    retrain(RetrainRequest(run_dir=run, own_network=OWN, epochs=1, wandb="off", baselines=True), console)
    rewrite_report(run, console)
    best = run / "retrain"
    (folder, *_) = sorted(path for path in best.iterdir() if path.name.startswith("trial"))
    export(ExportRequest(retrained=folder, own_network=OWN), console)
    describe(DescribeRequest(network=f"{run}:knee", own_network=OWN, json=True), console)

    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"--network {EXAMPLE}:build" in said
    assert (folder / "model.onnx").is_file() or list(folder.glob("*.onnx"))
    assert load_trained(folder).build_deployed()(torch.rand(2, 3, 8, 8)).shape == (2, 2)
    assert json.loads(said[said.rindex('{\n  "flops') :])["classes"] == 2


@pytest.mark.parametrize("command", ["resume", "describe", "retrain", "load"])
def test_a_run_folder_alone_never_runs_the_code(run: Path, command: str) -> None:
    actions = {
        "resume": lambda: resume_search(
            run, SearchRequest(resume=run, budget=9, wandb="off", workers=1), quiet_console()
        ),
        "describe": lambda: describe(DescribeRequest(network=f"{run}:knee"), quiet_console()),
        "retrain": lambda: retrain(RetrainRequest(run_dir=run, epochs=1, wandb="off"), quiet_console()),
        "load": lambda: build_model(load_architecture(run / "best.yaml"), num_classes=2),
    }

    with pytest.raises(InputError, match=r"built by your own code: add --network PATH/small_resnet\.py:build"):
        actions[command]()


def test_a_changed_file_is_refused(run: Path, tmp_path: Path) -> None:
    changed = tmp_path / "small_resnet.py"
    changed.write_text(EXAMPLE.read_text() + "# another line\n")
    request = SearchRequest(resume=run, own_network=f"{changed}:build", budget=9, wandb="off", workers=1)

    with pytest.raises(InputError, match=r"has changed since the search began.*network\.py"):
        resume_search(run, request, quiet_console())

    changed.write_bytes((run / "network.py").read_bytes())
    resume_search(run, request, quiet_console())


def test_places_are_grouped_by_their_names(tmp_path: Path) -> None:
    request = SearchRequest(
        own_network=OWN,
        group="stage",
        data=f"npz:{write_tiny_data(tmp_path)}",
        budget=1,
        epochs=1,
        run=tmp_path / "run",
        workers=1,
        wandb="off",
    )
    start_search(request, quiet_console())

    header = (tmp_path / "run" / "trials.csv").read_text().splitlines()[0]
    assert "layer1.se,layer1.reduction,layer2.se,layer2.reduction" in header


def test_the_example_of_torchvision_has_the_places_of_its_blocks() -> None:
    source = read_network(f"{ROOT / 'docs' / 'examples' / 'resnet18_with_se.py'}:build")

    sites = record_sites(source, num_classes=5, image_size=32)

    assert [(site.place, site.channels) for site in sites] == [
        (f"layer{stage}.{block}", 32 << stage) for stage in (1, 2, 3, 4) for block in (0, 1)
    ]


GOOD = """from torch import nn

def build(place):
    return nn.Sequential(nn.Conv2d(3, 8, 3), place("a", 8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('place("a", 8), ', "", r"it never calls place\(name, channels\)"),
        ('place("a", 8)', 'place("a", 8), place("a", 8)', r"line 4: ValueError: place\('a', ...\) is called twice"),
        ('place("a", 8)', 'place("a", 9)', r"fails on images .*place\('a', 9\) gets features \(2, 8, 6, 6\)"),
        ('place("a", 8)', 'place("a b", 8)', "line 4: ValueError: the name of a place has up to 64 letters"),
        ('place("a", 8)', 'place("a", 0)', "line 4: ValueError: place 'a': channels must be at least 1, but got 0"),
        ('place("a", 8)', 'place(8, "a")', "line 4: TypeError: place.name, channels. needs a text and a whole number"),
        ('place("a", 8)', "place()", "line 4: TypeError: .*missing 2 required positional arguments"),
        ("    return", "    place('b', 3)\n    return", r"the module of place\('b', ...\) is never called"),
        ("nn.Linear(8, 2)", "nn.Linear(9, 2)", r"fails on images \(2, 3, 8, 8\): RuntimeError: .*mat1 and mat2"),
        ("nn.Linear(8, 2)", "nn.Linear(8, 3)", r"must return logits \(2, 2\) for 2 classes, but returns \(2, 3\)"),
        ("return nn.Sequential", "return str", "line 4: TypeError"),
        ("    return nn.Sequential(", "    return (", "it must return a torch.nn.Module, but returns tuple"),
        ("def build(place)", "def build(place", "line 3: '[(]' was never closed"),
        ("def build", "def make", "no function of this name; the file has make"),
        ("from torch import nn", "from torch import nn; exit(0)", "line 1: SystemExit: 0"),
        ("    return", "    raise SystemExit('end')\n    return", "line 4: SystemExit: end"),
        ("def build(place):", "build = dict\ndef other(place):", "TypeError: 'function' object is not iterable"),
        ("from torch import nn", "import nowhere", "line 1: ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_the_error_for_a_wrong_function_is_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    file = tmp_path / "net.py"
    file.write_text(GOOD.replace(old, new))

    with pytest.raises(InputError, match=message) as caught:
        record_sites(read_network(f"{file}:build"), num_classes=2, image_size=8)

    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("--network net.py:build: ")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("net.py", "expected FILE:FUNCTION"),
        ("net.py:", "expected FILE:FUNCTION"),
        (":build", "expected FILE:FUNCTION"),
        ("net.py:a b", "expected FILE:FUNCTION"),
        ("nowhere.py:build", "nowhere.py:build: no such file"),
    ],
)
def test_the_error_for_a_wrong_flag_says_what_is_expected(given: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_network(given)


@pytest.mark.parametrize("name", ["größe 1.py", "_.py", "2.py"])
def test_any_file_name_gives_a_space_with_a_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(GOOD)
    source = read_network(f"{tmp_path / name}:build")

    content = space_of_network(source, None, classes=2, image_size=8, group="site")

    assert parse_design_space(parse_yaml(tmp_path / "space.yaml", content)).size().count == 3


@pytest.mark.parametrize(
    ("channels", "ratios"), [(3, {None, 3}), (5, {None, 4}), (8, {None, 4, 8}), (64, {None, 4, 8, 16})]
)
def test_a_place_has_the_usual_ratios_that_leave_a_channel(tmp_path: Path, channels: int, ratios: set[int]) -> None:
    (tmp_path / "net.py").write_text(GOOD.replace("8", str(channels)))
    source = read_network(f"{tmp_path / 'net.py'}:build")
    content = space_of_network(source, None, classes=2, image_size=8, group="site")

    space = parse_design_space(parse_yaml(tmp_path / "space.yaml", content))
    drawn = [space.decode(space.sample(Random(seed))) for seed in range(40)]

    assert {getattr(network.stages[0].se[0], "reduction", None) for network in drawn} == ratios


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("trunk: resnet50\n", "space.yaml: trunk: --network small_resnet.py:build gives the trunk; remove the key"),
        ("image_size: big\n", "space.yaml: image_size: expected a whole number"),
        ("se: {site: inner}\n", "se.site: expected one of place, but got the text 'inner'"),
        ("se: {reduction: 0}\n", "se.reduction: expected a number of at least 1"),
        ("se: {reduction: 640}\n", "se: layer1.0, block 1: .* ratio of 640 leaves no channel of the .* site 'place'"),
    ],
)
def test_the_error_for_a_wrong_space_names_the_key(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "space.yaml").write_text(content)
    request: dict[str, Any] = {"data": f"npz:{write_tiny_data(tmp_path)}", "wandb": "off", "workers": 1}

    with pytest.raises(InputError, match=message):
        start_search(SearchRequest(own_network=OWN, space=tmp_path / "space.yaml", **request), quiet_console())


def test_the_copy_in_the_run_folder_continues_the_search(run: Path) -> None:
    trials = len(list((run / "trials").iterdir()))
    copy = f"{run / 'network.py'}:build"

    resume_search(
        run, SearchRequest(resume=run, own_network=copy, budget=trials + 1, wandb="off", workers=1), quiet_console()
    )

    assert len(list((run / "trials").iterdir())) == trials + 1


def test_an_evaluation_that_was_sent_to_another_process_builds_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process is pretended: it knows no function of a user."""
    sent: list[tuple[bytes, TrialTask]] = []
    evaluate = TrialEvaluation.__call__

    def noted(self: TrialEvaluation, task: TrialTask) -> Iterator[EpochReport]:
        sent.append((pickle.dumps(self), task))
        return evaluate(self, task)

    monkeypatch.setattr(TrialEvaluation, "__call__", noted)
    flags: dict[str, Any] = {"data": f"npz:{write_tiny_data(tmp_path)}", "budget": 1, "epochs": 1, "workers": 1}
    start_search(SearchRequest(own_network=OWN, run=tmp_path / "run", wandb="off", **flags), quiet_console())
    ((evaluation, task),) = sent
    monkeypatch.setattr(own_network, "_FUNCTIONS", {})
    with pytest.raises(InputError, match="add --network"):
        build_model(task.architecture, num_classes=2)

    reports = list(evaluate(pickle.loads(evaluation), task))

    assert [report.epoch for report in reports] == [1]


@pytest.mark.slow
def test_processes_of_their_own_build_the_network(tmp_path: Path) -> None:
    flags = {
        "--network": OWN,
        "--data": f"npz:{write_tiny_data(tmp_path)}",
        "--budget": "2",
        "--epochs": "1",
        "--workers": "2",
        "--wandb": "off",
        "--run": str(tmp_path / "run"),
    }
    words = [word for flag in flags.items() for word in flag]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}

    ended = subprocess.run(
        [sys.executable, ROOT / "launch" / "search.py", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    states = [json.loads(file.read_text())["status"] for file in (tmp_path / "run").glob("trials/*/result.json")]
    assert len(states) == 2
    assert "failed" not in states


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("COUNT.append(place(f'a{len(COUNT)}', 8))\n    return plain(COUNT[-1])", "two calls build different networks"),
        ("COUNT.append(0)\n    return plain(place('a', 8), hidden=len(COUNT))", "two calls build different networks"),
        ("COUNT or COUNT.append(plain(place('a', 8)))\n    return COUNT[0]", "two calls build different networks"),
        (
            "return nn.DataParallel(plain(place('a', 8)))",
            "it has a DataParallel; build the network without this wrapper",
        ),
        ("return plain(place('a', 8)).requires_grad_(False)", "its logits have no gradient"),
        ("return Changed(plain(place('a', 8)), lambda x: x.detach())", "its logits have no gradient"),
        ("return Changed(plain(place('a', 8)), lambda x: (x, x))", r"but returns tuple in training; a parameter"),
        ("return Changed(plain(place('a', 8)), lambda x: 1 / 0)", r"in training: line \d+: ZeroDivisionError"),
    ],
)
def test_a_network_that_cannot_be_trained_is_refused_in_one_line(tmp_path: Path, body: str, message: str) -> None:
    file = tmp_path / "net.py"
    file.write_text(f"{TRAINED}\ndef build(place):\n    {body}\n")

    with pytest.raises(InputError, match=message) as caught:
        record_sites(read_network(f"{file}:build"), num_classes=2, image_size=8)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        "return plain(place('a', 8))",
        "return plain(place('a', 8), last=nn.LazyLinear(2))",
        "return plain(place('a', Width().channels))",
    ],
)
def test_a_network_may_have_lazy_layers_and_dataclasses(tmp_path: Path, body: str) -> None:
    file = tmp_path / "random.py"  # the name of a module of Python
    file.write_text(f"{TRAINED}\ndef build(place):\n    {body}\n")

    sites = record_sites(read_network(f"{file}:build"), num_classes=2, image_size=8)

    assert [(site.place, site.channels) for site in sites] == [("a", 8)]


TRAINED = """from __future__ import annotations
from dataclasses import dataclass
from torch import nn
COUNT = []

@dataclass
class Width:
    channels: int = 8

class Changed(nn.Module):
    def __init__(self, network, change):
        super().__init__()
        self.network, self.change = network, change

    def forward(self, images):
        logits = self.network(images)
        return self.change(logits) if self.training else logits

class Twice(nn.Module):
    def __init__(self, se):
        super().__init__()
        self.conv, self.se, self.head = nn.Conv2d(3, 8, 3), se, nn.Linear(8, 2)

    def forward(self, images):
        return self.head(self.se(self.se(self.conv(images))).mean((2, 3)))

def plain(place, *, hidden=1, last=None):
    first = nn.Conv2d(3, 8, 3), place, nn.Conv2d(8, hidden, 1)
    return nn.Sequential(*first, nn.AdaptiveAvgPool2d(1), nn.Flatten(), last or nn.Linear(hidden, 2))
"""
