"""Other SE placements for the same trunk."""

import pytest

from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import parse_token
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.habit import published_names
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.placements import (
    attention_if_on,
    has_se,
    with_attention,
    with_published_se,
    without_se,
)
from tests.fakes import network_with_se


def on(found: Architecture, index: int) -> Architecture:
    """The network with SE in stage `index`, too."""
    attention = [stage.se for stage in found.stages]
    return with_attention(found, [*attention[:index], attention_if_on(found, index), *attention[index + 1 :]])


@pytest.mark.parametrize(
    ("own", "first_switched"),
    [
        (("none", "inner/2", "none"), "inner/2"),
        (("none", "none", "inner/8"), "inner/8"),
        (("none", "none", "none"), "inner/4"),
    ],
)
def test_a_stage_gets_the_se_of_the_nearest_stage_or_of_regnety(own: tuple[str, ...], first_switched: str) -> None:
    assert on(network_with_se(*own), 0).se_tokens == (first_switched, *own[1:])


def test_the_earlier_of_two_nearest_stages_gives_its_se() -> None:
    found = network_with_se("post/4", "none", "inner/8")

    assert on(found, 1).se_tokens == ("post/4", "post/4", "inner/8")


def test_the_published_se_replaces_all_other_se() -> None:
    """RegNetY's SE: arXiv 2003.13678, section 5."""
    assert with_published_se(network_with_se("post/2", "none", "inner/8")).se_tokens == ("inner/4",) * 3
    assert published_names(network_with_se("none")) == ("RegNetX", "RegNetY")


def test_the_attention_of_one_stage_changes_and_nothing_else_does() -> None:
    found = network_with_se("inner/2", "none", "inner/8")

    changed = on(found, 1)

    assert changed.se_tokens == ("inner/2", "inner/2", "inner/8")
    assert without_se(changed) == without_se(found)
    assert on(found, 0) == found


def test_a_block_keeps_its_own_attention_and_another_gets_that_of_its_stage() -> None:
    block = RegNetBlock(group_width=8, bottleneck=1)
    mixed = Stage.of(block, depth=2, width=8, stride=1, se=(None, parse_token("inner/2")))
    found = Architecture(stem=Stem.plain(width=8, stride=1), stages=(mixed, mixed.with_se((None, None))))

    assert has_se(found, 0)
    assert not has_se(found, 1)
    assert on(found, 0).se_tokens == ("inner/2", "none")
    assert on(found, 1).se_tokens == ("none,inner/2", "inner/2")
