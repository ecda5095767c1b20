"""The keys of RegNet's law in YAML files, under `regnet`."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from se_nas.space.families.family import BlockFamily
from se_nas.space.families.regnet import BOTTLENECK, RegNetBlock, fit_group_width
from se_nas.space.parts.stage import Stage
from se_nas.space.settings import MOST_WIDTH, Depth, Stride, Width, read_by
from se_nas.space.trunks.law import NetworkLaw, SpaceLaw
from se_nas.space.trunks.regnet import MULTIPLIER, QUANTISED, SLOPE, RegNetTrunk, stage_widths_and_depths
from se_nas.space.trunks.trunk import Ends, Trunk
from se_nas.space.yaml_file import YamlFile


class RegNetSpace(SpaceLaw):
    """The keys under `regnet` in a search space."""

    family: ClassVar[type[BlockFamily]] = RegNetBlock

    depth: Depth
    w0: Annotated[Any, *read_by(QUANTISED)]
    wa: Annotated[Any, *read_by(SLOPE)]
    wm: Annotated[Any, *read_by(MULTIPLIER)]
    group_width: Width
    bottleneck: Annotated[Any, *read_by(BOTTLENECK.parser)] = BOTTLENECK.default
    stages: int = Field(ge=1, le=8)
    strides: list[Stride]

    def trunk(self, ends: Ends | None, file: YamlFile) -> Trunk:
        """The trunk. InputError unless each stage has a stride."""
        if len(self.strides) != self.stages:
            raise file.error(
                ("regnet", "strides"),
                f"expected {self.stages} strides, one for each stage, but got {len(self.strides)}",
            )
        assert ends is not None, "this law brings no ends"
        return RegNetTrunk(
            ends=ends,
            depth=self.depth,
            w0=self.w0,
            wa=self.wa,
            wm=self.wm,
            group_width=self.group_width,
            bottleneck=self.bottleneck,
            strides=tuple(self.strides),
        )


class RegNetNetwork(NetworkLaw):
    """The keys under `regnet` in the file of a single network."""

    family: ClassVar[type[BlockFamily]] = RegNetBlock

    depth: int = Field(ge=1, le=200)
    w0: int = Field(le=MOST_WIDTH)
    wa: float = Field(le=MOST_WIDTH)
    wm: float
    group_width: int = Field(ge=1, le=MOST_WIDTH)
    bottleneck: float = Field(default=1, ge=1 / 64, le=64)
    stride: int = Field(default=2, ge=1, le=4)

    def stages(self) -> tuple[Stage, ...]:
        """The stages. ValueError names the rule that the numbers break."""
        stages = []
        for raw_width, depth in stage_widths_and_depths(depth=self.depth, w0=self.w0, wa=self.wa, wm=self.wm):
            width, block = fit_group_width(raw_width, group_width=self.group_width, bottleneck=self.bottleneck)
            stages.append(Stage.of(block, depth=depth, width=width, stride=self.stride))
        return tuple(stages)
