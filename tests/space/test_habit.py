"""The SE of the published networks of a trunk's family."""

import pytest

from se_nas.space.attention.tokens import format_token
from se_nas.space.families.fused_mbconv import FusedMBConv
from se_nas.space.families.mbconv import MBConv
from se_nas.space.files.architecture_file import parse_architecture
from se_nas.space.files.loading import load_design_space
from se_nas.space.habit import published_names
from se_nas.space.placements import attention_if_on, has_se, with_published_se, without_se
from se_nas.space.published import PUBLISHED

V3 = "inner/4 of site eights-0.9 hard-sigmoid"
MNASNET, EFFICIENTNET = "inner/4 floor", "inner/4 floor silu"
OTHER_SE = {"mobilenetv3_rw"}  # timm's own departure from MobileNetV3, for which it has other weights


def mobile_networks():
    """The published networks of MBConv blocks that have SE."""
    for name, published in PUBLISHED.items():
        network = published.build()
        families = {type(block.family) for blocks in network.blocks() for block in blocks}
        if families <= {MBConv, FusedMBConv} and any(has_se(network, index) for index in range(len(network.stages))):
            yield name, network


def tokens(network):
    return [format_token(spec) for stage in network.stages for spec in stage.se]


def test_se_everywhere_is_the_se_that_the_published_network_has_in_some_blocks():
    networks = {name: network for name, network in mobile_networks() if name not in OTHER_SE}

    assert len(networks) > 40
    for name, network in networks.items():
        pairs = zip(tokens(network), tokens(with_published_se(without_se(network))), strict=True)
        assert all(own in ("none", habit) for own, habit in pairs), name


@pytest.mark.parametrize(
    ("name", "token", "names"),
    [
        ("mobilenet_v3_large", V3, ("MobileNetV3 without SE", "MobileNetV3")),
        ("mobilenet_v3_small", V3, ("MobileNetV3 without SE", "MobileNetV3")),
        ("tf_mobilenetv3_small_minimal_100", V3, ("MobileNetV3 without SE", "MobileNetV3")),
        ("hardcorenas_b", V3, ("MobileNetV3 without SE", "MobileNetV3")),
        ("fbnetv3_d", "inner/4 eights-0.95 hard-swish hard-sigmoid", ("FBNetV3 without SE", "FBNetV3")),
        ("mnasnet1_0", MNASNET, ("MnasNet-B1", "MnasNet-A1")),
        ("mobilenet_v2", MNASNET, ("MobileNetV2", "SE-MobileNetV2")),
        ("efficientnet_b3", EFFICIENTNET, ("EfficientNet without SE", "EfficientNet")),
        ("mobilenet_w1", "end/16 of site floor", ("MobileNetV1", "SE-MobileNetV1")),
        ("lcnet_100", "inner/4 of site hard-sigmoid", ("PP-LCNet without SE", "PP-LCNet")),
    ],
)
def test_all_blocks_of_a_trunk_have_the_se_of_its_family(name, token, names):
    network = without_se(PUBLISHED[name].build())

    assert set(tokens(with_published_se(network))) == {token}
    assert published_names(network) == names
    for index in range(len(network.stages)):
        assert {format_token(spec) for spec in attention_if_on(network, index)} == {token}


def test_efficientnetv2_has_one_name_and_the_se_of_efficientnet():
    network = without_se(PUBLISHED["efficientnet_v2_s"].build())

    assert set(tokens(with_published_se(network))) == {EFFICIENTNET, EFFICIENTNET.replace("inner", "standard")}
    assert published_names(network) == ("EfficientNetV2 without SE", "SE-EfficientNetV2")


MOBILE = {
    "stem": {"width": 16, "stride": 1},
    "stages": [
        {"family": "mbconv", "activation": "relu", "expansion": 2, "depth": 2, "width": 16, "stride": 1, "se": True},
        {"family": "mbconv", "activation": "relu", "expansion": 2, "depth": 1, "width": 24, "stride": 2, "se": True},
    ],
}


@pytest.mark.parametrize(
    ("last", "tail", "token"),
    [
        ("hard-swish", {}, V3),
        ("relu", {"conv": 64, "hidden": 32}, V3),
        ("silu", {}, EFFICIENTNET),
        ("relu", {"conv": 64}, MNASNET),
    ],
)
def test_true_in_a_file_is_the_se_of_the_trunk(tmp_path, last, tail, token):
    stages = [MOBILE["stages"][0], {**MOBILE["stages"][1], "activation": last}]

    network = parse_architecture({**MOBILE, "stages": stages, "tail": tail}, tmp_path / "net.yaml")

    assert set(tokens(network)) == {token}


def test_a_space_has_the_se_of_the_trunk_where_its_file_names_none(tmp_path):
    (tmp_path / "space.yaml").write_text("image_size: 64\ntrunk: tf_mobilenetv3_small_minimal_100\n")

    space = load_design_space(tmp_path / "space.yaml")

    assert set(space.decode(dict.fromkeys(space.decisions, True)).se_tokens) == {V3}


@pytest.mark.parametrize(
    ("stage", "token"),
    [
        ({"family": "basic", "width": 8}, "standard/8 of site floor"),
        ({"family": "basic", "width": 64}, "standard/16 of site floor"),
        ({"family": "shuffle_v2", "width": 6}, "standard/3 of site floor hard-sigmoid no-bias"),
        ({"family": "separable", "width": 12}, "end/12 of site floor"),
    ],
)
def test_a_narrow_block_has_the_largest_ratio_that_leaves_a_channel(tmp_path, stage, token):
    data = {"stem": {"width": 8, "stride": 1}, "stages": [{"depth": 1, "stride": 1, **stage}]}

    network = with_published_se(parse_architecture(data, tmp_path / "net.yaml"))

    assert tokens(network) == [token]
