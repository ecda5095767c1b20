import copy
import re
from random import Random

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from se_nas.errors import InputError
from se_nas.space import design_space
from se_nas.space.attention.squeeze_excite import Reference, SqueezeExciteSpec
from se_nas.space.decisions import Categorical, FloatRange, IntRange
from se_nas.space.families.regnet import REGNETY, Site
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.files.loading import load_design_space
from tests.space.test_architecture import EXAMPLE

STAGES = """\
name: example
image_size: 32
stem:
  width: 8
  stride: 1
every_stage:
  group_width: 8
  se:
    present: [false, true]
    reduction: [2, 4]
stages:
  - depth: 1
    width: 16
    stride: 1
  - depth: 2
    width: {from: 16, to: 32, step: 8}
    stride: 2
"""

LAW = """\
image_size: 32
stem: {width: 8, stride: 1}
regnet:
  depth: {from: 8, to: 24}
  w0: {from: 24, to: 80, step: 8}
  wa: {from: 8.0, to: 64.0}
  wm: {from: 1.8, to: 3.0}
  group_width: 8
  stages: 3
  strides: [1, 2, 2]
"""

NETWORK = """\
stem: {width: 8, stride: 1}
stages:
  - depth: 2
    width: 16
    stride: 1
    group_width: 8
    se: inner/4
"""

# arXiv 2003.13678, table 6
REGNETY_400MF = """\
regnet:
  depth: 16
  w0: 48
  wa: 27.89
  wm: 2.09
  group_width: 8
  se: inner/4
"""


def changed(text, old, new):
    assert text.count(old) == 1
    return text.replace(old, new)


# Shipped spaces


def test_a_shipped_space_begins_with_its_question_and_its_command(shipped):
    question, command, *_ = shipped.read_text().splitlines()

    assert re.fullmatch(r"# Question: .+\?", question)
    assert re.match(r"# Command:  python launch/search\.py --budget \d+", command)
    assert f"search_spaces/{shipped.name}" in command or shipped.stem == "small"  # small is the default


def test_a_shipped_space_has_its_files_name_and_decides_se_in_every_stage(shipped):
    space = load_design_space(shipped)

    assert space.name == shipped.stem
    for number in range(1, len(space.trunk.most_blocks()) + 1):
        names = [name for name in space.decisions if re.fullmatch(rf"stage{number}\.(block\d+\.)?se", name)]
        assert names
        assert all(space.decisions[name] == Categorical((False, True)) for name in names)


# Settings


def test_a_value_is_fixed_a_list_is_a_choice_and_from_to_is_a_range(write):
    space = load_design_space(write(LAW + "  se: {present: true, site: [inner, post], reduction: 4, of: site}\n"))

    assert (space.trunk.ends.stem.width, space.trunk.group_width) == (8, 8)
    assert space.decisions["depth"] == IntRange(8, 24)
    assert space.decisions["w0"] == IntRange(24, 80, 8)
    assert space.decisions["wa"] == FloatRange(8.0, 64.0)
    assert space.decisions["stage1.site"] == Categorical(("inner", "post"))
    assert not space.decisions.keys() & {"stage1.se", "stage1.reduction", "stem.width"}
    assert {choices.properties["of"] for choices in space.se} == {Reference.SITE}


def test_a_list_with_one_value_is_not_a_decision(write):
    space = load_design_space(write(changed(STAGES, "depth: 1", "depth: [1]")))

    assert "stage1.depth" not in space.decisions


def test_a_stage_overrides_every_stage_key_by_key(write):
    space = load_design_space(
        write(changed(STAGES, "- depth: 1", "- se: {site: post}\n    group_width: 16\n    depth: 1"))
    )
    first, second = space.se

    assert (first.site, second.site) == ("post", "inner")
    assert first.present == second.present == Categorical((False, True))
    assert first.properties == second.properties
    assert (first.properties["reduction"], first.properties["of"]) == (Categorical((2, 4)), "block input")
    assert [stage.segments[0].properties["group_width"] for stage in space.trunk.choices] == [16, 8]


def test_a_regnet_space_may_give_se_stage_by_stage(write):
    by_stage = "  se: {reduction: [2, 4]}\n  se_by_stage: [{present: false}, {}, {reduction: 8}]\n"
    space = load_design_space(write(LAW + by_stage))

    assert [choices.present for choices in space.se] == [False, Categorical((False, True)), Categorical((False, True))]
    assert [choices.properties["reduction"] for choices in space.se] == [Categorical((2, 4)), Categorical((2, 4)), 8]


