"""The 24 published RegNets, by torchvision's form of their names.

Radosavovic et al., arXiv 2003.13678, tables 5 and 6. The numbers are those of
facebookresearch/pycls, configs/dds_baselines.
"""

from collections.abc import Mapping
from functools import partial

from se_nas.space.architecture import Architecture
from se_nas.space.families.regnet import REGNETY, fit_group_width
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.published.network import PublishedNetwork
from se_nas.space.trunks.regnet import stage_widths_and_depths


def _regnet(depth: int, w0: int, wa: float, wm: float, group_width: int, *, has_se: bool) -> PublishedNetwork:
    return PublishedNetwork(
        build=partial(_build, depth=depth, w0=w0, wa=wa, wm=wm, group_width=group_width, has_se=has_se)
    )


def _build(*, depth: int, w0: int, wa: float, wm: float, group_width: int, has_se: bool) -> Architecture:
    stages = []
    for raw_width, blocks in stage_widths_and_depths(depth=depth, w0=w0, wa=wa, wm=wm):
        width, block = fit_group_width(raw_width, group_width=group_width, bottleneck=1)
        se = (REGNETY if has_se else None,) * blocks
        stages.append(Stage.of(block, depth=blocks, width=width, stride=2, se=se))
    return Architecture(stem=Stem.plain(width=32, stride=2), stages=tuple(stages))


REGNETS: Mapping[str, PublishedNetwork] = {
    "regnet_x_200mf": _regnet(13, 24, 36.44, 2.49, 8, has_se=False),
    "regnet_x_400mf": _regnet(22, 24, 24.48, 2.54, 16, has_se=False),
    "regnet_x_600mf": _regnet(16, 48, 36.97, 2.24, 24, has_se=False),
    "regnet_x_800mf": _regnet(16, 56, 35.73, 2.28, 16, has_se=False),
    "regnet_x_1_6gf": _regnet(18, 80, 34.01, 2.25, 24, has_se=False),
    "regnet_x_3_2gf": _regnet(25, 88, 26.31, 2.25, 48, has_se=False),
    "regnet_x_4gf": _regnet(23, 96, 38.65, 2.43, 40, has_se=False),
    "regnet_x_6_4gf": _regnet(17, 184, 60.83, 2.07, 56, has_se=False),
    "regnet_x_8gf": _regnet(23, 80, 49.56, 2.88, 120, has_se=False),
    "regnet_x_12gf": _regnet(19, 168, 73.36, 2.37, 112, has_se=False),
    "regnet_x_16gf": _regnet(22, 216, 55.59, 2.1, 128, has_se=False),
    "regnet_x_32gf": _regnet(23, 320, 69.86, 2.0, 168, has_se=False),
    "regnet_y_200mf": _regnet(13, 24, 36.44, 2.49, 8, has_se=True),
    "regnet_y_400mf": _regnet(16, 48, 27.89, 2.09, 8, has_se=True),
    "regnet_y_600mf": _regnet(15, 48, 32.54, 2.32, 16, has_se=True),
    "regnet_y_800mf": _regnet(14, 56, 38.84, 2.4, 16, has_se=True),
    "regnet_y_1_6gf": _regnet(27, 48, 20.71, 2.65, 24, has_se=True),
    "regnet_y_3_2gf": _regnet(21, 80, 42.63, 2.66, 24, has_se=True),
    "regnet_y_4gf": _regnet(22, 96, 31.41, 2.24, 64, has_se=True),
    "regnet_y_6_4gf": _regnet(25, 112, 33.22, 2.27, 72, has_se=True),
    "regnet_y_8gf": _regnet(17, 192, 76.82, 2.19, 56, has_se=True),
    "regnet_y_12gf": _regnet(19, 168, 73.36, 2.37, 112, has_se=True),
    "regnet_y_16gf": _regnet(18, 200, 106.23, 2.48, 112, has_se=True),
    "regnet_y_32gf": _regnet(20, 232, 115.89, 2.53, 232, has_se=True),
}
