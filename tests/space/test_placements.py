"""The same trunk with SE elsewhere."""

import pytest

from se_nas.space.architecture import Architecture, Stage
from se_nas.space.families import RegNetBlock
from se_nas.space.placements import EVERYWHERE, FOUND, NOWHERE, placements
from se_nas.space.squeeze_excite import parse_token


def network(*tokens: str) -> Architecture:
    block = RegNetBlock(group_width=8, bottleneck=1)
    stages = [
        Stage(block=block, depth=2, width=8 * number, stride=2, se=(parse_token(token),) * 2)
        for number, token in enumerate(tokens, start=1)
    ]
    return Architecture(stem_width=8, stem_stride=1, stages=tuple(stages))


@pytest.mark.parametrize(
    ("own", "everywhere"),
    [
        (("none", "inner/2", "none"), ("inner/2", "inner/2", "inner/2")),
        (("post/4", "none", "inner/8"), ("post/4", "post/4", "inner/8")),
        (("none", "none", "inner/8"), ("inner/8", "inner/8", "inner/8")),
        (("none", "none", "none"), ("inner/4", "inner/4", "inner/4")),
    ],
)
def test_a_stage_is_given_the_se_of_the_nearest_or_of_regnety(
    own: tuple[str, ...], everywhere: tuple[str, ...]
) -> None:
    assert placements(network(*own))[EVERYWHERE].se_tokens == everywhere


def test_each_stage_is_switched_and_nothing_else_changes() -> None:
    found = network("inner/2", "none", "inner/8")

    tokens = {name: variant.se_tokens for name, variant in placements(found).items()}

    assert tokens == {
        FOUND: ("inner/2", "none", "inner/8"),
        NOWHERE: ("none", "none", "none"),
        EVERYWHERE: ("inner/2", "inner/2", "inner/8"),
        "stage 1 without SE": ("none", "none", "inner/8"),
        "stage 2 with SE": ("inner/2", "inner/2", "inner/8"),
        "stage 3 without SE": ("inner/2", "none", "none"),
    }
    for variant in placements(found).values():
        assert [(stage.width, stage.depth, stage.stride) for stage in variant.stages] == [
            (8, 2, 2),
            (16, 2, 2),
            (24, 2, 2),
        ]


def test_the_network_itself_stays_as_it_is_block_by_block() -> None:
    block = RegNetBlock(group_width=8, bottleneck=1)
    mixed = Architecture(
        stem_width=8,
        stem_stride=1,
        stages=(Stage(block=block, depth=2, width=8, stride=1, se=(None, parse_token("inner/4"))),),
    )

    assert placements(mixed)[FOUND] is mixed
    assert placements(mixed)[EVERYWHERE].se_tokens == ("inner/4",)