def test_a_space_without_a_name_has_the_name_of_its_file(write):
    assert load_design_space(write(LAW)).name == "given"


# Architecture files


def test_an_architecture_is_read_back_as_it_was_written(write, shipped):
    space, rng = load_design_space(shipped), Random(0)
    for architecture in [EXAMPLE, *(space.decode(space.sample(rng)) for _ in range(10))]:
        assert load_architecture(write(yaml.safe_dump(architecture.to_dict()))) == architecture


def test_the_regnet_rule_gives_regnety_400mf(write):
    architecture = load_architecture(write(REGNETY_400MF))

    assert (architecture.stem.width, architecture.stem.stride) == (32, 2)
    assert [stage.segments[0].width for stage in architecture.stages] == [48, 104, 208, 440]
    assert [stage.depth for stage in architecture.stages] == [1, 3, 6, 6]
    assert {stage.stride for stage in architecture.stages} == {2}
    assert {stage.segments[0].block.group_width for stage in architecture.stages} == {8}
    assert architecture.se_tokens == ("inner/4",) * 4


@pytest.mark.parametrize(
    ("se", "expected"),
    [
        ("true", REGNETY),
        ("false", None),
        ("null", None),
        ("none", None),
        ("[none, post/8 of site]", SqueezeExciteSpec(site=Site.POST, reduction=8, of=Reference.SITE)),
        ("[false, true]", REGNETY),
    ],
)
def test_se_is_a_token_or_a_boolean_or_a_list_of_these(write, se, expected):
    architecture = load_architecture(write(changed(NETWORK, "inner/4", se)))

    assert architecture.stages[0].se[-1] == expected


# Refused files: (file, replaced text, new text, `line: key:`, text in the message)

FALLING = "rules: {depths: non-decreasing}\nstages:\n  - depth: 3"

WAYS = "exactly one.*`stages`, `trunk`, `regnet` or `efficientnet`"

