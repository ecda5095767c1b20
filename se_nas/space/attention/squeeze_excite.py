"""Squeeze-and-Excitation (SE): its site in a block, its reduction ratio, and the details in which sources differ.

SENet: Hu et al., "Squeeze-and-Excitation Networks", arXiv 1709.01507. timm's `seresnet50`, `legacy_seresnet50`,
MobileNetV3, EfficientNet and RegNetY have other roundings, activations and gates, and each can be said exactly.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar

from se_nas.space.activation import Activation
from se_nas.space.decisions import Role
from se_nas.space.settings import FLAG, Key, Parser, choice_of, is_real
from se_nas.space.widths import round_to_multiple, round_width
from se_nas.space.yaml_file import describe_value


class Reference(StrEnum):
    """The width that a reduction ratio divides."""

    BLOCK_INPUT = "block input"
    """The channels that enter the block, as in EfficientNet."""
    SITE = "site"
    """SENet's r: the channels that the module itself sees."""


class Rounding(StrEnum):
    """The rule that makes a whole number of the hidden width."""

    NEAREST = "nearest"
    """The nearest whole number; halves go up (RegNetY)."""
    FLOOR = "floor"
    """The whole part (SENet's C // 16, torchvision's EfficientNet)."""
    EIGHTS = "eights"
    """The nearest multiple of 8, at least 8 (timm's `seresnet50`)."""
    EIGHTS_09 = "eights-0.9"
    """A multiple of 8, at least 8, that is at least 0.9 of the whole part of the width (MobileNetV3)."""
    EIGHTS_095 = "eights-0.95"
    """A multiple of 8, at least 8, that is at least 0.95 of the width (FBNetV3 in timm)."""


class Gate(StrEnum):
    """The function that makes a gate of a number."""

    SIGMOID = "sigmoid"
    HARD_SIGMOID = "hard-sigmoid"
    """relu6(x + 3) / 6 (MobileNetV3, arXiv 1905.02244, section 5.2)."""
    TWICE_SIGMOID = "twice-sigmoid"
    """2 · sigmoid(x), which is 1 at the start: the last layer starts at zero. So a pretrained network starts with the
    output that it has without SE, and the gate learns (1 + tanh does so in GCT, Yang et al., arXiv 1909.11519)."""


