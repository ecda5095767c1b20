import os
import subprocess
import sys
from dataclasses import replace

import pytest

from se_nas.space.architecture import Architecture
from se_nas.space.attention.squeeze_excite import Reference
from se_nas.space.attention.tokens import parse_token
from se_nas.space.families.regnet import RegNetBlock, Site
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from tests.space.conftest import ROOT


def stage(*, depth=2, width=32, stride=2, group_width=8, bottleneck=1, se="none"):
    """A stage. `se` is one token for all blocks, or a token for each block, joined by commas."""
    specs = tuple(parse_token(token) for token in se.split(","))
    return Stage.of(
        RegNetBlock(group_width=group_width, bottleneck=bottleneck),
        depth=depth,
        width=width,
        stride=stride,
        se=specs * depth if len(specs) == 1 else specs,
    )


def network(*stages, stem_width=16, stem_stride=1):
    return Architecture(stem=Stem.plain(width=stem_width, stride=stem_stride), stages=stages)


def fingerprint(*stages, **stem):
    return network(*stages, **stem).fingerprint()


# All versions must agree on this fingerprint, because fingerprints name the trials in every existing run folder.
EXAMPLE = network(stage(se="inner/4", width=24), stage(depth=3, width=48, se="none,standard/16 of site,post/2"))
EXAMPLE_FINGERPRINT = "4006e2c5de751885"


def test_every_width_of_a_block_is_computed():
    first, second = next(network(stage(se="inner/4", width=32, stride=2), stem_width=16).blocks())

    assert (first.width_in, first.width_out, first.stride) == (16, 32, 2)
    assert (second.width_in, second.width_out, second.stride) == (32, 32, 1)
    assert (first.se.channels, first.se.hidden) == (32, 4)
    assert (second.se.channels, second.se.hidden) == (32, 8)


