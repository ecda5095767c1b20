"""Other SE placements for the same trunk."""

import pytest

from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import parse_token
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.habit import published_names
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.placements import has_se, switched, with_published_se, without_se
from tests.fakes import network_with_se


@pytest.mark.parametrize(
    ("own", "first_switched"),
    [
        (("none", "inner/2", "none"), "inner/2"),
        (("none", "none", "inner/8"), "inner/8"),
        (("none", "none", "none"), "inner/4"),
    ],
)
def test_a_stage_gets_the_se_of_the_nearest_stage_or_of_regnety(own: tuple[str, ...], first_switched: str) -> None:
    assert switched(network_with_se(*own), 0).se_tokens == (first_switched, *own[1:])


def test_the_earlier_of_two_nearest_stages_gives_its_se() -> None:
    found = network_with_se("post/4", "none", "inner/8")

    assert switched(found, 1).se_tokens == ("post/4", "post/4", "inner/8")


def test_the_published_se_replaces_all_other_se() -> None:
    """RegNetY's SE: arXiv 2003.13678, section 5."""
    assert with_published_se(network_with_se("post/2", "none", "inner/8")).se_tokens == ("inner/4",) * 3
    assert published_names(network_with_se("none")) == ("RegNetX", "RegNetY")


def test_each_stage_is_switched_and_nothing_else_changes() -> None:
    found = network_with_se("inner/2", "none", "inner/8")

    variants = [without_se(found), *(switched(found, index) for index in range(3))]

    assert [variant.se_tokens for variant in variants] == [
        ("none", "none", "none"),
        ("none", "none", "inner/8"),
        ("inner/2", "inner/2", "inner/8"),
        ("inner/2", "none", "none"),
    ]
    for variant in variants:
        trunk = [(stage.segments[0].width, stage.depth, stage.stride) for stage in variant.stages]
        assert trunk == [(8, 2, 2), (16, 2, 2), (24, 2, 2)]
        assert switched(switched(variant, 1), 1).se_tokens[0] == variant.se_tokens[0]


def test_a_stage_that_is_not_switched_keeps_its_blocks() -> None:
    block = RegNetBlock(group_width=8, bottleneck=1)
    mixed = Stage.of(block, depth=2, width=8, stride=1, se=(None, parse_token("inner/4")))
    found = Architecture(stem=Stem.plain(width=8, stride=1), stages=(mixed, mixed.with_se((None, None))))

    assert has_se(found, 0)
    assert not has_se(found, 1)
    assert switched(found, 1).se_tokens == ("none,inner/4", "inner/4")
