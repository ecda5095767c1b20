"""A made-up block family and a made-up channel attention in every command: each is known only by its registry."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from rich.console import Console

from se_nas.analysis.edf import splits
from se_nas.analysis.overview import Overview
from se_nas.commands.ablate.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.describe.describe import describe
from se_nas.commands.describe.flags import DescribeRequest
from se_nas.commands.export.export import export
from se_nas.commands.export.flags import ExportRequest
from se_nas.commands.report.report import rewrite_report
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import resume_search, start_search
from se_nas.errors import InputError
from se_nas.models.cost import map_sizes, measure_cost, measure_module_cost
from se_nas.models.network import build_model
from se_nas.runs.run_folder import RunFolder
from se_nas.space import design_space
from se_nas.space.files.architecture_file import load_architecture, parse_architecture
from se_nas.space.files.loading import load_design_space
from se_nas.space.placements import attention_if_on, with_attention
from se_nas.training.trained import load_trained
from tests.analysis.test_effects import DECISIONS, searched
from tests.commands.conftest import rows_of
from tests.conftest import quiet_console, tiny_request, write_tiny_data
from tests.made_up import EcaModule, GrowingModule, second_members

SPACE = """\
# Question: for tests.
image_size: 8
stem: {width: 8, stride: 1}
every_stage:
  family: growing
  depth: 1
  kernel: [1, 3]
  eca: {site: [output, new maps], span: [3, 5]}
stages:
  - {width: [4, 8], stride: 1, depth: 2}
  - {width: 4, stride: 2, eca: {site: output}}
  - {family: thinning, eca: {site: output}}
  - {family: regnet, width: 16, stride: 1, group_width: [4, 8], se: {reduction: [2, 4]}}
"""


def printed_on(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    with second_members(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("se_nas.report.figures.paper.paper_figures", lambda *_: {})  # matplotlib is slow
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a search of 16 trials that was resumed after 14."""
    folder = tmp_path_factory.mktemp("second")
    space = folder / "second.yaml"
    space.write_text(SPACE)
    request = replace(tiny_request(folder, space, write_tiny_data(folder)), budget=14, epochs=2)
    start_search(request, quiet_console())
    resume_search(folder / "run", SearchRequest(budget=16, workers=1, wandb="off"), quiet_console())
    return folder / "run"


def test_a_resumed_search_finds_the_trials_of_both(run: Path) -> None:
    rows = rows_of(run)

    assert len(rows) == 16
    assert not [row["reason"] for row in rows if row["state"] == "failed"]
    own = {"stage1.kernel", "stage1.eca", "stage1.eca.site", "stage1.eca.span", "stage4.se", "stage4.reduction"}
    assert own <= rows[0].keys()
    assert any("eca:" in row["se"] and "inner/" in row["se"] for row in rows)
    for number, row in enumerate(rows):
        read_back = load_architecture(RunFolder(run).architecture(number))
        assert read_back.fingerprint() == row["fingerprint"]
        assert " | ".join(read_back.se_tokens) == row["se"]


def test_the_cost_is_that_of_the_built_network_and_depends_on_both(run: Path) -> None:
    space, costs = load_design_space(run / "space.yaml"), set()
    rng = Random(0)
    for size in (8, 7):
        for _ in range(10):
            network = space.decode(space.sample(rng))
            model = build_model(network, num_classes=3)
            cost = measure_cost(network, image_size=size, num_classes=3)

            assert cost == measure_module_cost(model, torch.zeros(1, 3, size, size))
            assert map_sizes(network, image_size=size) == (size, size, size // 2, size // 4, size // 4)
            costs.add(cost)
    assert len(costs) > 10


WRONG_SPACES = [
    ("site: [output, new maps], ", "site: inner, ", r"every_stage.eca.site: expected one of output, new maps"),
    (
        "  family: growing\n",
        "  family: grown\n",
        r"every_stage.family: expected one of regnet, .*growing, thinning, .*'grown'",
    ),
    ("group_width: [4, 8], ", "group_width: 4, kernel: 3, ", r"stages.3.kernel: unknown key"),
    (
        "se: {reduction",
        "eca: {site: inner}, se: {reduction",
        "stages.3: expected one kind of attention, but got se, eca",
    ),
    (
        "stride: 2, eca: {site: output}",
        "stride: 2, eca: {site: new maps, present: true}",
        "no block of stage2 has a site",
    ),
    ("stride: 2, eca: {site: output}", "stride: 3", r"stride of 1 or 2, but got 3"),
    ("{family: thinning, ", "{family: thinning, stride: 1, ", r"stages.2.stride: expected 2, but got 1"),
    ("  kernel: [1, 3]\n", "", r"stages.0: `kernel` is needed, here or under `every_stage`"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG_SPACES, ids=[new for _, new, _ in WRONG_SPACES])
def test_a_wrong_space_gets_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    monkeypatch.setattr(design_space, "MOST_DRAWS", 200)
    path = tmp_path / "wrong.yaml"
    assert SPACE.count(old) == 1
    path.write_text(SPACE.replace(old, new))

    with pytest.raises(InputError, match=message):
        load_design_space(path)


LAW = """\
image_size: 32
stem: {width: 8, stride: 1}
regnet:
  {depth: 8, w0: 24, wa: [8.0, 16.0], wm: [2.0, 2.5], group_width: 8, stages: 3, strides: [1, 2, 2]}
"""


def test_a_law_takes_any_attention_in_all_stages_and_stage_by_stage(tmp_path: Path) -> None:
    path = tmp_path / "law.yaml"
    by_stage = "eca: {span: [3, 5]}, eca_by_stage: [{present: false}, {}, {site: [post, inner], span: 7}]"

    path.write_text(LAW.replace("stages: 3", f"stages: 3, {by_stage}"))
    open_attention = [name for name in load_design_space(path).decisions if name.startswith("stage")]
    path.write_text(LAW.replace("stages: 3", "stages: 3, eca: {}, se_by_stage: [{}, {}, {}]"))

    assert open_attention == ["stage2.eca", "stage2.eca.span", "stage3.eca", "stage3.eca.site"]
    with pytest.raises(InputError, match="regnet: expected one kind of attention, but got se, eca"):
        load_design_space(path)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("eca:4@output", r"`eca:SPAN@SITE` \(sites: output, new maps\), but got 'eca:4@output'"),
        ("eca:3@inner", r"`eca:SPAN@SITE` \(sites: output, new maps\)"),
        ("eac:3@output", "'eac:3@output' names no channel attention; did you mean eca"),
    ],
)
def test_a_wrong_token_gets_one_line(tmp_path: Path, token: str, message: str) -> None:
    path = tmp_path / "network.yaml"
    stage = {"family": "growing", "depth": 1, "width": 4, "stride": 1, "kernel": 3, "se": token}
    path.write_text(json.dumps({"stages": [stage]}))

    with pytest.raises(InputError, match=message):
        load_architecture(path)


