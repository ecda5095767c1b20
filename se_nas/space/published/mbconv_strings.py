"""A short written form of segments of MBConv blocks: that of timm, e.g. `ir_r2_k5_s2_e6_c40_se0.25`.

timm, timm/models/_efficientnet_builder.py, `decode_arch_def`. Only what the published networks here need is read:
`ds` and `ir` are MBConv without and with the first 1×1. `cn` and `er` are fused MBConv without and with the last 1×1.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from se_nas.space.activation import Activation
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.families.fused_mbconv import FusedMBConv
from se_nas.space.families.mbconv import MBConv
from se_nas.space.parts.stage import Segment, Stage
from se_nas.space.widths import round_to_multiple

Choose = Callable[[Activation], ChannelAttention]
"""The SE of a block with this activation, where its string says that it has SE."""

_OPTION = re.compile(r"(se|fc|[rksec])([0-9.]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipliers:
    """Multipliers of all widths and depths. The first and the last segment keep their depth if `keep_ends` is true.

    A scaled width is a multiple of 8 that is at least `least` times the product. `depth_rounding` rounds a
    scaled depth to a whole number.
    """

    width: float = 1
    depth: float = 1
    keep_ends: bool = False
    least: float = 0.9
    depth_rounding: Callable[[float], int] = math.ceil

    def scaled(self, width: int) -> int:
        """A width times the multiplier, rounded to a multiple of 8."""
        return round_to_multiple(width * self.width, least=self.least)


PLAIN = Multipliers()


def parse_stages(
    strings: str,
    *,
    stem_width: int,
    activation: Activation,
    se: Choose | None = None,
    multipliers: Multipliers = PLAIN,
) -> tuple[Stage, ...]:
    """The stages of strings that are separated by spaces. Each stage goes up to the next stride.

    `nre` in a string means ReLU instead of `activation`.

    >>> [stage.depth for stage in parse_stages("ds_r1_k3_s1_c16 ir_r2_k3_s2_e6_c24 ir_r1_k3_s1_e6_c32",
    ...     stem_width=32, activation=Activation.RELU6)]
    [1, 3]
    """
    words = strings.split()
    segments: list[Segment] = []
    width_in = stem_width
    for index, word in enumerate(words):
        is_end = index in (0, len(words) - 1)
        depth = 1 if is_end and multipliers.keep_ends else multipliers.depth
        segments += _segments(word, width_in, activation, se, multipliers, depth)
        width_in = segments[-1].width
    return tuple(Stage(segments=tuple(part)) for part in _up_to_the_next_stride(segments))


def _up_to_the_next_stride(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    part: list[Segment] = []
    for segment in segments:
        if segment.stride > 1 and part:
            yield part
            part = []
        part.append(segment)
    yield part


def _segments(
    word: str, width_in: int, usual: Activation, se: Choose | None, multipliers: Multipliers, depth_multiplier: float
) -> list[Segment]:
    kind, *rest = word.split("_")
    options = {match[1]: float(match[2]) for part in rest if (match := _OPTION.fullmatch(part))}
    flags = {part for part in rest if not _OPTION.fullmatch(part)}
    activation = Activation.RELU if "nre" in flags else usual
    expansion = 1 if kind in ("ds", "cn") else options["e"]
    kernel, shortcut = int(options["k"]), "noskip" not in flags
    block = (FusedMBConv if kind in ("er", "cn") else MBConv)(
        kernel=kernel,
        expansion=expansion,
        keep_expansion=kind in ("ir", "er") and expansion == 1,
        activation=activation,
        shortcut=shortcut,
    )
    depth = multipliers.depth_rounding(options["r"] * depth_multiplier)
    width = multipliers.scaled(int(options["c"]))
    spec = se(activation) if se is not None and "se" in options else None
    stride = int(options["s"])
    if "fc" not in options:
        return [Segment(block=block, depth=depth, width=width, stride=stride, se=(spec,) * depth)]
    # the width that the first block of EfficientNet-EdgeTPU multiplies is not the width of its stem
    first = replace(block, expansion=multipliers.scaled(int(options["fc"])) * expansion / width_in)
    more = depth - 1
    return [
        Segment(block=first, depth=1, width=width, stride=stride, se=(spec,)),
        *([Segment(block=block, depth=more, width=width, stride=1, se=(spec,) * more)] if more else []),
    ]
