"""Fakes that several test folders share: records, a tiny design space, separable images."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from se_nas.data.image_data import ImageData, ImageSet
from se_nas.models.network import build_model
from se_nas.searching.failures import Failure
from se_nas.searching.objectives import Objectives
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.space.architecture import Architecture
from se_nas.space.attention.choices import AttentionChoices
from se_nas.space.attention.squeeze_excite import Reference, SqueezeExciteSpec
from se_nas.space.attention.tokens import parse_token
from se_nas.space.decisions import Categorical, IntRange
from se_nas.space.design_space import DesignSpace
from se_nas.space.families.regnet import RegNetBlock, Site
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.trunks.stage_by_stage import AnyNetSegment, AnyNetStage, AnyNetTrunk
from se_nas.space.trunks.trunk import Ends, StemChoices
from se_nas.training.trained import TrainedNetwork
from tests.models.conftest import wake

TWO_OBJECTIVES = Objectives(("flops",))
THREE_OBJECTIVES = Objectives(("flops", "params"))
NOT_COMPLETE = [status for status in TrialStatus if status is not TrialStatus.COMPLETE]


def record(
    number: int = 0,
    *,
    accuracy: float = 0.5,
    status: TrialStatus = TrialStatus.COMPLETE,
    assignment: Mapping[str, Any] | None = None,
    memo: Mapping[str, Any] | None = None,
    curve: tuple[float, ...] | None = None,
    seconds: float = 0.0,
    reason: str = "",
    failure: Failure | None = None,
    fingerprint: str | None = None,
    **cost: float,
) -> TrialRecord:
    """A trial whose curve ends with `accuracy`. Costs are given by name; without any, it has 100 flops."""
    return TrialRecord(
        number=number,
        status=status,
        assignment={"x": number} if assignment is None else assignment,
        fingerprint=f"network {number}" if fingerprint is None else fingerprint,
        se=("none",),
        cost=cost or {"flops": 100},
        memo=memo or {},
        curve=(accuracy,) if curve is None else curve,
        seconds=seconds,
        reason=reason,
        failure=failure if failure is not None or status is not TrialStatus.FAILED else Failure.of_text(reason),
    )


def tiny_space() -> DesignSpace:
    """A space of 84 networks for images of 8 pixels. It has two stages and a decision about SE in both."""
    stage = {"family": RegNetBlock, "stride": 1, "properties": {"group_width": 8, "bottleneck": 1}}
    return DesignSpace(
        name="tiny",
        image_sizes=8,
        trunk=AnyNetTrunk(
            ends=Ends(stem=StemChoices(width=8, stride=1)),
            choices=(
                AnyNetStage(segments=(AnyNetSegment(depth=IntRange(1, 2), width=8, **stage),)),
                AnyNetStage(segments=(AnyNetSegment(depth=1, width=Categorical((8, 16)), **stage),)),
            ),
        ),
        se=(
            AttentionChoices(
                kind=SqueezeExciteSpec,
                present=Categorical((False, True)),
                site="inner",
                properties={"reduction": Categorical((2, 4.0)), "of": Reference.SITE},
            ),
            AttentionChoices(
                kind=SqueezeExciteSpec,
                present=Categorical((False, True)),
                site=Categorical(("inner", "post")),
                properties={"reduction": Categorical((2, 4, 8)), "of": Reference.BLOCK_INPUT},
            ),
        ),
    )


def cost_by_hand(architecture: Architecture) -> dict[str, int]:
    """Costs that need no torch. Like the real costs, they rise with depth, width and SE."""
    blocks = [block for stage in architecture.blocks() for block in stage]
    params = sum(
        block.width_in * block.width_out + (2 * block.se.channels * block.se.hidden if block.se else 0)
        for block in blocks
    )
    return {"flops": 64 * params, "params": params, "activations": sum(64 * block.width_out for block in blocks)}


def tiny_architecture(width: int = 8) -> Architecture:
    """A network of one block with SE."""
    spec = SqueezeExciteSpec(site=Site.INNER, reduction=4)
    stage = Stage.of(RegNetBlock(group_width=8), depth=1, width=width, stride=1, se=(spec,))
    return Architecture(stem=Stem.plain(width=8, stride=1), stages=(stage,))


def image_set(images: int, *, size: int = 8, classes: int = 3, seed: int = 0) -> ImageSet:
    """Images of noise with one bright colour channel. The index of that channel is the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    pixels = rng.integers(0, 120, (images, size, size, 3))
    pixels[np.arange(images), :, :, labels] += 130
    return ImageSet(images=pixels.astype(np.uint8), labels=labels.astype(np.int64))


def separable_data(*, train: int = 96, mirrored: bool = True) -> ImageData:
    """Images of three classes that a linear model can separate."""
    return ImageData(
        name="separable",
        class_names=("red", "green", "blue"),
        train=image_set(train, seed=1),
        validation=image_set(30, seed=2),
        test=image_set(33, seed=3),
        mirrored=mirrored,
    )


def network_with_se(*tokens: str) -> Architecture:
    """A network with a stage of two blocks for each SE token. The widths are 8, 16, 24, ..."""
    block = RegNetBlock(group_width=8, bottleneck=1)
    stages = [
        Stage.of(block, depth=2, width=8 * number, stride=2, se=(parse_token(token),) * 2)
        for number, token in enumerate(tokens, start=1)
    ]
    return Architecture(stem=Stem.plain(width=8, stride=1), stages=tuple(stages))


def trained_network(architecture: Architecture, *, class_names: tuple[str, ...], image_size: int) -> TrainedNetwork:
    """A network with weights from a fixed seed, without zero-initialised weights."""
    torch.manual_seed(0)
    return TrainedNetwork(
        architecture=architecture,
        class_names=class_names,
        image_size=image_size,
        pixel_mean=(120.0, 110.0, 100.0),
        pixel_deviation=(60.0, 61.0, 62.0),
        weights=wake(build_model(architecture, num_classes=len(class_names))).state_dict(),
    )