@pytest.mark.parametrize(
    ("site", "channels"),
    [(Site.INNER, 64), (Site.PRE, 16), (Site.STANDARD, 32), (Site.POST, 32), (Site.IDENTITY, 32)],
)
def test_se_sees_the_channels_of_its_site(site, channels):
    (block,) = next(network(stage(depth=1, width=32, bottleneck=0.5, se=f"{site}/8 of site"), stem_width=16).blocks())

    assert (block.se.channels, block.se.hidden) == (channels, channels // 8)


def test_a_ratio_that_rounds_to_the_same_hidden_width_is_the_same_network():
    # 16 channels enter the only block: both ratios round to 3.
    assert fingerprint(stage(depth=1, se="inner/5")) == fingerprint(stage(depth=1, se="inner/6"))


def test_a_reference_that_gives_the_same_hidden_width_is_the_same_network():
    own, site = stage(depth=1, width=32, se="inner/4"), stage(depth=1, width=32, se="inner/8 of site")

    assert fingerprint(own) == fingerprint(site)


def test_a_stage_split_in_two_is_the_same_network():
    whole = stage(depth=3, stride=2, se="inner/4")
    first, second = stage(depth=1, stride=2, se="inner/4"), stage(depth=2, stride=1, se="inner/4")

    assert fingerprint(whole) == fingerprint(first, second)


@pytest.mark.parametrize(
    "change",
    [
        {"depth": 3},
        {"width": 40},
        {"stride": 1},
        {"group_width": 16},
        {"bottleneck": 0.5},
        {"se": "none"},
        {"se": "inner/8"},
        {"se": "inner/4 of site"},
        {"se": "inner/4,none"},
        {"se": "none,inner/4"},
        {"se": "standard/4"},
        {"se": "pre/4"},
        {"se": "post/4"},
        {"se": "identity/4"},
    ],
    ids=str,
)
def test_any_change_of_a_stage_makes_another_network(change):
    assert fingerprint(stage(se="inner/4")) != fingerprint(stage(**{"se": "inner/4", **change}))


def test_sites_of_equal_width_are_different_networks():
    prints = {fingerprint(stage(width=16, stride=1, se=f"{site}/4"), stem_width=16) for site in Site}

    assert len(prints) == len(Site)


@pytest.mark.parametrize("stem", [{"stem_width": 24}, {"stem_stride": 2}], ids=str)
def test_another_stem_makes_another_network(stem):
    assert fingerprint(stage(stride=1)) != fingerprint(stage(stride=1), **stem)


def test_the_order_of_stages_counts():
    a, b = stage(width=32), stage(width=64)

    assert fingerprint(a, b) != fingerprint(b, a)


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_a_fingerprint_is_the_same_in_every_process(hash_seed):
    code = "from tests.space.test_architecture import EXAMPLE; print(EXAMPLE.fingerprint())"

    printed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert printed.strip() == EXAMPLE.fingerprint() == EXAMPLE_FINGERPRINT


def test_equal_architectures_hash_equal():
    again = replace(EXAMPLE, stages=tuple(replace(stage) for stage in EXAMPLE.stages))

    assert again == EXAMPLE
    assert hash(again) == hash(EXAMPLE)


def test_the_se_of_each_stage_has_a_short_form():
    assert EXAMPLE.se_tokens == ("inner/4", "none,standard/16 of site,post/2")
    assert EXAMPLE.head_width == 48


@pytest.mark.parametrize(
    ("token", "hidden"),
    [("inner/32", 1), ("inner/16 floor", 1), ("inner/1000 eights", 8), ("inner/1000 of site eights-0.9", 8)],
)
def test_the_largest_ratio_leaves_as_many_channels_as_its_rounding_says(token, hidden):
    (block,) = next(network(stage(depth=1, se=token)).blocks())

    assert block.se.hidden == hidden


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("inner/1000", "ratio of 1000 leaves no channel of the 16 that enter the block, at site 'inner'.*at most 32"),
        ("inner/33", "ratio of 33 .* at most 32"),
        ("pre/17 floor", "ratio of 17 leaves no channel of the 16 that enter the block, at site 'pre'.*at most 16"),
        ("post/65 of site", "ratio of 65 leaves no channel of the 32 of site 'post'; it must be at most 64"),
        ("standard/33 of site floor", "ratio of 33 leaves no channel of the 32 of site 'standard'.*at most 32"),
    ],
)
def test_a_ratio_that_leaves_no_channel_is_refused(token, message):
    with pytest.raises(ValueError, match=f"^stage 2, block 1: an SE reduction {message}$"):
        network(stage(depth=1, width=16), stage(depth=1, se=token))


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ({"depth": 0, "se": ()}, "depth=0, width=32, stride=2"),
        ({"width": 0}, "depth=2, width=0, stride=2"),
        ({"stride": 0}, "depth=2, width=32, stride=0"),
        ({"width": 36}, "group_width=8, inner width 36"),
        ({"se": (None,)}, "depth 2 needs 2 SE entries, but got 1"),
        ({"se": (None,) * 3}, "depth 2 needs 2 SE entries, but got 3"),
    ],
    ids=str,
)
def test_the_error_for_a_wrong_stage_shows_its_values(change, values):
    with pytest.raises(ValueError, match=values):
        replace(stage().segments[0], **change)


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ({"stem_width": 0}, "width=0, stride=1"),
        ({"stem_stride": 0}, "width=16, stride=0"),
    ],
    ids=str,
)
def test_the_error_for_a_wrong_stem_shows_its_values(change, values):
    with pytest.raises(ValueError, match=values):
        network(stage(), **change)


def test_an_architecture_needs_a_stage():
    with pytest.raises(ValueError, match="at least one stage, but got none"):
        network()


@pytest.mark.parametrize(
    ("wrong", "values"), [({"group_width": 0}, "got 0"), ({"group_width": 8, "bottleneck": 0}, "got 0")], ids=str
)
def test_the_error_for_a_wrong_block_shows_its_values(wrong, values):
    with pytest.raises(ValueError, match=values):
        RegNetBlock(**wrong)


def test_se_at_a_site_that_the_family_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(RegNetBlock, "site_names", (Site.INNER,))

    with pytest.raises(ValueError, match="takes no SE at site 'post'"):
        stage(se="post/4")


def test_the_written_form_is_plain_data_with_short_se():
    written = EXAMPLE.to_dict()

    assert written["stem"] == {"width": 16, "stride": 1}
    assert [entry["se"] for entry in written["stages"]] == ["inner/4", ["none", "standard/16 of site", "post/2"]]
    assert Reference.SITE.value in written["stages"][1]["se"][1]
