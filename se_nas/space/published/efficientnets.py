"""EfficientNet (Tan and Le, arXiv 1905.11946), EfficientNet-Lite, EfficientNet-EdgeTPU, TinyNet (arXiv 2010.14819,
table 1), and EfficientNetV2 (arXiv 2104.00298, table 4).

`efficientnet_b0` to `efficientnet_b7` and `efficientnet_v2_s`, `_m` and `_l` are torchvision's, and the others are
timm's. timm's `tf_` networks have the same layers and the numbers of TensorFlow's norms. TensorFlow pads a strided
convolution at the bottom and at the right only; the networks here pad on all sides.
"""

from collections.abc import Mapping
from functools import partial

from se_nas.space.activation import Activation
from se_nas.space.architecture import Architecture
from se_nas.space.families.mbconv import SE_EFFICIENTNET
from se_nas.space.parts.norm import USUAL_NORM, Norm
from se_nas.space.parts.tail import Tail
from se_nas.space.published.mbconv_strings import PLAIN, Multipliers, parse_stages
from se_nas.space.published.mobilenets import TENSORFLOW_NORM, stem_of
from se_nas.space.published.network import PublishedNetwork
from se_nas.space.trunks.efficientnet import efficientnet

COEFFICIENTS: Mapping[str, tuple[float, float, int]] = {
    "b0": (1.0, 1.0, 224),
    "b1": (1.0, 1.1, 240),
    "b2": (1.1, 1.2, 260),
    "b3": (1.2, 1.4, 300),
    "b4": (1.4, 1.8, 380),
    "b5": (1.6, 2.2, 456),
    "b6": (1.8, 2.6, 528),
    "b7": (2.0, 3.1, 600),
    "b8": (2.2, 3.6, 672),
    "l2": (4.3, 5.3, 800),
}
"""The multipliers of width and depth, and the image size: tensorflow/tpu, efficientnet_builder.py."""

LARGE_NORM = Norm(epsilon=1e-3, momentum=0.01)
"""The norms of torchvision's networks from B5 on."""

B0 = (
    "ds_r1_k3_s1_c16_se0.25 ir_r2_k3_s2_e6_c24_se0.25 ir_r2_k5_s2_e6_c40_se0.25 ir_r3_k3_s2_e6_c80_se0.25 "
    "ir_r3_k5_s1_e6_c112_se0.25 ir_r4_k5_s2_e6_c192_se0.25 ir_r1_k3_s1_e6_c320_se0.25"
)
LITE = (
    "ds_r1_k3_s1_c16 ir_r2_k3_s2_e6_c24 ir_r2_k5_s2_e6_c40 ir_r3_k3_s2_e6_c80 ir_r3_k5_s1_e6_c112 ir_r4_k5_s2_e6_c192 "
    "ir_r1_k3_s1_e6_c320"
)
EDGE = (
    "er_r1_k3_s1_e4_c24_fc24_noskip er_r2_k3_s2_e8_c32 er_r4_k3_s2_e8_c48 ir_r5_k5_s2_e8_c96 ir_r4_k5_s1_e8_c144 "
    "ir_r2_k5_s2_e8_c192"
)
V2_BASE = (
    "cn_r1_k3_s1_c16 er_r2_k3_s2_e4_c32 er_r2_k3_s2_e4_c48 ir_r3_k3_s2_e4_c96_se0.25 ir_r5_k3_s1_e6_c112_se0.25 "
    "ir_r8_k3_s2_e6_c192_se0.25"
)
V2_S = (
    "cn_r2_k3_s1_c24 er_r4_k3_s2_e4_c48 er_r4_k3_s2_e4_c64 ir_r6_k3_s2_e4_c128_se0.25 ir_r9_k3_s1_e6_c160_se0.25 "
    "ir_r15_k3_s2_e6_c256_se0.25"
)
V2_S_RW = (
    "er_r2_k3_s1_e1_c24 er_r4_k3_s2_e4_c48 er_r4_k3_s2_e4_c64 ir_r6_k3_s2_e4_c128_se0.25 ir_r9_k3_s1_e6_c160_se0.25 "
    "ir_r15_k3_s2_e6_c272_se0.25"
)
V2_M_RW = (
    "er_r3_k3_s1_e1_c24 er_r5_k3_s2_e4_c48 er_r5_k3_s2_e4_c64 ir_r8_k3_s2_e4_c128_se0.25 ir_r15_k3_s1_e6_c160_se0.25 "
    "ir_r24_k3_s2_e6_c272_se0.25"
)
V2_M = (
    "cn_r3_k3_s1_c24 er_r5_k3_s2_e4_c48 er_r5_k3_s2_e4_c80 ir_r7_k3_s2_e4_c160_se0.25 ir_r14_k3_s1_e6_c176_se0.25 "
    "ir_r18_k3_s2_e6_c304_se0.25 ir_r5_k3_s1_e6_c512_se0.25"
)
V2_L = (
    "cn_r4_k3_s1_c32 er_r7_k3_s2_e4_c64 er_r7_k3_s2_e4_c96 ir_r10_k3_s2_e4_c192_se0.25 ir_r19_k3_s1_e6_c224_se0.25 "
    "ir_r25_k3_s2_e6_c384_se0.25 ir_r7_k3_s1_e6_c640_se0.25"
)
V2_XL = (
    "cn_r4_k3_s1_c32 er_r8_k3_s2_e4_c64 er_r8_k3_s2_e4_c96 ir_r16_k3_s2_e4_c192_se0.25 ir_r24_k3_s1_e6_c256_se0.25 "
    "ir_r32_k3_s2_e6_c512_se0.25 ir_r8_k3_s1_e6_c640_se0.25"
)


