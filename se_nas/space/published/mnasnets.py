"""MnasNet (Tan et al., arXiv 1807.11626, figure 7), and networks of the same kind that were searched later: Single-Path
NAS (arXiv 1904.02877), FBNet (arXiv 1812.03443, table 2), and FBNetV3 (arXiv 2006.02049).

`mnasnet1_0` and its like are torchvision's, `mnasnet_a1`, `mnasnet_b1` and `fbnet_cb` are pytorchcv's, and the others
are timm's. MnasNet-A1 (`semnasnet`) has SE, and MnasNet-B1 has none. timm calls its form of FBNetV3 preliminary.
"""

from collections.abc import Mapping
from functools import partial

from se_nas.space.activation import Activation
from se_nas.space.architecture import Architecture
from se_nas.space.families.mbconv import SE_FBNET_V3, SE_MNASNET
from se_nas.space.parts.norm import USUAL_NORM, Norm
from se_nas.space.parts.tail import Tail
from se_nas.space.published.mbconv_strings import Multipliers, parse_stages
from se_nas.space.published.mobilenets import stem_of, v3_like
from se_nas.space.published.network import PublishedNetwork

A1 = (
    "ds_r1_k3_s1_c16 ir_r2_k3_s2_e6_c24 ir_r3_k5_s2_e3_c40_se0.25 ir_r4_k3_s2_e6_c80 ir_r2_k3_s1_e6_c112_se0.25 "
    "ir_r3_k5_s2_e6_c160_se0.25 ir_r1_k3_s1_e6_c320"
)
B1 = (
    "ds_r1_k3_s1_c16 ir_r3_k3_s2_e3_c24 ir_r3_k5_s2_e3_c40 ir_r3_k5_s2_e6_c80 ir_r2_k3_s1_e6_c96 ir_r4_k5_s2_e6_c192 "
    "ir_r1_k3_s1_e6_c320"
)
SMALL = (
    "ds_r1_k3_s1_c8 ir_r1_k3_s2_e3_c16 ir_r2_k3_s2_e6_c16 ir_r4_k5_s2_e6_c32_se0.25 ir_r3_k3_s1_e6_c32_se0.25 "
    "ir_r3_k5_s2_e6_c88_se0.25 ir_r1_k3_s1_e6_c144"
)
SINGLE_PATH = (
    "ds_r1_k3_s1_c16 ir_r3_k3_s2_e3_c24 ir_r1_k5_s2_e6_c40 ir_r3_k3_s1_e3_c40 ir_r1_k5_s2_e6_c80 ir_r3_k3_s1_e3_c80 "
    "ir_r1_k5_s1_e6_c96 ir_r3_k5_s1_e3_c96 ir_r4_k5_s2_e6_c192 ir_r1_k3_s1_e6_c320"
)
FBNET_C = (
    "ir_r1_k3_s1_e1_c16 ir_r1_k3_s2_e6_c24 ir_r2_k3_s1_e1_c24 ir_r1_k5_s2_e6_c32 ir_r1_k5_s1_e3_c32 ir_r1_k5_s1_e6_c32 "
    "ir_r1_k3_s1_e6_c32 ir_r1_k5_s2_e6_c64 ir_r1_k5_s1_e3_c64 ir_r2_k5_s1_e6_c64 ir_r3_k5_s1_e6_c112 "
    "ir_r1_k5_s1_e3_c112 ir_r4_k5_s2_e6_c184 ir_r1_k3_s1_e6_c352"
)
FBNET_V3_B = (
    "ds_r2_k3_s1_c16 ir_r1_k5_s2_e4_c24 ir_r3_k5_s1_e2_c24 ir_r1_k5_s2_e5_c40_se0.25 ir_r4_k5_s1_e3_c40_se0.25 "
    "ir_r1_k5_s2_e5_c72 ir_r4_k3_s1_e3_c72 ir_r1_k3_s1_e5_c120_se0.25 ir_r5_k5_s1_e3_c120_se0.25 "
    "ir_r1_k3_s2_e6_c184_se0.25 ir_r5_k5_s1_e4_c184_se0.25 ir_r1_k5_s1_e6_c224_se0.25"
)
FBNET_V3_D = (
    "ds_r2_k3_s1_c16 ir_r1_k3_s2_e5_c24 ir_r5_k3_s1_e2_c24 ir_r1_k5_s2_e4_c40_se0.25 ir_r4_k3_s1_e3_c40_se0.25 "
    "ir_r1_k3_s2_e5_c72 ir_r4_k3_s1_e3_c72 ir_r1_k3_s1_e5_c128_se0.25 ir_r6_k5_s1_e3_c128_se0.25 "
    "ir_r1_k3_s2_e6_c208_se0.25 ir_r5_k5_s1_e5_c208_se0.25 ir_r1_k5_s1_e6_c240_se0.25"
)
FBNET_V3_G = (
    "ds_r3_k3_s1_c24 ir_r1_k5_s2_e4_c40 ir_r4_k5_s1_e2_c40 ir_r1_k5_s2_e4_c56_se0.25 ir_r4_k5_s1_e3_c56_se0.25 "
    "ir_r1_k5_s2_e5_c104 ir_r4_k3_s1_e3_c104 ir_r1_k3_s1_e5_c160_se0.25 ir_r8_k5_s1_e3_c160_se0.25 "
    "ir_r1_k3_s2_e6_c264_se0.25 ir_r6_k5_s1_e5_c264_se0.25 ir_r2_k5_s1_e6_c288_se0.25"
)

