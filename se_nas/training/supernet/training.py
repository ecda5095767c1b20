"""The training of a supernet: the usual training, with the passes of several placements in each step."""

from collections.abc import Iterator

import torch
from torch import nn

from se_nas.data.batches.device_data import DeviceData
from se_nas.models.supernet import build_supernet, choose
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.space.switches import Placement, Switchboard
from se_nas.training.pretrained import Pretrained
from se_nas.training.recipe import Recipe
from se_nas.training.supernet.placement_draws import Draw, draw_placements
from se_nas.training.trainer import Trainer, build_initial_model


class PlacementPasses:
    """Switches a supernet to each placement of a step. The losses of a step have equal weights, whose sum is 1.

    So the recipe's learning rate means the same as in the training of one network.
    """

    def __init__(self, supernet: nn.Module, board: Switchboard, draw: Draw, *, seed: int) -> None:
        self._supernet, self._board, self._draw, self._seed = supernet, board, draw, seed
        self._steps: Iterator[list[Placement]] = iter(())

    def begin_epoch(self, epoch: int, steps: int) -> None:
        """Draw the placements of an epoch."""
        self._steps = iter(draw_placements(self._board, self._draw, steps=steps, seed=self._seed, epoch=epoch))

    def of_step(self) -> Iterator[float]:
        """Switch to each placement of the next step."""
        placements = next(self._steps)
        for placement in placements:
            choose(self._supernet, self._board.widths(placement))
            yield 1 / len(placements)


def build_supernet_trainer(
    board: Switchboard,
    data: DeviceData,
    recipe: Recipe,
    *,
    classes: int,
    draw: Draw,
    seed: int,
    device: torch.device,
    pretrained: Pretrained | None = None,
    metric: ObjectiveMetric = ACCURACY,
) -> Trainer:
    """The trainer of a supernet. Its initial weights are those of the network with the widest SE everywhere."""
    widest = build_initial_model(board.network(board.widest), num_classes=classes, seed=seed)
    if pretrained is not None:
        pretrained.start(widest)
    supernet = build_supernet(board, widest, num_classes=classes).to(device)
    passes = PlacementPasses(supernet, board, draw, seed=seed)
    return Trainer(supernet, data, recipe, seed=seed, device=device, passes=passes, metric=metric)
