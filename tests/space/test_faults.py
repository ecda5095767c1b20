"""A space without networks: the error names the key that is the reason."""

import re

import pytest

from se_nas.space.files.loading import load_design_space

DENSENET = """image_size: 32
stem: {width: 16, stride: 1}
every_stage: {se: {present: false}}
stages:
  - {family: dense, depth: 2, width: 12}
  - segments: [{family: transition}, {family: dense, depth: [2, 3], width: 12}]
  - segments: [{family: transition}, {family: dense, depth: 3, width: [12, 16]}]
tail: {norm: true}
rules: {widths: non-decreasing, depths: non-decreasing}
"""


AS_STAGES = re.sub(r"segments: \[(.*?}), (.*?})\]", r"\1\n  - \2", DENSENET)


@pytest.mark.parametrize("text", [DENSENET, AS_STAGES], ids=["segments", "stages"])
def test_a_transition_has_no_width_and_no_depth_for_the_design_rules(write, text):
    space = load_design_space(write(text))

    assert text.count("transition") == 2
    for choose in (min, max):
        assert space.check({name: choose(decision.values()) for name, decision in space.decisions.items()}) is None


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("depth: 2, width: 12", "depth: 2, width: 14", "9: rules:", r"must not decrease, but got \[14, 12, 1"),
        ("depth: 2, width: 12", "depth: 9, width: 12", "9: rules:", r"must not decrease, but got \[9, [23], 3"),
        ("width: [12, 16]}]", "width: 8}]", "9: rules:", r"\[12, 12, 8\]"),
    ],
)
def test_a_design_rule_that_nothing_keeps_is_named(refusal, old, new, where, what):
    message = refusal(load_design_space, DENSENET.replace(old, new))

    assert message.startswith(where)
    assert re.search(what, message)


@pytest.mark.parametrize(
    ("stages", "where", "what"),
    [
        (
            "- {family: basic, depth: 1, width: 24, stride: 1}\n"
            "  - {family: shuffle_v1, depth: 1, width: 48, stride: 1, se: {present: false}}",
            "5: stages.1:",
            "stage 2, block 1: a shuffle_v1 block of stride 1 keeps the width, but 24 channels enter and 48 leave",
        ),
        (
            "- {family: shuffle_v1, depth: [1, 2], width: 24, stride: 2, groups: 1, se: {present: false}}",
            "4: stages.0:",
            "stage 1, block 1: a strided shuffle_v1 block .* 24 channels enter and 24 leave",
        ),
        (
            "- {family: basic, depth: 1, width: 16, stride: 1, shortcut: pad}",
            "4: stages.0:",
            "stage 1, block 1: .*'pad' cannot go from 24 channels to only 16",
        ),
        (
            "- {family: mbconv, expansion: 2, depth: 1, width: [16, 24], stride: 2, se: {present: true, site: post}}",
            "4: stages.0.se:",
            "no block of stage1 has a site 'post'",
        ),
        (
            "- {family: bottleneck, depth: 1, width: 24, stride: 1, groups: 5}",
            "4: stages.0.width:",
            "these blocks cannot have a width of 24; the nearest is 20",
        ),
        (
            "- {family: shuffle_v2, depth: [1, 2], width: [17], stride: 2}",
            "4: stages.0.width:",
            "these blocks cannot have a width of 17; the nearest is 18",
        ),
    ],
    ids=["width", "strided", "pad", "site", "groups", "odd"],
)
def test_a_stage_that_cannot_be_is_named(refusal, stages, where, what):
    message = refusal(load_design_space, f"image_size: 32\nstem: {{width: 24, stride: 1}}\nstages:\n  {stages}\n")

    assert message.startswith(where)
    assert re.search(what, message)