TORCHVISION_NORM = Norm(momentum=1 - 0.9997)
FBNET_NORM = Norm(epsilon=1e-3)


def _mnasnet(
    strings: str, *, width: float = 1, stem_width: int = 32, head_width: int = 1280, norm: Norm = USUAL_NORM
) -> Architecture:
    multipliers = Multipliers(width=width)
    stem_width = multipliers.scaled(stem_width)
    return Architecture(
        stem=stem_of(stem_width, Activation.RELU),
        stages=parse_stages(
            strings,
            stem_width=stem_width,
            activation=Activation.RELU,
            se=lambda _: SE_MNASNET,
            multipliers=multipliers,
        ),
        tail=Tail(conv=head_width),
        norm=norm,
    )


def _a1(width: float = 1) -> PublishedNetwork:
    return PublishedNetwork(build=partial(_mnasnet, A1, width=width))


def _b1(width: float = 1, norm: Norm = USUAL_NORM) -> PublishedNetwork:
    return PublishedNetwork(build=partial(_mnasnet, B1, width=width, norm=norm))


def _fbnet_c(norm: Norm) -> PublishedNetwork:
    return PublishedNetwork(build=partial(_mnasnet, FBNET_C, stem_width=16, head_width=1984, norm=norm))


def _fbnet_v3(strings: str, *, stem_width: int, conv: int, image_size: int) -> PublishedNetwork:
    build = partial(
        v3_like,
        strings,
        conv=conv,
        hidden=1984,
        stem_width=stem_width,
        hidden_bias=False,
        se=lambda _: SE_FBNET_V3,
        multipliers=Multipliers(least=0.95),
    )
    return PublishedNetwork(build=build, image_size=image_size)


MNASNETS: Mapping[str, PublishedNetwork] = {
    "mnasnet0_5": _b1(0.5, TORCHVISION_NORM),
    "mnasnet0_75": _b1(0.75, TORCHVISION_NORM),
    "mnasnet1_0": _b1(1, TORCHVISION_NORM),
    "mnasnet1_3": _b1(1.3, TORCHVISION_NORM),
    "mnasnet_050": _b1(0.5),
    "mnasnet_075": _b1(0.75),
    "mnasnet_100": _b1(),
    "mnasnet_140": _b1(1.4),
    "mnasnet_a1": _a1(),
    "mnasnet_b1": _b1(),
    "mnasnet_small": PublishedNetwork(build=partial(_mnasnet, SMALL, stem_width=8)),
    "semnasnet_050": _a1(0.5),
    "semnasnet_075": _a1(0.75),
    "semnasnet_100": _a1(),
    "semnasnet_140": _a1(1.4),
    "spnasnet_100": PublishedNetwork(build=partial(_mnasnet, SINGLE_PATH)),
    "fbnetc_100": _fbnet_c(USUAL_NORM),
    "fbnet_cb": _fbnet_c(FBNET_NORM),
    "fbnetv3_b": _fbnet_v3(FBNET_V3_B, stem_width=16, conv=1344, image_size=224),
    "fbnetv3_d": _fbnet_v3(FBNET_V3_D, stem_width=24, conv=1440, image_size=224),
    "fbnetv3_g": _fbnet_v3(FBNET_V3_G, stem_width=32, conv=1728, image_size=240),
}