def _b(name: str, norm: Norm) -> PublishedNetwork:
    width, depth, image_size = COEFFICIENTS[name]
    build = partial(efficientnet, width=width, depth=depth, se=SE_EFFICIENTNET, norm=norm)
    return PublishedNetwork(build=build, image_size=image_size)


def _other(
    strings: str,
    *,
    stem_width: int = 32,
    head_width: int = 1280,
    activation: Activation = Activation.SILU,
    multipliers: Multipliers = PLAIN,
    norm: Norm = USUAL_NORM,
) -> Architecture:
    stages = parse_stages(
        strings, stem_width=stem_width, activation=activation, se=lambda _: SE_EFFICIENTNET, multipliers=multipliers
    )
    tail = Tail(conv=head_width, activation=activation)
    return Architecture(stem=stem_of(stem_width, activation), stages=stages, tail=tail, norm=norm)


def _lite(width: float, depth: float, image_size: int, norm: Norm = USUAL_NORM) -> PublishedNetwork:
    multipliers = Multipliers(width=width, depth=depth, keep_ends=True)
    build = partial(_other, LITE, activation=Activation.RELU6, multipliers=multipliers, norm=norm)
    return PublishedNetwork(build=build, image_size=image_size)


def _edge(width: float, depth: float, image_size: int, norm: Norm = USUAL_NORM) -> PublishedNetwork:
    multipliers = Multipliers(width=width, depth=depth)
    build = partial(
        _other,
        EDGE,
        stem_width=multipliers.scaled(32),
        head_width=multipliers.scaled(1280),
        activation=Activation.RELU,
        multipliers=multipliers,
        norm=norm,
    )
    return PublishedNetwork(build=build, image_size=image_size)


def _v2_base(width: float, depth: float, image_size: int) -> PublishedNetwork:
    multipliers = Multipliers(width=width, depth=depth, least=0)
    build = partial(
        _other,
        V2_BASE,
        stem_width=multipliers.scaled(32),
        head_width=multipliers.scaled(1280),
        multipliers=multipliers,
        norm=TENSORFLOW_NORM,
    )
    return PublishedNetwork(build=build, image_size=image_size)


def _v2(
    strings: str,
    stem_width: int,
    image_size: int,
    norm: Norm,
    *,
    head_width: int = 1280,
    multipliers: Multipliers = PLAIN,
) -> PublishedNetwork:
    build = partial(
        _other,
        strings,
        stem_width=multipliers.scaled(stem_width),
        head_width=multipliers.scaled(head_width),
        multipliers=multipliers,
        norm=norm,
    )
    return PublishedNetwork(build=build, image_size=image_size)


def _tiny(width: float, depth: float, image_size: int) -> PublishedNetwork:
    """A TinyNet: EfficientNet-B0 with fewer channels and other depths. The stem and the tail keep their widths."""
    multipliers = Multipliers(width=width, depth=depth, depth_rounding=lambda scaled: max(1, round(scaled)))
    return PublishedNetwork(build=partial(_other, B0, multipliers=multipliers), image_size=image_size)


