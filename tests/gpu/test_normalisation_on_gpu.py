"""Batch norm's compiled Triton kernels equal stock operators in double precision, up to the rounding of the type."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from se_nas.models.convolution import GroupedConv2d
from se_nas.models.kernels import normalisation_triton
from se_nas.models.normalisation import BatchNorm
from se_nas.space.activation import Activation

TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 1e-2}
"""The largest error relative to the largest value: about that of rounding each number to the type once."""
SIZES = [(64, 24, 16), (33, 7, 5), (128, 152, 4), (16, 368, 2), (40, 16, 1), (3, 2048, 7), (256, 32, 32)]
"""(images, channels, side)"""
FOLLOWED_BY = {"nothing": (False, False), "ReLU": (False, True), "sum and ReLU": (True, True)}


class Stock(BatchNorm):
    def forward(self, features: Tensor, added: Tensor | None = None) -> Tensor:
        return self.forward_in_stock_operators(features, added)


def maps(shape: tuple[int, ...], gpu: torch.device, dtype: torch.dtype) -> list[Tensor]:
    """Features with means far from zero, a map to add, and a gradient."""
    generator = torch.Generator(gpu).manual_seed(shape[1])
    offset = 3 * torch.randn(1, shape[1], 1, 1, device=gpu, generator=generator)
    features = torch.randn(shape, device=gpu, generator=generator) + offset
    others = [torch.randn(shape, device=gpu, generator=generator) for _ in range(2)]
    return [each.to(dtype).contiguous(memory_format=torch.channels_last) for each in (features, *others)]


def after_a_step(norm: BatchNorm, features: Tensor, added: Tensor | None, gradient: Tensor) -> dict[str, Tensor]:
    leaf = features.clone(memory_format=torch.preserve_format).requires_grad_()
    other = None if added is None else added.clone(memory_format=torch.preserve_format).requires_grad_()
    norm.zero_grad()
    result = norm(leaf, other)
    result.backward(gradient)
    values = {"result": result, "features": leaf.grad, "weight": norm.weight.grad, "bias": norm.bias.grad}
    if other is not None:
        values["added"] = other.grad
    return values | {name: values.clone() for name, values in norm.named_buffers() if "running" in name}


@pytest.mark.parametrize("followed_by", FOLLOWED_BY)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", SIZES)
def test_a_training_step_equals_that_of_stock_operators(
    gpu: torch.device, size: tuple[int, int, int], dtype: torch.dtype, followed_by: str
) -> None:
    images, channels, side = size
    summed, relu = FOLLOWED_BY[followed_by]
    features, added, gradient = maps((images, channels, side, side), gpu, dtype)
    ours = BatchNorm(channels, activation=Activation.RELU if relu else None).to(gpu)
    torch.nn.init.normal_(ours.weight)
    torch.nn.init.normal_(ours.bias)
    stock = Stock(channels, activation=Activation.RELU if relu else None).to(gpu).double()
    stock.load_state_dict(ours.state_dict())

    found = after_a_step(ours, features, added if summed else None, gradient)

    wanted = after_a_step(stock, features.double(), added.double() if summed else None, gradient.double())
    assert found["result"].dtype == found["features"].dtype == dtype
    for name, value in wanted.items():
        error = (found[name].double() - value).abs().max() / value.abs().max()
        assert error < TOLERANCE[dtype], f"{name}: {error}"


@pytest.mark.parametrize("whole", [True, False])
def test_every_repetition_of_batch_norm_gives_the_same_bits(
    gpu: torch.device, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not whole:
        monkeypatch.setattr(normalisation_triton, "WHOLE_NUMBERS", 1)
    features, added, gradient = maps((128, 56, 4, 4), gpu, torch.bfloat16)

    def once() -> dict[str, Tensor]:
        return after_a_step(BatchNorm(56, activation=Activation.RELU).to(gpu), features, added, gradient)

    first = once()
    for _ in range(5):
        again = once()
        assert all(torch.equal(first[name], value) for name, value in again.items())


def test_a_mean_much_larger_than_the_deviation_costs_no_accuracy(gpu: torch.device) -> None:
    """Plain sums of squares would lose all digits here."""
    features = (torch.randn(256, 16, 16, 16, device=gpu) + 3_000).contiguous(memory_format=torch.channels_last)

    result = BatchNorm(16).to(gpu)(features)

    wanted = Stock(16).to(gpu).double()(features.double())
    assert (result.double() - wanted).abs().max() < 1e-3


def test_stock_operators_handle_other_layouts(gpu: torch.device) -> None:
    features = torch.randn(8, 16, 4, 4, device=gpu)

    torch.testing.assert_close(BatchNorm(16).to(gpu)(features), Stock(16).to(gpu)(features))


def test_narrow_groups_use_one_dense_convolution(gpu: torch.device) -> None:
    layer = GroupedConv2d(24, 24, 3, padding=1, groups=3, bias=False).to(gpu, memory_format=torch.channels_last)
    features = maps((64, 24, 8, 8), gpu, torch.bfloat16)[0].requires_grad_()

    def results(forward: Callable[[Tensor], Tensor]) -> list[Tensor]:
        with torch.autocast("cuda", torch.bfloat16):
            result = forward(features)
        slopes = torch.autograd.grad(result.float().square().sum(), [features, layer.weight])
        return [result, *slopes]

    for one, other in zip(results(layer), results(partial(nn.Conv2d.forward, layer)), strict=True):
        assert one.dtype == other.dtype
        assert (one - other).abs().max() < 2e-2 * other.abs().max()
