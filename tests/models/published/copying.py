"""Copies the weights of a library's network into ours, in the order in which both register their layers."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn


@torch.no_grad()
def wake_and_copy(theirs: nn.Module, ours: nn.Module) -> None:
    """Draw random norms for `theirs`, and copy every weight and statistic into `ours`. The branches of an initial
    network may end in zeros and hide mistakes."""
    for part in norms(theirs):
        nn.init.uniform_(part.weight, 0.5, 1.5)
        nn.init.uniform_(part.bias, -0.5, 0.5)
        nn.init.uniform_(part.running_mean, -0.5, 0.5)
        nn.init.uniform_(part.running_var, 0.5, 1.5)
    for their, our in zip(theirs.parameters(), ours.parameters(), strict=True):
        our.copy_(their.reshape(our.shape))
    for their, our in zip(norms(theirs), norms(ours), strict=True):
        our.running_mean.copy_(their.running_mean)
        our.running_var.copy_(their.running_var)
        our.eps, our.momentum = their.eps, their.momentum


def norms(model: nn.Module) -> Iterator[nn.BatchNorm2d]:
    """The batch norms of a network, in order."""
    return (part for part in model.modules() if isinstance(part, nn.BatchNorm2d))


def outputs(model: nn.Module, images: Tensor) -> list[Tensor]:
    """The logits in evaluation mode and in training mode, and the gradient of the first weight."""
    with torch.no_grad():
        evaluated = model.eval()(images)
    trained = model.train()(images)
    trained.square().mean().backward()
    return [evaluated, trained.detach(), next(iter(model.parameters())).grad]


def assert_equal_outputs(theirs: nn.Module, ours: nn.Module, *, size: int, images: int = 4) -> None:
    """Assert that both networks compute the same, with the weights of `theirs`.

    They compute in double precision. In single precision, a max-pool with two nearly equal maxima may choose another
    one in each network, and their gradients differ.
    """
    wake_and_copy(theirs.double(), ours.double())
    given = torch.randn(images, 3, size, size, dtype=torch.float64)

    for expected, got in zip(outputs(theirs, given), outputs(ours, given), strict=True):
        assert expected.std() > 0
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
