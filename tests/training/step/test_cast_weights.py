"""Weights that are cast before autocast give the same numbers with fewer launches."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.training.step.cast_weights import call_with_cast_weights
from se_nas.training.trainer import build_initial_model
from tests.fakes import network_with_se


def model_and_images(layout: torch.memory_format) -> tuple[nn.Module, Tensor]:
    model = build_initial_model(network_with_se("inner/4", "none", "standard/8"), num_classes=3, seed=0)
    torch.manual_seed(0)
    return model.to(memory_format=layout), torch.randn(8, 3, 8, 8).contiguous(memory_format=layout)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_logits_and_gradients_equal_those_of_autocast_bit_for_bit(layout: torch.memory_format) -> None:
    model, images = model_and_images(layout)
    results = []
    for call in (call_with_cast_weights, lambda model, images: model(images)):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            logits = call(model, images)
            F.cross_entropy(logits, torch.arange(8) % 3).backward()
        results.append([logits, *(each.grad for each in model.parameters())])

    for (name, weight), one in zip(model.named_parameters(), results[0][1:], strict=True):
        assert one.dtype == torch.float32, name
        assert one.is_contiguous(memory_format=layout) or weight.ndim < 4, name
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_gradients_in_another_memory_order_are_put_into_the_weights() -> None:
    """The gradients of a transposed product are in such an order."""

    class Transposed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 5)

        def forward(self, images: Tensor) -> Tensor:
            return images @ self.layer.weight.t() * torch.ones(5)

    torch.manual_seed(0)
    model, images = Transposed(), torch.randn(4, 3)

    with torch.autocast("cpu", torch.bfloat16):
        call_with_cast_weights(model, images).sum().backward()

    assert model.layer.weight.grad is not None
    torch.testing.assert_close(model.layer.weight.grad, images.sum(0).expand(5, 3), rtol=2e-2, atol=2e-2)
    assert model.layer.weight.grad.is_contiguous()
