"""The keys of EfficientNet's compound scaling in YAML files, under `efficientnet`."""

import math
from typing import Annotated, Any, ClassVar

from pydantic import Field

from se_nas.space.decisions import FloatRange
from se_nas.space.families.family import BlockFamily
from se_nas.space.families.mbconv import MBConv
from se_nas.space.parts.norm import USUAL_NORM, Norm
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.parts.tail import Tail
from se_nas.space.settings import Parser, Stride, is_real, read_by
from se_nas.space.trunks.efficientnet import (
    ALPHA,
    BETA,
    STRIDES,
    ByMultipliers,
    ByPhi,
    EfficientNetTrunk,
    efficientnet,
    scaled_ends,
)
from se_nas.space.trunks.law import NetworkLaw, SpaceLaw
from se_nas.space.trunks.trunk import Ends, Trunk
from se_nas.space.yaml_file import YamlFile

PHI = Parser("a number of -10 to 10", lambda value: is_real(value) and -10 <= value <= 10, FloatRange)
MULTIPLIER = Parser("a number of 0.05 to 10", lambda value: is_real(value) and 0.05 <= value <= 10, FloatRange)

Phi = Annotated[Any, *read_by(PHI)]
Multiplier = Annotated[Any, *read_by(MULTIPLIER)]


class EfficientNetSpace(SpaceLaw):
    """The keys under `efficientnet` in a search space."""

    family: ClassVar[type[BlockFamily]] = MBConv
    brings_ends: ClassVar[bool] = True

    phi: Phi = None
    width: Multiplier = None
    depth: Multiplier = None
    strides: list[Stride] = Field(default_factory=lambda: list(STRIDES))
    alpha: float = Field(default=ALPHA, ge=1, le=2)
    beta: float = Field(default=BETA, ge=1, le=2)
    gamma: float | None = Field(default=None, ge=1, le=2)

    def trunk(self, ends: Ends | None, file: YamlFile) -> Trunk:
        """The trunk. InputError for keys that do not fit each other, or for another number of strides."""
        if fault := fault_of_keys(self.model_fields_set) or fault_of_strides(self.strides):
            raise file.error(("efficientnet",), fault)
        if self.phi is None:
            scaling: ByPhi | ByMultipliers = ByMultipliers(
                width=1 if self.width is None else self.width, depth=1 if self.depth is None else self.depth
            )
        else:
            scaling = ByPhi(phi=self.phi, alpha=self.alpha, beta=self.beta, gamma=self.gamma)
        base_size = file.data["image_size"]
        if self.gamma is not None and type(base_size) is not int:
            raise file.error(("image_size",), "with `gamma` the image size follows phi; expected one size, for phi = 0")
        size = base_size if type(base_size) is int else 1
        return EfficientNetTrunk(scaling=scaling, strides=tuple(self.strides), base_size=size)


class EfficientNetNetwork(NetworkLaw):
    """The keys under `efficientnet` in the file of a single network."""

    family: ClassVar[type[BlockFamily]] = MBConv
    brings_ends: ClassVar[bool] = True

    phi: float | None = Field(default=None, ge=-10, le=10)
    width: float = Field(default=1, ge=0.05, le=10)
    depth: float = Field(default=1, ge=0.05, le=10)
    strides: list[Annotated[int, Field(ge=1, le=4)]] = Field(default_factory=lambda: list(STRIDES))
    alpha: float = Field(default=ALPHA, ge=1, le=2)
    beta: float = Field(default=BETA, ge=1, le=2)

    def stages(self) -> tuple[Stage, ...]:
        """The stages. ValueError for keys that do not fit each other, or for another number of strides."""
        if fault := fault_of_keys(self.model_fields_set) or fault_of_strides(self.strides):
            raise ValueError(fault)
        width, depth = self._multipliers()
        return efficientnet(width=width, depth=depth, strides=self.strides).stages

    def ends(self) -> tuple[Stem, Tail, Norm]:
        """The stem, the tail and the norm's numbers of EfficientNet."""
        width, _ = self._multipliers()
        return *scaled_ends(width=width, stride=self.strides[0]), USUAL_NORM

    def _multipliers(self) -> tuple[float, float]:
        """The multipliers of width and depth."""
        if self.phi is None:
            return self.width, self.depth
        return math.pow(self.beta, self.phi), math.pow(self.alpha, self.phi)


def fault_of_keys(given: set[str]) -> str | None:
    """A message about keys that do not fit each other; None if all fit."""
    by_multipliers = [key for key in ("width", "depth") if key in given]
    bases = [key for key in ("alpha", "beta", "gamma") if key in given]
    if "phi" in given and by_multipliers:
        return f"`phi` and `{by_multipliers[0]}` exclude each other: give `phi`, or multipliers of width and depth"
    if "phi" not in given and bases:
        return f"`{bases[0]}` needs `phi`"
    if "phi" not in given and not by_multipliers:
        return "`phi` is needed, or the multipliers `width` and `depth`"
    return None


def fault_of_strides(strides: list[Any]) -> str | None:
    """A message about the number of strides; None if it is right."""
    if len(strides) == len(STRIDES):
        return None
    return f"expected {len(STRIDES)} strides, of the stem and of five stages, but got {len(strides)}"
