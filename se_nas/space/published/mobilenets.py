"""MobileNetV2 (arXiv 1801.04381, table 2) and MobileNetV3 (arXiv 1905.02244, tables 1 and 2), MobileNet-EdgeTPU, and
HardCoRe-NAS (arXiv 2102.11646), which has the ends of MobileNetV3.

Names with an underscore before the version are torchvision's, and the others are timm's. torchvision and timm build
MobileNetV3-Small with a hidden layer of 1024 channels; the paper has 1280, and SE on the last 1×1. timm's `tf_`
networks have the same layers and the numbers of TensorFlow's norms. TensorFlow pads a strided convolution at the bottom
and at the right only; the networks here pad on all sides.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from se_nas.space.activation import Activation
from se_nas.space.architecture import Architecture
from se_nas.space.attention.squeeze_excite import Rounding, SqueezeExciteSpec
from se_nas.space.families.mbconv import SE_MOBILENET_V3
from se_nas.space.parts.norm import USUAL_NORM, Norm
from se_nas.space.parts.stem import Stem, StemConv
from se_nas.space.parts.tail import Tail
from se_nas.space.published.mbconv_strings import PLAIN, Choose, Multipliers, parse_stages
from se_nas.space.published.network import PublishedNetwork

V2 = (
    "ds_r1_k3_s1_c16 ir_r2_k3_s2_e6_c24 ir_r3_k3_s2_e6_c32 ir_r4_k3_s2_e6_c64 ir_r3_k3_s1_e6_c96 ir_r3_k3_s2_e6_c160 "
    "ir_r1_k3_s1_e6_c320"
)
V2_AT_32_PX = V2.replace("ir_r2_k3_s2_e6_c24", "ir_r2_k3_s1_e6_c24")
V3_LARGE = (
    "ds_r1_k3_s1_c16_nre ir_r1_k3_s2_e4_c24_nre ir_r1_k3_s1_e3_c24_nre ir_r3_k5_s2_e3_c40_se0.25_nre "
    "ir_r1_k3_s2_e6_c80 ir_r1_k3_s1_e2.5_c80 ir_r2_k3_s1_e2.3_c80 ir_r2_k3_s1_e6_c112_se0.25 ir_r3_k5_s2_e6_c160_se0.25"
)
V3_SMALL = (
    "ds_r1_k3_s2_c16_se0.25_nre ir_r1_k3_s2_e4.5_c24_nre ir_r1_k3_s1_e3.67_c24_nre ir_r1_k5_s2_e4_c40_se0.25 "
    "ir_r2_k5_s1_e6_c40_se0.25 ir_r2_k5_s1_e3_c48_se0.25 ir_r3_k5_s2_e6_c96_se0.25"
)
V3_LARGE_MINIMAL = (
    "ds_r1_k3_s1_c16 ir_r1_k3_s2_e4_c24 ir_r1_k3_s1_e3_c24 ir_r3_k3_s2_e3_c40 ir_r1_k3_s2_e6_c80 ir_r1_k3_s1_e2.5_c80 "
    "ir_r2_k3_s1_e2.3_c80 ir_r2_k3_s1_e6_c112 ir_r3_k3_s2_e6_c160"
)
V3_SMALL_MINIMAL = (
    "ds_r1_k3_s2_c16 ir_r1_k3_s2_e4.5_c24 ir_r1_k3_s1_e3.67_c24 ir_r1_k3_s2_e4_c40 ir_r2_k3_s1_e6_c40 "
    "ir_r2_k3_s1_e3_c48 ir_r3_k3_s2_e6_c96"
)
EDGE_TPU = (
    "er_r1_k3_s2_e8_c32 er_r3_k3_s1_e4_c32 er_r1_k3_s2_e8_c48 er_r3_k3_s1_e4_c48 ir_r1_k3_s2_e8_c96 ir_r3_k3_s1_e4_c96 "
    "ir_r1_k3_s1_e8_c96_noskip ir_r3_k3_s1_e4_c96 ir_r1_k5_s2_e8_c160 ir_r3_k5_s1_e4_c160 ir_r1_k3_s1_e8_c192"
)
HARDCORE_NAS: Mapping[str, str] = {
    "hardcorenas_a": (
        "ds_r1_k3_s1_c16_nre ir_r1_k5_s2_e3_c24_nre ir_r1_k5_s1_e3_c24_nre_se0.25 ir_r1_k5_s2_e3_c40_nre "
        "ir_r1_k5_s1_e6_c40_nre_se0.25 ir_r1_k5_s2_e6_c80_se0.25 ir_r1_k5_s1_e6_c80_se0.25 "
        "ir_r1_k5_s1_e6_c112_se0.25 ir_r1_k5_s1_e6_c112_se0.25 ir_r1_k5_s2_e6_c192_se0.25 "
        "ir_r1_k5_s1_e6_c192_se0.25"
    ),
    "hardcorenas_b": (
        "ds_r1_k3_s1_c16_nre ir_r1_k5_s2_e3_c24_nre ir_r1_k5_s1_e3_c24_nre_se0.25 ir_r1_k3_s1_e3_c24_nre "
        "ir_r1_k5_s2_e3_c40_nre ir_r1_k5_s1_e3_c40_nre ir_r1_k5_s1_e3_c40_nre ir_r1_k5_s2_e3_c80 "
        "ir_r1_k5_s1_e3_c80 ir_r1_k3_s1_e3_c80 ir_r1_k3_s1_e3_c80 ir_r1_k5_s1_e3_c112 ir_r1_k3_s1_e3_c112 "
        "ir_r1_k3_s1_e3_c112 ir_r1_k3_s1_e3_c112 ir_r1_k5_s2_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25 "
        "ir_r1_k3_s1_e3_c192_se0.25"
    ),
    "hardcorenas_c": (
        "ds_r1_k3_s1_c16_nre ir_r1_k5_s2_e3_c24_nre ir_r1_k5_s1_e3_c24_nre_se0.25 ir_r1_k5_s2_e3_c40_nre "
        "ir_r1_k5_s1_e3_c40_nre ir_r1_k5_s1_e3_c40_nre ir_r1_k5_s1_e3_c40_nre ir_r1_k5_s2_e4_c80 "
        "ir_r1_k5_s1_e6_c80_se0.25 ir_r1_k3_s1_e3_c80 ir_r1_k3_s1_e3_c80 ir_r1_k5_s1_e6_c112_se0.25 "
        "ir_r1_k3_s1_e3_c112 ir_r1_k3_s1_e3_c112 ir_r1_k3_s1_e3_c112 ir_r1_k5_s2_e6_c192_se0.25 "
        "ir_r1_k5_s1_e6_c192_se0.25 ir_r1_k3_s1_e3_c192_se0.25"
    ),
    "hardcorenas_d": (
        "ds_r1_k3_s1_c16_nre ir_r1_k5_s2_e3_c24_nre_se0.25 ir_r1_k5_s1_e3_c24_nre_se0.25 "
        "ir_r1_k5_s2_e3_c40_nre_se0.25 ir_r1_k5_s1_e4_c40_nre_se0.25 ir_r1_k3_s1_e3_c40_nre_se0.25 "
        "ir_r1_k5_s2_e4_c80_se0.25 ir_r1_k3_s1_e3_c80_se0.25 ir_r1_k3_s1_e3_c80_se0.25 ir_r1_k3_s1_e3_c80_se0.25 "
        "ir_r1_k3_s1_e4_c112_se0.25 ir_r1_k5_s1_e4_c112_se0.25 ir_r1_k3_s1_e3_c112_se0.25 "
        "ir_r1_k5_s1_e3_c112_se0.25 ir_r1_k5_s2_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25 "
        "ir_r1_k5_s1_e6_c192_se0.25 ir_r1_k3_s1_e6_c192_se0.25"
    ),
    "hardcorenas_e": (
        "ds_r1_k3_s1_c16_nre ir_r1_k5_s2_e3_c24_nre_se0.25 ir_r1_k5_s1_e3_c24_nre_se0.25 "
        "ir_r1_k5_s2_e6_c40_nre_se0.25 ir_r1_k5_s1_e4_c40_nre_se0.25 ir_r1_k5_s1_e4_c40_nre_se0.25 "
        "ir_r1_k3_s1_e3_c40_nre_se0.25 ir_r1_k5_s2_e4_c80_se0.25 ir_r1_k3_s1_e6_c80_se0.25 "
        "ir_r1_k5_s1_e6_c112_se0.25 ir_r1_k5_s1_e6_c112_se0.25 ir_r1_k5_s1_e6_c112_se0.25 "
        "ir_r1_k5_s1_e3_c112_se0.25 ir_r1_k5_s2_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25 "
        "ir_r1_k5_s1_e6_c192_se0.25 ir_r1_k3_s1_e6_c192_se0.25"
    ),
    "hardcorenas_f": (
        "ds_r1_k3_s1_c16_nre ir_r1_k5_s2_e3_c24_nre_se0.25 ir_r1_k5_s1_e3_c24_nre_se0.25 "
        "ir_r1_k5_s2_e6_c40_nre_se0.25 ir_r1_k5_s1_e6_c40_nre_se0.25 ir_r1_k5_s2_e6_c80_se0.25 "
        "ir_r1_k5_s1_e6_c80_se0.25 ir_r1_k3_s1_e3_c80_se0.25 ir_r1_k3_s1_e3_c80_se0.25 ir_r1_k3_s1_e6_c112_se0.25 "
        "ir_r1_k5_s1_e6_c112_se0.25 ir_r1_k5_s1_e6_c112_se0.25 ir_r1_k3_s1_e3_c112_se0.25 "
        "ir_r1_k5_s2_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25 ir_r1_k3_s1_e6_c192_se0.25 "
        "ir_r1_k3_s1_e6_c192_se0.25"
    ),
}

TORCHVISION_V3_NORM = Norm(epsilon=1e-3, momentum=0.01)
TENSORFLOW_NORM = Norm(epsilon=1e-3)


def stem_of(width: int, activation: Activation, *, stride: int = 2) -> Stem:
    """A stem of one 3×3 convolution."""
    return Stem(convs=(StemConv(kernel=3, stride=stride, width=width),), activation=activation)


def _v2(multipliers: Multipliers = PLAIN, *, small_images: bool = False) -> Architecture:
    """MobileNetV2. For images of 32 px, its stem and its second stage have stride 1."""
    stem_width = 32 if multipliers.keep_ends else multipliers.scaled(32)
    head_width = 1280 if multipliers.keep_ends else max(1280, multipliers.scaled(1280))
    return Architecture(
        stem=stem_of(stem_width, Activation.RELU6, stride=1 if small_images else 2),
        stages=parse_stages(
            V2_AT_32_PX if small_images else V2,
            stem_width=stem_width,
            activation=Activation.RELU6,
            multipliers=multipliers,
        ),
        tail=Tail(conv=head_width, activation=Activation.RELU6),
    )


def _edge_tpu() -> Architecture:
    """MobileNet-EdgeTPU. Its first block is one convolution 1×1, which is in the stem here."""
    convs = (StemConv(kernel=3, stride=2, width=32), StemConv(kernel=1, stride=1, width=16))
    stages = parse_stages(EDGE_TPU, stem_width=16, activation=Activation.RELU)
    return Architecture(stem=Stem(convs=convs), stages=stages, tail=Tail(conv=1280))


def v3_like(
    strings: str,
    *,
    conv: int,
    hidden: int,
    stem_width: int = 16,
    hidden_bias: bool = True,
    activation: Activation = Activation.HARD_SWISH,
    se: Choose = lambda _: SE_MOBILENET_V3,
    multipliers: Multipliers = PLAIN,
    norm: Norm = USUAL_NORM,
) -> Architecture:
    """A network with the ends of MobileNetV3: a 1×1 before the pool, and a hidden layer behind it."""
    stages = parse_stages(strings, stem_width=stem_width, activation=activation, se=se, multipliers=multipliers)
    tail = Tail(conv=multipliers.scaled(conv), hidden=hidden, hidden_bias=hidden_bias, activation=activation)
    return Architecture(stem=stem_of(stem_width, activation), stages=stages, tail=tail, norm=norm)


def _v3(
    strings: str,
    *,
    conv: int,
    hidden: int,
    width: float = 1,
    activation: Activation = Activation.HARD_SWISH,
    norm: Norm = USUAL_NORM,
) -> PublishedNetwork:
    multipliers = Multipliers(width=width)
    stem_width = 16 if width < 0.75 else multipliers.scaled(16)
    build = partial(
        v3_like,
        strings,
        conv=conv,
        hidden=hidden,
        stem_width=stem_width,
        activation=activation,
        multipliers=multipliers,
        norm=norm,
    )
    return PublishedNetwork(build=build)


def _of_block(activation: Activation) -> SqueezeExciteSpec:
    """SE of timm's `mobilenetv3_rw`: not rounded to eights, with the block's activation."""
    return replace(SE_MOBILENET_V3, rounding=Rounding.NEAREST, activation=activation)


_large = partial(_v3, V3_LARGE, conv=960, hidden=1280)
_small = partial(_v3, V3_SMALL, conv=576, hidden=1024)
_large_minimal = partial(_v3, V3_LARGE_MINIMAL, conv=960, hidden=1280, activation=Activation.RELU)
_small_minimal = partial(_v3, V3_SMALL_MINIMAL, conv=576, hidden=1024, activation=Activation.RELU)

MOBILENETS: Mapping[str, PublishedNetwork] = {
    "mobilenet_v2": PublishedNetwork(build=_v2),
    "mobilenetv2_035": PublishedNetwork(build=partial(_v2, Multipliers(width=0.35))),
    "mobilenetv2_050": PublishedNetwork(build=partial(_v2, Multipliers(width=0.5))),
    "mobilenetv2_075": PublishedNetwork(build=partial(_v2, Multipliers(width=0.75))),
    "mobilenetv2_100": PublishedNetwork(build=_v2),
    "mobilenetv2_110d": PublishedNetwork(build=partial(_v2, Multipliers(width=1.1, depth=1.2, keep_ends=True))),
    "mobilenetv2_120d": PublishedNetwork(build=partial(_v2, Multipliers(width=1.2, depth=1.4, keep_ends=True))),
    "mobilenetv2_140": PublishedNetwork(build=partial(_v2, Multipliers(width=1.4))),
    "mobilenetv2_cifar10": PublishedNetwork(build=partial(_v2, small_images=True), image_size=32, classes=10),
    "mobilenet_v3_large": _large(norm=TORCHVISION_V3_NORM),
    "mobilenet_v3_small": _small(norm=TORCHVISION_V3_NORM),
    "mobilenetv3_large_075": _large(width=0.75),
    "mobilenetv3_large_100": _large(),
    "mobilenetv3_small_050": _small(width=0.5),
    "mobilenetv3_small_075": _small(width=0.75),
    "mobilenetv3_small_100": _small(),
    "mobilenetv3_rw": PublishedNetwork(
        build=partial(
            v3_like,
            V3_LARGE.replace("c16_nre", "c16_nre_noskip"),
            conv=960,
            hidden=1280,
            hidden_bias=False,
            se=_of_block,
            norm=TENSORFLOW_NORM,
        )
    ),
    "tf_mobilenetv3_large_075": _large(width=0.75, norm=TENSORFLOW_NORM),
    "tf_mobilenetv3_large_100": _large(norm=TENSORFLOW_NORM),
    "tf_mobilenetv3_large_minimal_100": _large_minimal(norm=TENSORFLOW_NORM),
    "tf_mobilenetv3_small_075": _small(width=0.75, norm=TENSORFLOW_NORM),
    "tf_mobilenetv3_small_100": _small(norm=TENSORFLOW_NORM),
    "tf_mobilenetv3_small_minimal_100": _small_minimal(norm=TENSORFLOW_NORM),
    "mobilenet_edgetpu_100": PublishedNetwork(build=_edge_tpu),
    **{
        name: PublishedNetwork(build=partial(v3_like, strings, conv=960, hidden=1280, stem_width=32))
        for name, strings in HARDCORE_NAS.items()
    },
}