WRONG_SPACES = [
    # A key that is unknown, missing or given twice
    (STAGES, "image_size:", "imagesize:", "2: imagesize:", r"did you mean image_size\?"),
    (STAGES, "  width: 8", "  widht: 8", "4: stem.widht:", r"did you mean width\?"),
    (STAGES, "    stride: 2", "    strid: 2", "17: stages.1.strid:", r"did you mean stride\?"),
    (STAGES, "    reduction:", "    ratios:", "10: every_stage.se.ratios:", "known: .*reduction"),
    (STAGES, "image_size: 32\n", "", "1: image_size:", "missing"),
    (STAGES, "  stride: 1\nevery", "every", "3: stem.stride:", "missing"),
    (STAGES, "  - depth: 1\n    width", "  - width", "12: stages.0:", "`depth`.*every_stage"),
    (STAGES, "name: example", "name: a\nname: b", "2: name:", "given twice"),
    # A value of a wrong kind
    (STAGES, "image_size: 32", "image_size: big", "2: image_size:", "(whole number|integer).*'big'"),
    (STAGES, "image_size: 32", "image_size: 0", "2: image_size:", "1.*0"),
    (STAGES, "depth: 1", "depth: 1e1", "12: stages.0.depth:", r"1 to 200.*'1e1'.*number as 10\)"),
    (STAGES, "[2, 4]", "1e-3", "10: every_stage.se.reduction:", "at least 1.*'1e-3'.*number as 0.001"),
    (STAGES, "depth: 1", "depth: .nan", "12: stages.0.depth:", "1 to 200.*nan"),
    (STAGES, "depth: 1", "depth: nan", "12: stages.0.depth:", "1 to 200.*'nan'$"),
    (STAGES, "depth: 1", "depth: true", "12: stages.0.depth:", "1 to 200.*[Tt]rue"),
    (STAGES, "depth: 1", "depth:", "12: stages.0.depth:", "1 to 200"),
    (STAGES, "depth: 1", "depth: 0", "12: stages.0.depth:", "1 to 200.*0"),
    (STAGES, "[false, true]", "[0, 1]", "9: every_stage.se.present:", "true or false.*0"),
    (STAGES, "  stride: 1\nevery", "  stride: 9\nevery", "5: stem.stride:", "1 to 4.*9"),
    (STAGES, "[2, 4]", "[0, 4]", "10: every_stage.se.reduction:", "at least 1.*0"),
    (STAGES, "    present", "    site: outer\n    present", "9: every_stage.se.site:", "inner.*'outer'"),
    (STAGES, "    present", "    of: input\n    present", "9: every_stage.se.of:", "block input.*'input'"),
    (STAGES, "group_width: 8", "bottleneck: 1.5", "7: every_stage.bottleneck:", "whole number.*1.5"),
    (STAGES, "group_width: 8", "bottleneck: 1.0e-320", "7: every_stage.bottleneck:", "bottleneck|whole number"),
    (STAGES, "depth: 1", "family: resnet", "12: stages.0.family:", "regnet.*'resnet'"),
    (STAGES, "example", "my space", "1: name:", "'my space'"),
    (STAGES, "example", '"a\\nb"', "1: name:", r"a\\nb"),
    (STAGES, "name: example", '"na\\nme": a', "1: ", r"unknown key; did you mean name\?"),
    (STAGES, "stem:\n  width: 8\n  stride: 1", "stem: 8", "3: stem:", "stride.*width.*8|width.*stride.*8"),
    (LAW, "[1, 2, 2]", "2", "10: regnet.strides:", "list.*2"),
    # Choices and ranges
    (STAGES, "depth: 1", "depth: []", "12: stages.0.depth:", "choices must not be empty"),
    (STAGES, "[2, 4]", "[2, 2]", "10: every_stage.se.reduction:", r"must differ.*\[2, 2\]"),
    (STAGES, "[2, 4]", "[2, 2.0]", "10: every_stage.se.reduction:", "must differ"),
    (STAGES, "from: 16, to: 32", "from: 32, to: 16", "16: stages.1.width:", "from=32, to=16"),
    (STAGES, "step: 8", "step: 5", "16: stages.1.width:", "step that divides.*step=5"),
    (STAGES, "step: 8", "step: 0", "16: stages.1.width:", "positive step.*step=0"),
    (STAGES, "step: 8", "by: 8", "16: stages.1.width:", "keys .*step.*by"),
    (LAW, "from: 1.8, to: 3.0", "from: 3.0, to: 3.0", "7: regnet.wm:", "from < to.*from=3.0, to=3.0"),
    (LAW, "to: 64.0", "to: 64.0, step: 8.0", "6: regnet.wa:", "keys .*step"),
    # RegNet's rule
    (LAW, "{from: 24, to: 80, step: 8}", "25", "5: regnet.w0:", "multiple of 8.*25"),
    (LAW, "step: 8}", "step: 4}", "5: regnet.w0:", "multiple of 8"),
    (LAW, "{from: 24, to: 80, step: 8}", "8" + "0" * 400, "5: regnet.w0:", "8000"),
    (LAW, "{from: 1.8, to: 3.0}", "1", "7: regnet.wm:", "above 1.*1"),
    (LAW, "{from: 8.0, to: 64.0}", "-1", "6: regnet.wa:", "at least 0.*-1"),
    (LAW, "{from: 8.0, to: 64.0}", ".inf", "6: regnet.wa:", "number.*inf"),
    (LAW, "{from: 8.0, to: 64.0}", "1.0e+308", "6: regnet.wa:", "number.*1e\\+308"),
    (LAW, "[1, 2, 2]", "[1, 2]", "10: regnet.strides:", "3 strides.*2"),
    (LAW, "strides:", "se_by_stage: [{}]\n  strides:", "10: regnet.se_by_stage:", "3 entries.*1"),
    # Keys that exclude each other, and rules that no network satisfies
    (LAW, "regnet:", "stages: [{depth: 1}]\nregnet:", "3: stages:", "regnet"),
    (LAW, "regnet:", "rules: {widths: free}\nregnet:", "3: rules:", "regnet"),
    (STAGES, STAGES[STAGES.index("stages:") :], "", "1:", WAYS),
    (STAGES, "name: example", "bounds: {flops: {min: 9, max: 3}}", "1: bounds.flops:", "min=9, max=3"),
    (STAGES, "name: example", "bounds: {flops: {min: 1e6}}", "1: bounds.flops.min:", r"number as 1000000\)"),
    (STAGES, "stages:\n  - depth: 1", FALLING, "11: rules:", "depths must not decrease"),
    (LAW, "stages: 3\n  strides: [1, 2, 2]", "stages: 1\n  strides: [1]", "3: regnet:", "must give 1 stage"),
]


@pytest.mark.parametrize(
    ("text", "old", "new", "where", "what"),
    WRONG_SPACES,
    ids=[f"{where} {new.strip()[:30]}" for _, _, new, where, _ in WRONG_SPACES],
)
def test_the_error_for_a_wrong_space_names_the_line_and_the_expected_value(refusal, text, old, new, where, what):
    message = refusal(load_design_space, changed(text, old, new))

    assert message.startswith(where)
    assert re.search(what, message)


