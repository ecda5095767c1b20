"""The moving average of a network's weights (arXiv 1703.01780, section 3.1), which is evaluated and saved instead.

torch.optim.swa_utils.AveragedModel reads a counter from the device in each step. A CUDA graph cannot do this.
"""

import copy

import torch
from torch import Tensor, nn

from se_nas.training.step.many_tensors import move_towards


class WeightAverage:
    """The average of a model. Weights and statistics of `network`, a copy, follow those of `model`."""

    def __init__(self, model: nn.Module) -> None:
        self.network = copy.deepcopy(model).requires_grad_(False)
        averaged, followed = _tensors(self.network), _tensors(model)
        numbers = [name for name, tensor in followed.items() if tensor.is_floating_point()]
        self._averaged, self._followed = [averaged[name] for name in numbers], [followed[name] for name in numbers]
        self._counted = [(averaged[name], followed[name]) for name in followed if name not in numbers]

    @torch.no_grad()
    def follow(self, kept: Tensor) -> None:
        """Update the average: `kept` () of it stays, the rest comes from the model. Does not wait for the device."""
        move_towards(self._averaged, self._followed, 1 - kept)
        for counter, followed in self._counted:
            counter.copy_(followed)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers by name, not copies of them."""
    return dict([*model.named_parameters(), *model.named_buffers()])
