"""EfficientNet's compound scaling: the widths and depths of EfficientNet-B0, times two multipliers.

Tan and Le, "EfficientNet", arXiv 1905.11946, section 3.3, equation 3, and table 1. Widths are rounded and depths are
rounded up as in tensorflow/tpu, efficientnet_model.py (`round_filters`, `round_repeats`).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from se_nas.space.activation import Activation
from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.decisions import Assignment, FloatRange, Property, Role, Setting, settle, values_of
from se_nas.space.families.mbconv import MBConv
from se_nas.space.parts.norm import USUAL_NORM, Norm
from se_nas.space.parts.stage import Segment, Stage
from se_nas.space.parts.stem import Stem, StemConv
from se_nas.space.parts.tail import Tail
from se_nas.space.trunks.trunk import numbered_stages
from se_nas.space.widths import round_to_multiple

STEM_WIDTH, HEAD_WIDTH = 32, 1280

B0_STAGES: Sequence[Sequence[tuple[int, int, int, int]]] = (
    ((1, 3, 16, 1),),
    ((6, 3, 24, 2),),
    ((6, 5, 40, 2),),
    ((6, 3, 80, 3), (6, 5, 112, 3)),
    ((6, 5, 192, 4), (6, 3, 320, 1)),
)
"""Expansion, kernel, width and depth of each segment of EfficientNet-B0: arXiv 1905.11946, table 1."""

STRIDES = (2, 1, 2, 2, 2, 2)
"""The strides of the stem and of the five stages."""

ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15
"""The bases of depth, width and image size, found by a grid search at φ = 1: arXiv 1905.11946, section 3.3."""


def scaled_image_size(image_size: int, *, phi: float, gamma: float = GAMMA) -> int:
    """The image size of a network that is scaled by γ^φ: the nearest whole number of pixels.

    >>> scaled_image_size(224, phi=1)
    258
    """
    return max(1, round(image_size * math.pow(gamma, phi)))


def scaled_width(width: int, multiplier: float) -> int:
    """A width times the multiplier, as a multiple of 8."""
    return round_to_multiple(width * multiplier)


def scaled_depth(depth: int, multiplier: float) -> int:
    """A depth times the multiplier, rounded up."""
    return math.ceil(depth * multiplier)


def efficientnet(
    *,
    width: float = 1,
    depth: float = 1,
    strides: Sequence[int] = STRIDES,
    se: ChannelAttention | None = None,
    norm: Norm = USUAL_NORM,
) -> Architecture:
    """EfficientNet-B0 with multipliers of its width and its depth, and with `se` in every block.

    ValueError unless both multipliers are positive and there are six strides.

    >>> efficientnet(width=1.1, depth=1.2).head_width  # EfficientNet-B2
    1408
    """
    if not (0 < width < math.inf and 0 < depth < math.inf):
        raise ValueError(f"both multipliers must be positive, but got width={width:g}, depth={depth:g}")
    if len(strides) != len(STRIDES):
        raise ValueError(f"expected {len(STRIDES)} strides, of the stem and of five stages, but got {len(strides)}")
    stem, tail = scaled_ends(width=width, stride=strides[0])
    stages = (
        _stage(segments, stride, width=width, depth=depth, se=se)
        for segments, stride in zip(B0_STAGES, strides[1:], strict=True)
    )
    return Architecture(stem=stem, stages=tuple(stages), tail=tail, norm=norm)


def scaled_ends(*, width: float, stride: int) -> tuple[Stem, Tail]:
    """The stem with this stride, and the tail, both with a multiplier of their width."""
    conv = StemConv(kernel=3, stride=stride, width=scaled_width(STEM_WIDTH, width))
    return (
        Stem(convs=(conv,), activation=Activation.SILU),
        Tail(conv=scaled_width(HEAD_WIDTH, width), activation=Activation.SILU),
    )


def _stage(
    segments: Sequence[tuple[int, int, int, int]],
    stride: int,
    *,
    width: float,
    depth: float,
    se: ChannelAttention | None,
) -> Stage:
    return Stage(
        segments=tuple(
            Segment(
                block=MBConv(expansion=expansion, kernel=kernel),
                depth=(blocks := scaled_depth(base_depth, depth)),
                width=scaled_width(base_width, width),
                stride=stride if index == 0 else 1,
                se=(se,) * blocks,
            )
            for index, (expansion, kernel, base_width, base_depth) in enumerate(segments)
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPhi:
    """Multipliers by the compound coefficient φ: α^φ for the depth, and β^φ for the width."""

    phi: Setting[float]
    alpha: float = ALPHA
    beta: float = BETA
    gamma: float | None = None

    def settings(self) -> Iterator[Property]:
        """Yield `phi`."""
        yield Property("phi", self.phi, Role.WIDTH)

    def multipliers(self, assignment: Assignment) -> tuple[float, float]:
        """The multipliers of width and depth."""
        phi = settle(self.phi, "phi", assignment)
        return math.pow(self.beta, phi), math.pow(self.alpha, phi)

    def image_size(self, image_size: int, assignment: Assignment) -> int | None:
        """The image size times γ^φ; None without `gamma`."""
        if self.gamma is None:
            return None
        return scaled_image_size(image_size, phi=settle(self.phi, "phi", assignment), gamma=self.gamma)

    def largest_image_size(self, image_size: int) -> int | None:
        """The largest image size of any network; None without `gamma`."""
        if self.gamma is None:
            return None
        return max(scaled_image_size(image_size, phi=phi, gamma=self.gamma) for phi in _ends(self.phi))

    def most_depth(self) -> float:
        """The largest multiplier of the depth."""
        return max(math.pow(self.alpha, phi) for phi in _ends(self.phi))

    def count_bound(self) -> int:
        """An upper bound of the number of distinct trunks."""
        if (values := values_of(self.phi)) is not None:
            return len(values)
        return (
            1
            + _changes(_widths, [math.pow(self.beta, phi) for phi in _ends(self.phi)])
            + _changes(_depths, [math.pow(self.alpha, phi) for phi in _ends(self.phi)])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ByMultipliers:
    """Multipliers of the width and of the depth, each for itself."""

    width: Setting[float]
    depth: Setting[float]

    def settings(self) -> Iterator[Property]:
        """Yield `width` and `depth`."""
        yield Property("width", self.width, Role.WIDTH)
        yield Property("depth", self.depth)

    def multipliers(self, assignment: Assignment) -> tuple[float, float]:
        """The multipliers of width and depth."""
        return settle(self.width, "width", assignment), settle(self.depth, "depth", assignment)

    def image_size(self, image_size: int, assignment: Assignment) -> int | None:
        """None: the image size does not follow the multipliers."""

    def largest_image_size(self, image_size: int) -> int | None:
        """None: the image size does not follow the multipliers."""

    def most_depth(self) -> float:
        """The largest multiplier of the depth."""
        return max(_ends(self.depth))

    def count_bound(self) -> int:
        """An upper bound of the number of distinct trunks."""
        return _count(self.width, _widths) * _count(self.depth, _depths)


Scaling: TypeAlias = ByPhi | ByMultipliers


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientNetTrunk:
    """A trunk by EfficientNet's compound scaling, with the stem and the tail of EfficientNet, which scale too.

    `strides` are those of the stem and of the five stages. `base_size` is the image size of φ = 0, in pixels.
    """

    scaling: Scaling
    base_size: int
    strides: tuple[Setting[int], ...] = STRIDES

    @property
    def stage_names(self) -> tuple[str, ...]:
        """`stage1` to `stage5`."""
        return numbered_stages(len(B0_STAGES))

    def settings(self) -> Iterator[Property]:
        """Yield those of the scaling, then `stem.stride`, `stage1.stride`, ..."""
        yield from self.scaling.settings()
        for number, stride in enumerate(self.strides):
            yield Property(_stride_name(number), stride)

    def network(self, assignment: Assignment) -> Architecture:
        """The network of an assignment."""
        width, depth = self.scaling.multipliers(assignment)
        strides = [settle(stride, _stride_name(number), assignment) for number, stride in enumerate(self.strides)]
        network = efficientnet(width=width, depth=depth, strides=strides)
        return replace(network, image_size=self.scaling.image_size(self.base_size, assignment))

    @property
    def largest_image_size(self) -> int | None:
        """The side in pixels of the largest images that a network takes; None if the image size is not scaled."""
        return self.scaling.largest_image_size(self.base_size)

    def most_blocks(self) -> tuple[int, ...]:
        """The largest number of blocks of each stage."""
        most = self.scaling.most_depth()
        return tuple(sum(scaled_depth(depth, most) for *_, depth in segments) for segments in B0_STAGES)

    def size_bound(self) -> int:
        """The number of distinct scalings, times the numbers of strides."""
        return self.scaling.count_bound() * math.prod(len(values_of(stride) or ()) for stride in self.strides)


def _stride_name(number: int) -> str:
    return f"stage{number}.stride" if number else "stem.stride"


def _ends(setting: Setting[float]) -> tuple[float, ...]:
    """The lowest and the highest value of a range, or all values."""
    if isinstance(setting, FloatRange):
        return setting.low, setting.high
    return tuple(float(value) for value in values_of(setting) or ())


def _widths(multiplier: float) -> list[int]:
    """The width of each part as a number of steps of 8 channels."""
    widths = [STEM_WIDTH, HEAD_WIDTH, *(width for stage in B0_STAGES for *_, width, _ in stage)]
    return [scaled_width(width, multiplier) // 8 for width in widths]


def _depths(multiplier: float) -> list[int]:
    return [scaled_depth(depth, multiplier) for stage in B0_STAGES for *_, depth in stage]


def _count(setting: Setting[float], scaled: Callable[[float], list[int]]) -> int:
    values = values_of(setting)
    return 1 + _changes(scaled, _ends(setting)) if values is None else len(values)


def _changes(scaled: Callable[[float], list[int]], multipliers: Sequence[float]) -> int:
    """The number of steps by which the parts grow from the lowest to the highest multiplier."""
    return sum(scaled(max(multipliers))) - sum(scaled(min(multipliers)))