REDUCTION = Parser("a number of at least 1", lambda value: is_real(value) and value >= 1)
REFERENCE = choice_of(Reference, is_fixed=True)
ROUNDING = choice_of(Rounding, is_fixed=True)
ACTIVATION = choice_of(Activation, is_fixed=True)
GATE = choice_of(Gate, is_fixed=True)
BIAS = replace(FLAG, is_fixed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezeExciteSpec:
    """An SE module as a design sets it: site, reduction ratio, the width that the ratio divides, and its layers.

    `rounding` makes a whole number of the hidden width. `activation` follows the first of its two layers, and `gate`
    the second. `bias` says whether both layers have biases.

    >>> SqueezeExciteSpec(site="inner", reduction=4).hidden_width(block_width_in=48, site_width=104)
    12
    >>> SqueezeExciteSpec(site="inner", reduction=4, of=Reference.SITE).hidden_width(block_width_in=48, site_width=104)
    26
    >>> SqueezeExciteSpec(site="inner", reduction=4, rounding="eights-0.9", gate="hard-sigmoid").token
    'inner/4 eights-0.9 hard-sigmoid'
    """

    name: ClassVar[str] = "se"
    keys: ClassVar[Mapping[str, Key]] = {
        "reduction": Key(REDUCTION, default=4, role=Role.ATTENTION),
        "of": Key(REFERENCE, default=Reference.BLOCK_INPUT, role=Role.ATTENTION),
        "rounding": Key(ROUNDING, default=Rounding.NEAREST, role=Role.ATTENTION),
        "activation": Key(ACTIVATION, default=Activation.RELU, role=Role.ATTENTION),
        "gate": Key(GATE, default=Gate.SIGMOID, role=Role.ATTENTION),
        "bias": Key(BIAS, default=True, role=Role.ATTENTION),
    }
    token_forms: ClassVar[tuple[str, ...]] = (
        "SITE/RATIO",
        "SITE/RATIO of site",
        "SITE/RATIO of site floor hard-sigmoid",
    )
    size_name: ClassVar[str] = "reduction"

    site: str
    reduction: float
    of: str = Reference.BLOCK_INPUT
    rounding: str = Rounding.NEAREST
    activation: str = Activation.RELU
    gate: str = Gate.SIGMOID
    bias: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.reduction < math.inf:
            raise ValueError(f"an SE reduction ratio must be at least 1 and finite, but got {self.reduction}")

    @property
    def size(self) -> float:
        """The reduction ratio."""
        return float(self.reduction)

    @property
    def share(self) -> float:
        """The width of the hidden layer as a fraction of the width that the ratio divides."""
        return 1 / float(self.reduction)

    @property
    def token(self) -> str:
        """The short written form, e.g. `inner/4` or `standard/16 of site floor`. Usual properties are not written."""
        of = [f"of {self.of}"] if self.of != Reference.BLOCK_INPUT else []
        usual = {"rounding": Rounding.NEAREST, "activation": Activation.RELU, "gate": Gate.SIGMOID}
        others = [str(getattr(self, name)) for name, value in usual.items() if getattr(self, name) != value]
        suffix = "".join(f" {word}" for word in [*of, *others, *([] if self.bias else [NO_BIAS])])
        short = f"{self.reduction:g}"
        ratio = short if float(short) == self.reduction else repr(self.reduction)
        return f"{self.site}/{ratio}{suffix}"

    @classmethod
    def parse(cls, token: str) -> "SqueezeExciteSpec":
        """Read a `token`. ValueError if it is no site with a ratio."""
        site, slash, rest = token.partition("/")
        if not (site and slash):
            raise ValueError(token)
        match = _AFTER_SITE.fullmatch(rest)
        if match is None:
            raise ValueError(token)
        ratio, *words = match.groups()
        names = ("of", "rounding", "activation", "gate")
        given = {name: word for name, word in zip(names, words, strict=False) if word is not None}
        return cls(site=site, reduction=float(ratio), bias=words[-1] is None, **given)

    def hidden_width(self, *, block_width_in: int, site_width: int) -> int:
        """The number of channels of the hidden layer. ValueError if the ratio leaves no channel."""
        reference = self._divided(block_width_in, site_width)
        hidden = _ROUND[Rounding(self.rounding)](reference / self.reduction)
        if hidden < 1:
            ratio, most = describe_value(self.reduction).removesuffix(".0"), LARGEST_RATIO[Rounding(self.rounding)]
            divided = (
                f"that enter the block, at site '{self.site}'"
                if self.of == Reference.BLOCK_INPUT
                else f"of site '{self.site}'"
            )
            raise ValueError(
                f"an SE reduction ratio of {ratio} leaves no channel of the {reference} {divided}; "
                f"it must be at most {most * reference}"
            )
        return hidden

    def leaving_a_channel(self, *, block_width_in: int, site_width: int) -> "SqueezeExciteSpec":
        """The same SE. If its ratio leaves no channel in such a block, it has the largest ratio that leaves one.

        >>> SqueezeExciteSpec(site="post", reduction=16, of="site", rounding="floor").leaving_a_channel(
        ...     block_width_in=8, site_width=8).token
        'post/8 of site floor'
        """
        most = LARGEST_RATIO.get(Rounding(self.rounding), math.inf) * self._divided(block_width_in, site_width)
        return self if self.reduction <= most else replace(self, reduction=int(most))

    def _divided(self, block_width_in: int, site_width: int) -> int:
        return block_width_in if self.of == Reference.BLOCK_INPUT else site_width

    def identity(self, hidden: int) -> tuple[Any, ...]:
        """The site, the width of the hidden layer, and the properties of the layers that are not the usual ones."""
        layers = (str(self.activation), str(self.gate), self.bias)
        usual = (Activation.RELU.value, Gate.SIGMOID.value, True)
        return (self.site, hidden) if layers == usual else (self.site, hidden, *layers)


NO_BIAS = "no-bias"
"""The word of a token for layers without biases."""


def _one_of(words: Iterable[str]) -> str:
    return f"(?: ({'|'.join(re.escape(word) for word in words)}))?"


_AFTER_SITE = re.compile(
    rf"([0-9.e+]+)(?: of ({'|'.join(Reference)}))?"
    rf"{_one_of(Rounding)}{_one_of(Activation)}{_one_of(Gate)}{_one_of([NO_BIAS])}"
)

_ROUND: dict[Rounding, Callable[[float], int]] = {
    Rounding.NEAREST: round_width,
    Rounding.FLOOR: math.floor,
    Rounding.EIGHTS: lambda width: round_to_multiple(width, least=0),
    Rounding.EIGHTS_09: lambda width: round_to_multiple(math.floor(width)),
    Rounding.EIGHTS_095: lambda width: round_to_multiple(width, least=0.95),
}

LARGEST_RATIO: Mapping[Rounding, int] = {Rounding.NEAREST: 2, Rounding.FLOOR: 1}
"""The largest ratio that leaves a channel, over the width that it divides. The other rules leave 8 channels or more."""