EFFICIENTNETS: Mapping[str, PublishedNetwork] = {
    **{f"efficientnet_{name}": _b(name, USUAL_NORM) for name in COEFFICIENTS},
    **{f"efficientnet_{name}": _b(name, LARGE_NORM) for name in ("b5", "b6", "b7")},
    **{f"tf_efficientnet_{name}": _b(name, TENSORFLOW_NORM) for name in COEFFICIENTS},
    "efficientnet_b0_cifar10": PublishedNetwork(
        build=partial(efficientnet, strides=(1, 1, 1, 2, 2, 2), se=SE_EFFICIENTNET), image_size=32, classes=10
    ),
    "efficientnet_lite0": _lite(1.0, 1.0, 224),
    "efficientnet_lite1": _lite(1.0, 1.1, 240),
    "efficientnet_lite2": _lite(1.1, 1.2, 260),
    "efficientnet_lite3": _lite(1.2, 1.4, 300),
    "efficientnet_lite4": _lite(1.4, 1.8, 380),
    "efficientnet_es": _edge(1.0, 1.0, 224),
    "efficientnet_em": _edge(1.0, 1.1, 240),
    "efficientnet_el": _edge(1.2, 1.4, 300),
    "tf_efficientnet_lite0": _lite(1.0, 1.0, 224, TENSORFLOW_NORM),
    "tf_efficientnet_lite1": _lite(1.0, 1.1, 240, TENSORFLOW_NORM),
    "tf_efficientnet_lite2": _lite(1.1, 1.2, 260, TENSORFLOW_NORM),
    "tf_efficientnet_lite3": _lite(1.2, 1.4, 300, TENSORFLOW_NORM),
    "tf_efficientnet_lite4": _lite(1.4, 1.8, 380, TENSORFLOW_NORM),
    "tf_efficientnet_es": _edge(1.0, 1.0, 224, TENSORFLOW_NORM),
    "tf_efficientnet_em": _edge(1.0, 1.1, 240, TENSORFLOW_NORM),
    "tf_efficientnet_el": _edge(1.2, 1.4, 300, TENSORFLOW_NORM),
    "tinynet_a": _tiny(1.0, 1.2, 192),
    "tinynet_b": _tiny(0.75, 1.1, 188),
    "tinynet_c": _tiny(0.54, 0.85, 184),
    "tinynet_d": _tiny(0.54, 0.695, 152),
    "tinynet_e": _tiny(0.51, 0.6, 106),
    "efficientnet_v2_s": _v2(V2_S, 24, 300, TENSORFLOW_NORM),
    "efficientnet_v2_m": _v2(V2_M, 24, 384, TENSORFLOW_NORM),
    "efficientnet_v2_l": _v2(V2_L, 32, 384, TENSORFLOW_NORM),
    "efficientnetv2_s": _v2(V2_S, 24, 288, USUAL_NORM),
    "efficientnetv2_m": _v2(V2_M, 24, 320, USUAL_NORM),
    "efficientnetv2_l": _v2(V2_L, 32, 384, USUAL_NORM),
    "efficientnetv2_xl": _v2(V2_XL, 32, 384, USUAL_NORM),
    "efficientnetv2_rw_t": _v2(V2_S, 24, 224, USUAL_NORM, multipliers=Multipliers(width=0.8, depth=0.9)),
    "efficientnetv2_rw_s": _v2(V2_S_RW, 24, 288, USUAL_NORM, head_width=1792),
    "efficientnetv2_rw_m": _v2(V2_M_RW, 24, 320, USUAL_NORM, head_width=1792, multipliers=Multipliers(width=1.2)),
    "tf_efficientnetv2_s": _v2(V2_S, 24, 300, TENSORFLOW_NORM),
    "tf_efficientnetv2_m": _v2(V2_M, 24, 384, TENSORFLOW_NORM),
    "tf_efficientnetv2_l": _v2(V2_L, 32, 384, TENSORFLOW_NORM),
    "tf_efficientnetv2_xl": _v2(V2_XL, 32, 384, TENSORFLOW_NORM),
    "tf_efficientnetv2_b0": _v2_base(1.0, 1.0, 192),
    "tf_efficientnetv2_b1": _v2_base(1.0, 1.1, 192),
    "tf_efficientnetv2_b2": _v2_base(1.1, 1.2, 208),
    "tf_efficientnetv2_b3": _v2_base(1.2, 1.4, 240),
}
