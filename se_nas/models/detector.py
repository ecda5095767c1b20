"""Detectors of torchvision on the trunk of a network: Faster R-CNN, RetinaNet and FCOS with a feature pyramid.

Faster R-CNN: Ren et al., arXiv 1506.01497; its feature pyramid (FPN): Lin et al., arXiv 1612.03144; RetinaNet: Lin et
al., arXiv 1708.02002; FCOS: Tian et al., arXiv 1904.01355. A trunk of a published size gets the published levels and
anchors. A small trunk, or a trunk for small images, gets the levels that its maps allow.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

from se_nas.errors import InputError
from se_nas.models.backbone import Backbone, as_backbone
from se_nas.space.architecture import Architecture

DetectorKind = Literal["faster_rcnn", "retinanet", "fcos"]

PUBLISHED_SIDE = 800
"""The short side of the images, in pixels, for which the published levels and anchors are made."""
LARGEST_ANCHOR = 512 / PUBLISHED_SIDE
"""The side of the largest anchor, as a fraction of the image's short side."""
DEEPEST_STRIDE = 32
"""The stride to which convolutions extend a trunk that has only smaller strides."""
CELLS = 4
"""The least number of cells along the short side of an image at a level that is added to the trunk's own."""
PYRAMID_WIDTH = 256
GROUPS = 32
"""The width of a pyramid is a multiple of this, because the heads of FCOS normalise in this number of groups."""
MOST_BOXES = 100
"""The number of boxes that a detector finds in an image at most, as in COCO's evaluation."""
LEAST_SCORE = 0.05
POOLED = "pool"
"""The name of the level that only proposes boxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSettings:
    """The properties of a detector beside its trunk.

    `short_side` and `long_side` are the wanted size of an image in pixels. `pixel_mean` and `pixel_deviation` normalise
    pixels of 0 to 1. With `frozen_norms`, the batch norms of the trunk keep their statistics and weights.
    """

    kind: DetectorKind
    classes: int
    short_side: int
    long_side: int
    pixel_mean: tuple[float, ...]
    pixel_deviation: tuple[float, ...]
    frozen_norms: bool


class LabelsFromOne(nn.Module):
    """A detector whose own labels count from 0, with labels that count from 1 in its targets and its results.

    The detectors of torchvision with one stage have an output for each class and none for the background. Faster R-CNN
    has the background as its class 0, so that its labels count from 1.
    """

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        """The losses by name in training, else the boxes, labels and scores of each image."""
        if targets is not None:
            targets = [_with_labels(each, -1) for each in targets]
        results = self.detector(images, targets)
        return results if self.training else [_with_labels(each, 1) for each in results]


class Pyramid(nn.Module):
    """A trunk with a feature pyramid: images (N, 3, H, W) -> maps (N, `out_channels`, ...) by name, the largest first.

    `strides` are those of the maps "0", "1", ... If the trunk has too few, strided convolutions add maps to it.
    """

    def __init__(self, trunk: Backbone, *, strides: Sequence[int], pooled: bool, frozen_norms: bool) -> None:
        super().__init__()
        widths = trunk.feature_info.channels()
        self.out_channels = min(PYRAMID_WIDTH, GROUPS * math.ceil(widths[-1] / GROUPS))
        self.trunk = trunk
        self.fpn = FeaturePyramidNetwork(widths, self.out_channels)
        self.added = nn.ModuleList(
            nn.Conv2d(self.out_channels, self.out_channels, 3, stride=2, padding=1) for _ in strides[len(widths) :]
        )
        for layer in self.added:
            assert isinstance(layer, nn.Conv2d)
            nn.init.kaiming_uniform_(layer.weight, a=1)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        self.pooled, self.frozen_norms = pooled, frozen_norms
        for norm in self._norms() if frozen_norms else ():
            norm.requires_grad_(False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the maps of images (N, 3, H, W)."""
        maps = self.trunk(images)
        levels = list(self.fpn(OrderedDict((str(place), each) for place, each in enumerate(maps))).values())
        for layer in self.added:
            levels.append(layer(F.relu(levels[-1]) if len(levels) > len(maps) else levels[-1]))
        named = OrderedDict((str(place), each) for place, each in enumerate(levels))
        if self.pooled:
            named[POOLED] = F.max_pool2d(levels[-1], kernel_size=1, stride=2)
        return named

    def train(self, mode: bool = True) -> Self:
        """Switch to training. Frozen norms still use their own statistics."""
        super().train(mode)
        for norm in self._norms() if self.frozen_norms else ():
            norm.eval()
        return self

    def _norms(self) -> list[nn.Module]:
        return [layer for layer in self.trunk.modules() if isinstance(layer, nn.BatchNorm2d)]


