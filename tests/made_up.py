"""Made-up block families and a made-up channel attention, each unlike the first member of its kind.

One family grows: a block adds its new maps to those that enter it, as in DenseNet, and has no shortcut and no norm that
starts at zero. A strided block pools, rounds down, and has no site for its new maps. Another family thins: it has no
properties, a stride of its own, and half the channels that enter it, as DenseNet's transitions have. The attention is a
convolution along the channels, as in ECA-Net (Wang et al., arXiv 1910.03151): it has a kernel, but no hidden layer.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import pytest
import torch
from torch import Tensor, nn

from se_nas.models.attention import ATTENTION_MODULES, build_attention
from se_nas.models.attention.module import AttentionModule
from se_nas.models.blocks import BLOCKS
from se_nas.models.blocks.block import BlockModule
from se_nas.space.attention import ATTENTIONS
from se_nas.space.attention.attention import AttentionShape
from se_nas.space.families import FAMILIES
from se_nas.space.parts.stage import BlockShape
from se_nas.space.settings import Key, Parser

ODD = Parser("an odd number of 1 to 9", lambda value: type(value) is int and value in range(1, 10, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Eca:
    """A convolution of `span` neighbouring channels' means."""

    name: ClassVar[str] = "eca"
    keys: ClassVar[Mapping[str, Key]] = {"span": Key(ODD, default=3)}
    token_forms: ClassVar[tuple[str, ...]] = ("SPAN@SITE",)
    size_name: ClassVar[str] = "span"

    site: str
    span: int

    @property
    def size(self) -> float:
        return float(self.span)

    @property
    def share(self) -> float:
        return self.span / 9

    @property
    def token(self) -> str:
        return f"{self.span}@{self.site}"

    @classmethod
    def parse(cls, token: str) -> "Eca":
        span, _, site = token.partition("@")
        return cls(site=site, span=int(ODD.value(int(span))))

    def hidden_width(self, *, block_width_in: int, site_width: int) -> int:
        return self.span

    def identity(self, hidden: int) -> tuple[Any, ...]:
        return self.name, self.site, hidden


class EcaModule(AttentionModule):
    def __init__(self, span: int) -> None:
        super().__init__()
        self.along = nn.Conv1d(1, 1, span, padding=span // 2, bias=False)

    @classmethod
    def of(cls, shape: AttentionShape) -> "EcaModule":
        return cls(shape.hidden)

    def forward(self, features: Tensor) -> Tensor:
        means = features.mean((2, 3)).unsqueeze(1)
        gates: Tensor = self.along(means).sigmoid()
        return features * gates.squeeze(1)[:, :, None, None]


NEW_MAPS, OUTPUT = "new maps", "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """Blocks that keep what enters them and add `width` new maps."""

    name: ClassVar[str] = "growing"
    keys: ClassVar[Mapping[str, Key]] = {"kernel": Key(ODD)}
    site_names: ClassVar[tuple[str, ...]] = (OUTPUT, NEW_MAPS)
    published_names: ClassVar[tuple[str, str]] = ("GrowNet", "ECA-GrowNet")
    published_attention: ClassVar[Eca] = Eca(site=OUTPUT, span=9)

    @classmethod
    def default_attention(cls) -> Eca:
        return Eca(site=OUTPUT, span=3)

    kernel: int

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, Growing]":
        return width, cls(**properties)

    def check(self, *, width: int, stride: int) -> None:
        if stride > 2:
            raise ValueError(f"a growing block has a stride of 1 or 2, but got {stride}")

    def width_out(self, *, width_in: int, width: int) -> int:
        return width_in + width

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        return {OUTPUT: width_out} if stride == 2 else {OUTPUT: width_out, NEW_MAPS: width_out - width_in}

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        return self.name, width_in, width_out, stride, self.kernel

    def columns(self, width: int) -> Mapping[str, str]:
        return {"new": str(width), "k": str(self.kernel)}


class GrowingModule(BlockModule):
    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        kernel = cast(Growing, shape.family).kernel
        self.site = shape.se.attention.site if shape.se else None
        self.norm = nn.BatchNorm2d(shape.width_in)
        self.conv = nn.Conv2d(shape.width_in, shape.width_out - shape.width_in, kernel, padding=kernel // 2, bias=False)
        self.pool = nn.AvgPool2d(shape.stride) if shape.stride > 1 else nn.Identity()
        self.attention = build_attention(shape.se) if shape.se else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        new = self.conv(torch.relu(self.norm(features)))
        if self.site == NEW_MAPS:
            new = self.attention(new)
        both: Tensor = self.pool(torch.cat([features, new], dim=1))
        return self.attention(both) if self.site == OUTPUT else both


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinning:
    """Blocks that keep half of the channels and of the pixels."""

    name: ClassVar[str] = "thinning"
    keys: ClassVar[Mapping[str, Key]] = {
        "width": Key(Parser("1", lambda value: value == 1), default=1),
        "stride": Key(Parser("2", lambda value: value == 2), default=2),
    }
    site_names: ClassVar[tuple[str, ...]] = (OUTPUT,)
    published_names: ClassVar[tuple[str, str]] = ("GrowNet", "ECA-GrowNet")
    published_attention: ClassVar[Eca] = Eca(site=OUTPUT, span=9)

    @classmethod
    def default_attention(cls) -> Eca:
        return Eca(site=OUTPUT, span=3)

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, Thinning]":
        return width, cls()

    def check(self, *, width: int, stride: int) -> None:
        if width != 1:
            raise ValueError("a thinning block has no width of its own")

    def width_out(self, *, width_in: int, width: int) -> int:
        return width_in // 2

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        return {OUTPUT: width_out}

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        return self.name, width_in, width_out, stride

    def columns(self, width: int) -> Mapping[str, str]:
        return {}


class ThinningModule(BlockModule):
    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        self.conv = nn.Conv2d(shape.width_in, shape.width_out, 1, bias=False)
        self.pool = nn.AvgPool2d(shape.stride)
        self.attention = build_attention(shape.se) if shape.se else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        thinned: Tensor = self.attention(self.pool(self.conv(features)))
        return thinned


@contextmanager
def second_members() -> Iterator[None]:
    """Register them: one line in each registry."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, "growing", Growing)
        patch.setitem(BLOCKS, Growing, GrowingModule)
        patch.setitem(FAMILIES, "thinning", Thinning)
        patch.setitem(BLOCKS, Thinning, ThinningModule)
        patch.setitem(ATTENTIONS, "eca", Eca)
        patch.setitem(ATTENTION_MODULES, Eca, EcaModule)
        yield
