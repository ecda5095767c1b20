"""The stem: the convolutions that work on the image, and a pool behind them."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from se_nas.space.activation import Activation


class Pool(StrEnum):
    """The pool behind the convolutions of a stem. Every pool but `none` halves the map."""

    NONE = "none"
    MAX = "max"
    """Max-pool 3×3 with stride 2 and padding 1 (torchvision's ResNet)."""
    MAX_UNPADDED = "max unpadded"
    """Max-pool 3×3 with stride 2, without padding, rounded up (Caffe's ResNet, SENet, timm's `legacy_seresnet50`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StemConv:
    """A convolution K×K of a stem, with batch norm and activation behind it unless it is `bare`.

    Its padding is K // 2, or 0 if it is not `padded`.
    """

    kernel: int
    stride: int
    width: int
    padded: bool = True
    bare: bool = False

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"a stem's kernel must be odd and at least 1, but got {self.kernel}")
        if self.width < 1 or self.stride < 1:
            raise ValueError(
                f"stem width and stride must be at least 1, but got width={self.width}, stride={self.stride}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The keys of a file, without those that have their default."""
        own: dict[str, Any] = {"kernel": self.kernel, "width": self.width, "stride": self.stride}
        return own | ({} if self.padded else {"padded": False}) | ({"bare": True} if self.bare else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stem:
    """The layers before the first stage: convolutions, each with norm and activation, and a pool.

    >>> Stem(convs=(StemConv(kernel=7, stride=2, width=64),), pool=Pool.MAX).stride
    4
    """

    convs: tuple[StemConv, ...]
    pool: Pool = Pool.NONE
    activation: Activation = Activation.RELU

    def __post_init__(self) -> None:
        if not self.convs:
            raise ValueError("a stem needs at least one convolution, but got none")

    @classmethod
    def plain(cls, *, width: int, stride: int) -> "Stem":
        """The stem of a RegNet: one 3×3 convolution with batch norm and ReLU."""
        return cls(convs=(StemConv(kernel=3, stride=stride, width=width),))

    @property
    def width(self) -> int:
        """The number of channels that leave the stem."""
        return self.convs[-1].width

    @property
    def stride(self) -> int:
        """The image's side over the map's side."""
        return math.prod(conv.stride for conv in self.convs) * (1 if self.pool is Pool.NONE else 2)

    @property
    def is_plain(self) -> bool:
        """Whether `Stem.plain` makes this stem."""
        return self == Stem.plain(width=self.width, stride=self.convs[0].stride)

    @property
    def identity(self) -> tuple[Any, ...]:
        """JSON values that are equal for two stems exactly if they build the same module."""
        if self.is_plain:
            return self.width, self.stride
        convs = [[each.kernel, each.stride, each.width, each.padded, each.bare] for each in self.convs]
        activation = None if all(each.bare for each in self.convs) else self.activation
        return (("stem", convs, self.pool, activation),)

    def to_dict(self) -> dict[str, Any]:
        """The keys of a file."""
        if self.is_plain:
            return {"width": self.width, "stride": self.stride}
        own: dict[str, Any] = {"convs": [conv.to_dict() for conv in self.convs]}
        pool = {} if self.pool is Pool.NONE else {"pool": str(self.pool)}
        activation = {} if self.activation is Activation.RELU else {"activation": str(self.activation)}
        return own | pool | activation
