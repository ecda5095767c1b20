"""SE's compiled Triton kernels equal the definition in double precision, up to the rounding of the type."""

import pytest
import torch
from torch import Tensor

from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.kernels.choice import has_triton

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""The largest error relative to the largest value: about that of rounding each number to the type once."""
SIZES = [(24, 8, 16), (7, 20, 5), (56, 6, 8), (152, 14, 4), (368, 92, 2), (16, 1, 1), (1000, 9, 7), (2048, 512, 3)]
"""(channels, hidden, side)"""


def values_and_gradients(run: torch.nn.Module, features: Tensor, arriving: Tensor) -> dict[str, Tensor]:
    leaf = features.clone(memory_format=torch.preserve_format).requires_grad_()
    result = run(leaf)
    result.backward(arriving)
    gradients = {name: parameter.grad for name, parameter in run.named_parameters()}
    return {"result": result, "features": leaf.grad, **gradients}


class Definition(SqueezeExcite):
    def forward(self, features: Tensor) -> Tensor:
        return self.forward_in_stock_operators(features)


def test_triton_works_on_this_gpu() -> None:
    assert has_triton()


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("channels", "hidden", "side"), SIZES)
def test_values_and_gradients_equal_those_of_the_definition(
    gpu: torch.device, channels: int, hidden: int, side: int, dtype: torch.dtype, layout: torch.memory_format
) -> None:
    generator = torch.Generator().manual_seed(channels)
    shape = (150, channels, side, side)  # several programs share the images for the weights' gradients
    features, arriving = (
        torch.randn(shape, generator=generator).to(gpu, dtype).contiguous(memory_format=layout) for _ in range(2)
    )
    ours = SqueezeExcite(channels, hidden).to(gpu)
    definition = Definition(channels, hidden).to(gpu).double()
    definition.load_state_dict(ours.state_dict())

    found = values_and_gradients(ours, features, arriving)

    wanted = values_and_gradients(definition, features.double(), arriving.double())
    assert found["result"].dtype == found["features"].dtype == dtype
    for name, value in wanted.items():
        error = (found[name].double() - value).abs().max() / value.abs().max()
        assert error < TOLERANCE[dtype], f"{name}: {error}"


def test_every_repetition_of_se_gives_the_same_bits(gpu: torch.device) -> None:
    module = SqueezeExcite(56, 14).to(gpu)
    features = torch.randn(256, 56, 8, 8, device=gpu).contiguous(memory_format=torch.channels_last)
    arriving = torch.randn_like(features)

    def once() -> dict[str, Tensor]:
        module.zero_grad()
        return {name: value.clone() for name, value in values_and_gradients(module, features, arriving).items()}

    first = once()
    for _ in range(5):
        again = once()
        assert all(torch.equal(first[name], value) for name, value in again.items())