def build_detector(model: nn.Module, architecture: Architecture, settings: DetectorSettings) -> nn.Module:
    """Build a detector of torchvision around the trunk of `model`, whose weights it keeps.

    The other weights are drawn from torch's global generator. InputError for a user's own network, whose maps are not
    known, and for images of less than two pixels in the last map. Labels count from 1 in every detector.
    """
    every = as_backbone(model, architecture).feature_info
    finest = 4 if settings.kind == "faster_rcnn" or settings.short_side < PUBLISHED_SIDE / 2 else 8
    places = chosen_maps(every.strides, finest)
    trunk = as_backbone(model, architecture, places)
    deepest = trunk.feature_info.strides[-1]
    if settings.short_side < 2 * deepest:
        raise InputError(
            f"--image-size {settings.short_side}: the trunk has maps of stride {deepest}; expected at least "
            f"{2 * deepest} pixels"
        )
    two_stages = settings.kind == "faster_rcnn"
    strides = level_strides(
        trunk.feature_info.strides,
        coarsest=min(DEEPEST_STRIDE * (1 if two_stages else 4), settings.short_side // CELLS),
    )
    pyramid = Pyramid(trunk, strides=strides, pooled=two_stages, frozen_norms=settings.frozen_norms)
    return _DETECTORS[settings.kind](pyramid, strides, settings)


def chosen_maps(strides: Sequence[int], finest: int) -> list[int]:
    """The indices of the maps that a pyramid uses: the last map at each stride of at least `finest`, or the last map.

    >>> chosen_maps([2, 4, 8, 16, 32], 4), chosen_maps([4, 4, 8, 16, 32], 8), chosen_maps([1, 1, 2], 4)
    ([1, 2, 3, 4], [2, 3, 4], [2])
    """
    last = {stride: index for index, stride in enumerate(strides)}
    return [index for stride, index in last.items() if stride >= finest] or [len(strides) - 1]


def level_strides(strides: Sequence[int], *, coarsest: int) -> list[int]:
    """The strides of the pyramid's levels: those of the trunk's maps, doubled until they reach `coarsest`.

    >>> level_strides([4, 8, 16, 32], coarsest=32), level_strides([8, 16, 32], coarsest=128)
    ([4, 8, 16, 32], [8, 16, 32, 64, 128])
    >>> level_strides([4], coarsest=40)
    [4, 8, 16, 32]
    """
    levels = list(strides)
    while 2 * levels[-1] <= coarsest:
        levels.append(2 * levels[-1])
    return levels


def anchor_sides(levels: int, short_side: int) -> list[int]:
    """The side of the anchors of each level in pixels, finest level first. At 800 pixels they are the published ones.

    >>> anchor_sides(5, 800), anchor_sides(4, 160)
    ([32, 64, 128, 256, 512], [13, 26, 51, 102])
    """
    return [max(1, round(LARGEST_ANCHOR * short_side / 2**place)) for place in reversed(range(levels))]


def _faster_rcnn(pyramid: Pyramid, strides: Sequence[int], settings: DetectorSettings) -> nn.Module:
    sides = anchor_sides(len(strides) + 1, settings.short_side)
    hidden = 4 * pyramid.out_channels
    pool = MultiScaleRoIAlign(
        [str(place) for place in range(len(strides))],
        output_size=7,
        sampling_ratio=2,
        canonical_scale=max(1, round(224 * settings.short_side / PUBLISHED_SIDE)),
    )
    detector: nn.Module = FasterRCNN(
        pyramid,
        min_size=settings.short_side,
        max_size=settings.long_side,
        image_mean=list(settings.pixel_mean),
        image_std=list(settings.pixel_deviation),
        rpn_anchor_generator=AnchorGenerator(tuple((side,) for side in sides), ((0.5, 1.0, 2.0),) * len(sides)),
        box_roi_pool=pool,
        box_head=TwoMLPHead(pyramid.out_channels * 7**2, hidden),
        box_predictor=FastRCNNPredictor(hidden, settings.classes + 1),
        box_score_thresh=LEAST_SCORE,
        box_detections_per_img=MOST_BOXES,
    )
    return detector


def _retinanet(pyramid: Pyramid, strides: Sequence[int], settings: DetectorSettings) -> nn.Module:
    sides = anchor_sides(len(strides), settings.short_side)
    anchors = tuple((side, round(side * 2 ** (1 / 3)), round(side * 2 ** (2 / 3))) for side in sides)
    return _one_stage(RetinaNet, AnchorGenerator(anchors, ((0.5, 1.0, 2.0),) * len(anchors)), pyramid, settings)


def _fcos(pyramid: Pyramid, strides: Sequence[int], settings: DetectorSettings) -> nn.Module:
    points = AnchorGenerator(tuple((stride,) for stride in strides), ((1.0,),) * len(strides))
    return _one_stage(FCOS, points, pyramid, settings)


def _one_stage(
    kind: type[RetinaNet] | type[FCOS], anchors: AnchorGenerator, pyramid: Pyramid, settings: DetectorSettings
) -> nn.Module:
    detector = kind(
        pyramid,
        settings.classes,
        min_size=settings.short_side,
        max_size=settings.long_side,
        image_mean=list(settings.pixel_mean),
        image_std=list(settings.pixel_deviation),
        anchor_generator=anchors,
        score_thresh=LEAST_SCORE,
        detections_per_img=MOST_BOXES,
    )
    return LabelsFromOne(detector)


def _with_labels(boxes: Mapping[str, Tensor], shift: int) -> dict[str, Tensor]:
    return {**boxes, "labels": boxes["labels"] + shift}


_DETECTORS = {"faster_rcnn": _faster_rcnn, "retinanet": _retinanet, "fcos": _fcos}