def test_describe_shows_the_columns_of_each_family(run: Path) -> None:
    console = quiet_console()
    (number,) = [number for number, row in enumerate(rows_of(run)) if "eca:" in row["se"]][:1]

    describe(DescribeRequest(network=f"{run}:{number}"), console)

    heading, *rows = printed_on(console).splitlines()
    assert " ".join(heading.split()) == "family depth width stride new k groups of b pixels SE hidden"
    network = load_architecture(RunFolder(run).architecture(number))
    first = 8 + 2 * network.stages[0].segments[0].width
    assert [int(row.split()[4]) for row in rows[1:5]] == [first, first + 4, (first + 4) // 2, 16]
    assert network.head_width == 16
    assert "eca:" in printed_on(console)


def test_the_analysis_knows_what_each_decision_is_about(run: Path) -> None:
    _, progress = load_progress(RunFolder(run))
    found = Overview.of(progress, load_design_space(run / "space.yaml").decisions)

    about_se = {one.factor for one in found.effects_of_se}
    others = {one.factor for one in found.other_effects}
    assert about_se <= {f"SE in stage {stage}" for stage in (1, 2, 3, 4)}
    assert others <= {"stage1.width", "stage1.kernel", "stage2.kernel", "stage4.group_width"}
    assert {"stage1.width", "stage1.kernel"} & others


def test_the_analysis_compares_attention_by_what_sets_the_size_of_its_kind() -> None:
    kinds = {"inner/2": "eca:5@output", "inner/4": "eca:3@output", "none": "none"}
    records = [
        replace(one, se=(one.se[0], kinds[one.se[1]] if one.number % 2 else kinds[one.se[0]]))
        for one in searched(np.random.default_rng(0))
    ]

    by_question = {split.question: split for split in splits(records, ["flops"], DECISIONS)}

    assert [side.label for side in by_question["span"].subspaces] == ["at most 3", "above 3"]


def test_an_ablation_takes_the_published_attention_of_each_family(run: Path) -> None:
    console = quiet_console()

    ablate(AblateRequest(network=f"{run}:0", seeds=2, epochs=1, workers=1, wandb="off"), console)

    networks = {one["name"]: one for one in json.loads((run / "ablate-0000.json").read_text())["networks"]}
    assert networks["everywhere (ECA-GrowNet + RegNetY)"]["se"] == ["eca:9@output"] * 3 + ["inner/4"]
    assert networks["nowhere"]["se"] == ["none"] * 4


def test_a_stage_gets_the_nearest_attention_whose_site_one_of_its_blocks_has(tmp_path: Path) -> None:
    growing = {"family": "growing", "width": 4, "kernel": 3}
    network = parse_architecture(
        {
            "stages": [
                {**growing, "depth": 1, "stride": 1, "se": "eca:3@new maps"},
                {**growing, "depth": 1, "stride": 2},
                {**growing, "depth": 2, "stride": 2},
                {"family": "regnet", "depth": 1, "width": 8, "stride": 1, "group_width": 8},
            ]
        },
        tmp_path,
    )

    everywhere = with_attention(network, [attention_if_on(network, index) for index in range(4)])
    assert list(everywhere.se_tokens) == [
        "eca:3@new maps",
        "eca:9@output",
        "none,eca:3@new maps",
        "inner/4",
    ]


def test_the_report_is_whole(run: Path) -> None:
    console = quiet_console()

    rewrite_report(run, console)

    assert "could not be drawn" not in printed_on(console)
    assert "eca:" in (run / "report.html").read_text()


def test_retrained_networks_and_their_baselines_are_exported(run: Path) -> None:
    pick = next(row["trial"] for row in rows_of(run) if "eca:" in row["se"])
    console = quiet_console()
    retrain(RetrainRequest(run_dir=run, pick=pick, epochs=1, baselines=True, wandb="off"), console)
    folder = next(path for path in (run / "retrain").iterdir() if path.name.startswith(f"trial-{int(pick):04d}-"))

    export(ExportRequest(retrained=folder), console)

    assert printed_on(console).count("from the network's logits") == 2
    assert all(name in printed_on(console) for name in ("GrowNet + RegNetX by", "ECA-GrowNet + RegNetY by"))
    model = load_trained(folder).build_backbone()
    assert any(isinstance(part, EcaModule) for part in model.modules())
    assert any(isinstance(part, GrowingModule) for part in model.modules())
    maps = model(torch.zeros(1, 3, 8, 8))
    assert [each.shape[1] for each in maps] == model.feature_info.channels()