WRONG_NETWORKS = [
    (NETWORK, "- depth: 2", "- dept: 2", "3: stages.0.dept:", r"did you mean depth\?"),
    (NETWORK, "- depth: 2", "- depth: 0", "3: stages.0.depth:", "1.*0"),
    (NETWORK, "group_width: 8", "group_width: 5", "3: stages.0:", "group_width=5, inner width 16"),
    (NETWORK, "  width: 16", f"  width: 1{'0' * 400}", "4: stages.0.width:", "1000"),
    (NETWORK, "group_width: 8", "group_width: 8\n    bottleneck: 1.0e-320", "7: stages.0.bottleneck:", "1e-320"),
    (NETWORK, "inner/4", "outer/4", "7: stages.0.se:", "SITE/RATIO.*'outer/4'"),
    (NETWORK, "inner/4", '"a\\nb"', "7: stages.0.se:", r"SITE/RATIO.*a\\nb"),
    (NETWORK, "inner/4", "inner/1e-320", "7: stages.0.se:", "ratio|SITE/RATIO"),
    (NETWORK, "inner/4", "[none, none, none]", "7: stages.0.se:", "one token or 2, but got 3"),
    (NETWORK, "inner/4", "{site: inner}", "7: stages.0.se:", "token.*inner/4"),
    (NETWORK, NETWORK[NETWORK.index("stages:") :], "stages: []", "", "stages"),
    (NETWORK, NETWORK[NETWORK.index("stages:") :], "", "1:", WAYS),
    (NETWORK, "stem: {width: 8, stride: 1}\n", REGNETY_400MF, "1:", WAYS),
    (REGNETY_400MF, "  depth: 16\n", "", "1: regnet.depth:", "missing"),
    (REGNETY_400MF, "w0: 48", "w0: 50", "", "w0.*multiple of 8.*50"),
    (REGNETY_400MF, "wm: 2.09", "wm: 1", "", "wm > 1.*1"),
    (REGNETY_400MF, "wa: 27.89", "wa: .inf", "", "wa.*inf"),
    (REGNETY_400MF, "wa: 27.89", "wa: .nan", "", "wa.*nan"),
    (REGNETY_400MF, "wa: 27.89", "wa: 1.0e+308", "", "wa.*1e\\+308"),
    (REGNETY_400MF, "se: inner/4", "se: [inner/4, none]", "7: regnet.se:", "one token or 4, but got 2"),
]


@pytest.mark.parametrize(
    ("text", "old", "new", "where", "what"),
    WRONG_NETWORKS,
    ids=[f"{where} {new.strip()[:30]}" for _, _, new, where, _ in WRONG_NETWORKS],
)
def test_the_error_for_a_wrong_architecture_names_the_line_and_the_expected_value(refusal, text, old, new, where, what):
    message = refusal(load_architecture, changed(text, old, new))

    assert message.startswith(where)
    assert re.search(what, message)


# Any file is loaded, or refused with one line

ODD_NUMBERS = [-1, 0, 1, 2, 7, 8, 10**9, 10**400, 0.5, 1e-320, 1e308, float("inf"), float("nan")]
ODD_TEXTS = ["", "1e3", "inner/4", "inner/0", "two\nlines", "\x1b[31m"]
ODD_PARTS = [None, True, [], [1, 2], [[]], {}, {"from": 1, "to": 2}]


def places(data, path=()):
    """The path of every value in nested data."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def put(data, path, value):
    data = copy.deepcopy(data)
    inside = data
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("load", "text"),
    [
        (load_design_space, STAGES),
        (load_design_space, LAW),
        (load_architecture, NETWORK),
        (load_architecture, REGNETY_400MF),
    ],
    ids=["stages", "regnet", "network", "network by regnet"],
)
@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_an_odd_value_is_loaded_or_refused_in_one_line(write, load, text, data):
    plain = yaml.safe_load(text)
    place = data.draw(st.sampled_from(list(places(plain))))
    value = data.draw(st.sampled_from(ODD_NUMBERS + ODD_TEXTS + ODD_PARTS))
    file = write(yaml.safe_dump(put(plain, place, value)))

    message = refused(load, file)

    assert message is None or message.startswith(f"{file}:")
    assert message is None or message.isprintable()


def refused(load, file):
    """A loader's error for a file; None if the file is loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(design_space, "MOST_DRAWS", 200)  # finds contradictory rules sooner
        try:
            load(file)
        except InputError as error:
            return str(error)
    return None
