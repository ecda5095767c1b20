from dataclasses import replace

import pytest

from se_nas.space.activation import Activation
from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import parse_token
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.files.architecture_file import parse_architecture
from se_nas.space.parts.norm import Norm
from se_nas.space.parts.stage import Segment, Stage
from se_nas.space.parts.stem import Pool, Stem, StemConv
from se_nas.space.parts.tail import Tail

BLOCK = RegNetBlock(group_width=8)
PLAIN = Architecture(stem=Stem.plain(width=16, stride=2), stages=(Stage.of(BLOCK, depth=2, width=16, stride=2),))
DEEP = (
    StemConv(kernel=3, stride=2, width=32),
    StemConv(kernel=3, stride=1, width=32),
    StemConv(kernel=3, stride=1, width=64),
)

STEMS = [
    Stem.plain(width=16, stride=2),
    Stem(convs=(StemConv(kernel=7, stride=2, width=64),), pool=Pool.MAX),
    Stem(convs=(StemConv(kernel=7, stride=2, width=64),), pool=Pool.MAX_UNPADDED),
    Stem(convs=DEEP, pool=Pool.MAX),
    Stem(convs=(StemConv(kernel=3, stride=1, width=16, bare=True),)),
    Stem(convs=(StemConv(kernel=3, stride=2, width=32, padded=False), StemConv(kernel=3, stride=1, width=64))),
    Stem(convs=(StemConv(kernel=3, stride=2, width=16),), activation=Activation.HARD_SWISH),
]
TAILS = [
    Tail(),
    Tail(norm=True),
    Tail(conv=1280, activation=Activation.RELU6),
    Tail(conv=960, hidden=1280, activation=Activation.HARD_SWISH),
    Tail(hidden=1984, hidden_bias=False),
    Tail(hidden=1984),
]
NORMS = [Norm(), Norm(epsilon=1e-3), Norm(momentum=0.01)]
VARIANTS = [
    *(replace(PLAIN, stem=stem) for stem in STEMS),
    *(replace(PLAIN, tail=tail) for tail in TAILS[1:]),
    *(replace(PLAIN, norm=norm) for norm in NORMS[1:]),
    replace(PLAIN, image_size=32),
    replace(PLAIN, image_size=48),
]


@pytest.mark.parametrize("network", VARIANTS, ids=lambda network: network.fingerprint())
def test_a_network_with_other_ends_is_read_back_as_it_was_written(tmp_path, network):
    again = parse_architecture(network.to_dict(), tmp_path)

    assert again == network
    assert again.fingerprint() == network.fingerprint()


def test_networks_with_other_ends_have_other_fingerprints():
    assert len({network.fingerprint() for network in VARIANTS}) == len(VARIANTS)


@pytest.mark.parametrize(
    ("stem", "stride"), list(zip(STEMS, [2, 4, 4, 4, 1, 2, 2], strict=True)), ids=lambda each: str(each)[:30]
)
def test_the_stride_of_a_stem_counts_its_pool(stem, stride):
    assert stem.stride == stride


def test_an_activation_that_no_layer_uses_makes_no_other_network():
    bare = Stem(convs=(StemConv(kernel=3, stride=1, width=16, bare=True),))

    assert replace(bare, activation=Activation.SILU).identity == bare.identity
    assert Tail(activation=Activation.SILU).identity == Tail().identity


@pytest.mark.parametrize(("tail", "width"), list(zip(TAILS, [16, 16, 1280, 1280, 1984, 1984], strict=True)), ids=str)
def test_the_classifier_gets_the_channels_of_the_last_layer_of_the_tail(tail, width):
    assert replace(PLAIN, tail=tail).head_width == width


def test_a_stage_of_several_segments_is_the_same_network_as_its_parts(tmp_path):
    first = Segment(block=BLOCK, depth=1, width=16, stride=2, se=(parse_token("inner/4"),))
    second = Segment(block=BLOCK, depth=2, width=24, stride=1, se=(None, parse_token("post/2")))
    together = replace(PLAIN, stages=(Stage(segments=(first, second)),))
    apart = replace(PLAIN, stages=(Stage(segments=(first,)), Stage(segments=(second,))))

    assert together.fingerprint() == apart.fingerprint()
    assert together.se_tokens == ("inner/4,none,post/2",)
    assert parse_architecture(together.to_dict(), tmp_path) == together
    assert together.stages[0].with_se((None,) * 3).se_token == "none"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StemConv(kernel=2, stride=1, width=8), "kernel must be odd.*got 2"),
        (lambda: StemConv(kernel=3, stride=0, width=8), "width=8, stride=0"),
        (lambda: Stem(convs=()), "at least one convolution, but got none"),
        (lambda: Tail(conv=0), "`conv` must be at least 1, but got 0"),
        (lambda: Tail(hidden=-1), "`hidden` must be at least 1, but got -1"),
        (lambda: Norm(epsilon=0), "epsilon=0"),
        (lambda: replace(PLAIN, image_size=0), "image size must be at least 1, but got 0"),
        (lambda: Stage(segments=()), "at least one segment, but got none"),
        (lambda: PLAIN.stages[0].with_se((None,)), "2 blocks needs 2 SE entries, but got 1"),
    ],
)
def test_the_error_for_a_wrong_part_shows_its_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()
