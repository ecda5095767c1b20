"""The published RegNets. timm's names mean the 24 networks of the paper, and two larger networks of SEER (arXiv
2103.01988). torchvision's names, and timm's names with `_tv`, mean torchvision's networks.

Radosavovic et al., arXiv 2003.13678, tables 5 and 6. The numbers are those of facebookresearch/pycls,
configs/dds_baselines.
torchvision rounds a width to the group width in another way than pycls, so some of its networks are wider.
"""

from collections.abc import Callable, Mapping
from functools import partial

from se_nas.space.architecture import Architecture
from se_nas.space.families.regnet import REGNETY, RegNetBlock, fit_group_width
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.published.network import PublishedNetwork
from se_nas.space.trunks.regnet import stage_widths_and_depths
from se_nas.space.widths import round_to_multiple

Law = tuple[int, int, float, float, int]
"""Depth, w0, wa, wm and group width."""
Fit = Callable[[int, int], tuple[int, RegNetBlock]]
"""Makes a stage's width and block of the width by the law and the group width."""


def _as_in_pycls(width: int, group_width: int) -> tuple[int, RegNetBlock]:
    return fit_group_width(width, group_width=group_width, bottleneck=1)


def _as_in_torchvision(width: int, group_width: int) -> tuple[int, RegNetBlock]:
    """torchvision, models/regnet.py, `_adjust_widths_groups_compatibilty`."""
    group_width = min(group_width, width)
    return round_to_multiple(width, divisor=group_width), RegNetBlock(group_width=group_width)


def _build(law: Law, fit: Fit, *, has_se: bool) -> Architecture:
    depth, w0, wa, wm, group_width = law
    stages = []
    for raw_width, blocks in stage_widths_and_depths(depth=depth, w0=w0, wa=wa, wm=wm):
        width, block = fit(raw_width, group_width)
        se = (REGNETY if has_se else None,) * blocks
        stages.append(Stage.of(block, depth=blocks, width=width, stride=2, se=se))
    return Architecture(stem=Stem.plain(width=32, stride=2), stages=tuple(stages))


def _networks(laws: Mapping[str, Law], fit: Fit) -> dict[str, PublishedNetwork]:
    """The networks of these laws. The name of a network with SE has a y."""
    return {name: PublishedNetwork(build=partial(_build, law, fit, has_se="y" in name)) for name, law in laws.items()}


OF_PAPER: Mapping[str, Law] = {
    "regnetx_002": (13, 24, 36.44, 2.49, 8),
    "regnetx_004": (22, 24, 24.48, 2.54, 16),
    "regnetx_006": (16, 48, 36.97, 2.24, 24),
    "regnetx_008": (16, 56, 35.73, 2.28, 16),
    "regnetx_016": (18, 80, 34.01, 2.25, 24),
    "regnetx_032": (25, 88, 26.31, 2.25, 48),
    "regnetx_040": (23, 96, 38.65, 2.43, 40),
    "regnetx_064": (17, 184, 60.83, 2.07, 56),
    "regnetx_080": (23, 80, 49.56, 2.88, 120),
    "regnetx_120": (19, 168, 73.36, 2.37, 112),
    "regnetx_160": (22, 216, 55.59, 2.1, 128),
    "regnetx_320": (23, 320, 69.86, 2.0, 168),
    "regnety_002": (13, 24, 36.44, 2.49, 8),
    "regnety_004": (16, 48, 27.89, 2.09, 8),
    "regnety_006": (15, 48, 32.54, 2.32, 16),
    "regnety_008": (14, 56, 38.84, 2.4, 16),
    "regnety_016": (27, 48, 20.71, 2.65, 24),
    "regnety_032": (21, 80, 42.63, 2.66, 24),
    "regnety_040": (22, 96, 31.41, 2.24, 64),
    "regnety_064": (25, 112, 33.22, 2.27, 72),
    "regnety_080": (17, 192, 76.82, 2.19, 56),
    "regnety_120": (19, 168, 73.36, 2.37, 112),
    "regnety_160": (18, 200, 106.23, 2.48, 112),
    "regnety_320": (20, 232, 115.89, 2.53, 232),
}

OF_SEER: Mapping[str, Law] = {
    "regnety_640": (20, 352, 147.48, 2.4, 328),
    "regnety_1280": (27, 456, 160.83, 2.52, 264),
}

OF_TORCHVISION: Mapping[str, Law] = {
    "regnet_x_16gf": (22, 216, 55.59, 2.1, 128),
    "regnet_x_1_6gf": (18, 80, 34.01, 2.25, 24),
    "regnet_x_32gf": (23, 320, 69.86, 2.0, 168),
    "regnet_x_3_2gf": (25, 88, 26.31, 2.25, 48),
    "regnet_x_400mf": (22, 24, 24.48, 2.54, 16),
    "regnet_x_800mf": (16, 56, 35.73, 2.28, 16),
    "regnet_x_8gf": (23, 80, 49.56, 2.88, 120),
    "regnet_y_128gf": (27, 456, 160.83, 2.52, 264),
    "regnet_y_16gf": (18, 200, 106.23, 2.48, 112),
    "regnet_y_1_6gf": (27, 48, 20.71, 2.65, 24),
    "regnet_y_32gf": (20, 232, 115.89, 2.53, 232),
    "regnet_y_3_2gf": (21, 80, 42.63, 2.66, 24),
    "regnet_y_400mf": (16, 48, 27.89, 2.09, 8),
    "regnet_y_800mf": (14, 56, 38.84, 2.4, 16),
    "regnet_y_8gf": (17, 192, 76.82, 2.19, 56),
    "regnetx_004_tv": (22, 24, 24.48, 2.54, 16),
    "regnety_008_tv": (14, 56, 38.84, 2.4, 16),
    "regnety_080_tv": (17, 192, 76.82, 2.19, 56),
}

REGNETS: Mapping[str, PublishedNetwork] = {
    **_networks(OF_PAPER, _as_in_pycls),
    **_networks(OF_SEER, _as_in_pycls),
    **_networks(OF_TORCHVISION, _as_in_torchvision),
}
