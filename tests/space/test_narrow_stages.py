"""Ratios of SE, of bottlenecks and of transitions that leave no channel."""

import random
import re
from pathlib import Path

import pytest
import yaml

from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.files.loading import load_design_space, load_stored_space

STAGES = """image_size: 8
stem: {width: 8, stride: 1}
stages:
  - {family: basic, depth: 1, width: 16, stride: 1, se: {site: standard, reduction: [4, 16]}}
"""


def test_a_ratio_that_fits_nowhere_is_refused_when_the_space_is_read(refusal):
    too_large = STAGES.replace("[4, 16]", "[4, 17]")

    assert refusal(load_design_space, too_large) == (
        "4: stages.0.se: stage1, block 1: an SE reduction ratio of 17 leaves no channel of the 16 of site 'standard'; "
        "it must be at most 16"
    )


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("trunk: resnet20_cifar10\nse: {reduction: [4, 32]}", "3: se:", "stage1, .*of 32 .*the 16 .*at most 16"),
        (
            "trunk: mobilenet_v2\nse_by_stage: [{rounding: floor}, {}, {reduction: 30}, {}, {}]\nse: {of: block input}",
            "3: se_by_stage.2:",
            "stage3, block 1: .*of 30 .*the 24 .*at most 24",
        ),
        (
            "regnet: {depth: 4, w0: 24, wa: 36.0, wm: 2.5, group_width: 8, stages: 3, strides: [2, 2, 2], "
            "se: {reduction: 100}}\nstem: {width: 8, stride: 1}",
            "2: regnet.se:",
            "stage1, block 1: .*of 100 .*at most 16",
        ),
        (
            "stem: {width: 8, stride: 1}\nevery_stage: {se: {reduction: 30}}\nstages:\n"
            "  - {family: dense, depth: 2, width: [8, 12]}",
            "3: every_stage.se:",
            "stage1, block 1: .*of 30 .*site 'new maps'.*at most 24",
        ),
        (
            "stem: {width: 4, stride: 1}\nstages:\n  - {family: separable, depth: 1, width: [4, 12], stride: 1}",
            "4: stages.0:",
            "of 16 .*site 'end'; it must be at most",  # SE-MobileNet's own ratio, which the file does not name
        ),
        (
            "stem: {width: 8, stride: 1}\nstages:\n"
            "  - {family: shuffle_v2, depth: 2, width: 12, stride: 1, se: {site: [inner, post], reduction: 8}}",
            "4: stages.0.se:",
            "of 8 .*the 6 of site 'inner'; it must be at most 6",
        ),
    ],
    ids=["named", "own keys of a stage", "law", "every stage", "usual ratio", "one site of two"],
)
def test_the_refusal_names_the_key_that_gives_the_ratio(refusal, text, where, what):
    message = refusal(load_design_space, f"image_size: 64\n{text}\n")

    assert message.startswith(where)
    assert re.search(what, message)


def test_a_network_whose_widths_are_too_narrow_for_a_ratio_is_not_in_the_space(write):
    space = load_design_space(write(STAGES.replace("width: 16", "width: [8, 16]")))
    wide = {"stage1.width": 16, "stage1.se": True, "stage1.reduction": 16}

    assert space.check(wide) is None
    assert "of 16 leaves no channel of the 8 of site 'standard'" in str(space.check({**wide, "stage1.width": 8}))
    assert space.check({**wide, "stage1.width": 8, "stage1.se": False}) is None
    assert space.check({**wide, "stage1.width": 8, "stage1.reduction": 4}) is None
    assert space.size().count == 2 + 3
    assert all(space.decode(space.sample(random.Random(seed))) for seed in range(50))


def test_a_block_that_is_wide_enough_makes_a_ratio_possible_if_blocks_decide(write):
    text = "image_size: 8\nstem: {width: 8, stride: 1}\nstages:\n  - {family: dense, depth: 2, width: 8, se: SE}\n"
    se = "{decide: block, site: output, reduction: 17, rounding: floor, present: [false, true]}"
    space = load_design_space(write(text.replace("SE", se)))

    assert space.check({"stage1.block1.se": False, "stage1.block2.se": True}) is None
    assert "block 1" in str(space.check({"stage1.block1.se": True, "stage1.block2.se": False}))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"family": "basic", "width": 8, "se": "standard/9 of site floor"}, "stage 1, block 1: .*of 9 .*at most 8"),
        ({"family": "mbconv", "expansion": 6, "width": 8, "se": "inner/17"}, "stage 1, block 1: .*the 8 .*at most 16"),
        ({"family": "bottleneck", "width": 8, "bottleneck": 32}, "stages.0: .*ratio of 32 .*width 8; .*at most 16"),
        ({"family": "regnet", "group_width": 1, "width": 8, "bottleneck": 64}, "stages.0: .*of 64 .*at most 16"),
        ({"family": "transition", "width": 1, "compression": 0.1}, "stage 1, block 1: .*of 0.1 .*the 8 .*1/8"),
    ],
    ids=["basic", "mbconv", "bottleneck", "regnet", "transition"],
)
def test_a_network_in_which_a_ratio_leaves_no_channel_is_refused(refusal, stage, message):
    stride = 2 if stage["family"] == "transition" else 1
    network = {"stem": {"width": 8, "stride": 1}, "stages": [{"depth": 1, "stride": stride, **stage}]}

    assert re.search(message, refusal(load_architecture, yaml.safe_dump(network)))


NARROW = """
name: narrow
image_size: 8
stem: {width: 16, stride: 1}
every_stage:
  group_width: 8
  bottleneck: 1
  depth: 1
  se: {present: true, site: inner, reduction: 32, of: site, rounding: floor}
stages: [{width: [16, 64], stride: 1}]
"""


def test_a_run_folder_of_an_earlier_version_keeps_the_one_channel_that_its_networks_have(tmp_path: Path) -> None:
    (file := tmp_path / "space.yaml").write_text(NARROW)
    stored = load_stored_space(file)
    network = stored.decode({"stage1.width": 16})
    assert network.hidden_widths == (1,)
    assert network.fingerprint() == "d6f4a573e47f88ad"  # as that version wrote it
    assert load_design_space(file).check({"stage1.width": 16}) is not None
