import pytest
import torch

from se_nas.models.attention import build_attention
from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.space.activation import Activation
from se_nas.space.attention.attention import attention_shape
from se_nas.space.attention.squeeze_excite import Gate, SqueezeExciteSpec


def by_the_paper(module, x):
    """SENet, arXiv 1709.01507, equations 2–4, with the biases of the module."""
    w1, b1 = module.reduce.weight[:, :, 0, 0], module.reduce.bias
    w2, b2 = module.expand.weight[:, :, 0, 0], module.expand.bias
    z = torch.einsum("nchw->nc", x) / (x.shape[2] * x.shape[3])  # equation 2
    hidden = torch.einsum("rc,nc->nr", w1, z) + b1
    s = 1 / (1 + torch.exp(-(torch.einsum("cr,nr->nc", w2, hidden.clamp(min=0)) + b2)))  # equation 3
    return torch.einsum("nc,nchw->nchw", s, x)  # equation 4


@pytest.mark.parametrize(("channels", "hidden"), [(1, 1), (8, 2), (24, 6), (7, 20)])
@pytest.mark.parametrize("size", [(1, 1), (7, 7), (4, 9)])
def test_the_module_computes_the_equations_of_the_paper(channels, hidden, size):
    module = SqueezeExcite(channels, hidden).double()
    x = torch.randn(3, channels, *size, dtype=torch.float64)

    torch.testing.assert_close(module(x), by_the_paper(module, x))


def test_gradients_equal_finite_differences():
    module = SqueezeExcite(4, 3).double()
    x = torch.randn(2, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    parameters = dict(module.named_parameters())

    def function(x, *values):
        return torch.func.functional_call(module, dict(zip(parameters, values, strict=True)), x)

    assert torch.autograd.gradcheck(function, (x, *parameters.values()))


def test_each_channel_is_scaled_by_one_gate_between_0_and_1():
    x = torch.rand(2, 8, 5, 5) + 0.5

    gates = SqueezeExcite(8, 2)(x) / x

    torch.testing.assert_close(gates, gates[:, :, :1, :1].expand_as(gates))
    assert gates.min() > 0
    assert gates.max() < 1


def test_an_image_does_not_depend_on_the_other_images_of_its_batch():
    module, x = SqueezeExcite(8, 2), torch.randn(4, 8, 5, 5)

    torch.testing.assert_close(module(x)[:1], module(x[:1]))


@pytest.mark.parametrize("bias", [True, False], ids=["biases", "no biases"])
@pytest.mark.parametrize("gate", list(Gate))
@pytest.mark.parametrize("activation", list(Activation))
def test_the_layers_have_the_activation_the_gate_and_the_biases_of_the_design(activation, gate, bias):
    spec = SqueezeExciteSpec(site="inner", reduction=2, activation=activation, gate=gate, bias=bias)
    shape = attention_shape(spec, block_width_in=8, sites={"inner": 8})
    module = build_attention(shape).double()
    x = torch.randn(3, 8, 5, 5, dtype=torch.float64)

    hidden = module.reduce(x.mean((2, 3), keepdim=True))
    by_hand = {
        Activation.RELU: hidden.clamp(min=0),
        Activation.RELU6: hidden.clamp(0, 6),
        Activation.SILU: hidden / (1 + torch.exp(-hidden)),
        Activation.HARD_SWISH: hidden * (hidden + 3).clamp(0, 6) / 6,
    }
    expanded = module.expand(by_hand[activation])
    gates = {Gate.SIGMOID: 1 / (1 + torch.exp(-expanded)), Gate.HARD_SIGMOID: (expanded + 3).clamp(0, 6) / 6}
    gates[Gate.TWICE_SIGMOID] = 2 * gates[Gate.SIGMOID]
    torch.testing.assert_close(module(x), x * gates[gate])
    assert {name for name, _ in module.named_parameters() if "bias" in name} == (
        {"reduce.bias", "expand.bias"} if bias else set()
    )
    assert shape.identity == (
        ("inner", 4)
        if (activation, gate, bias) == (Activation.RELU, Gate.SIGMOID, True)
        else ("inner", 4, activation, gate, bias)
    )


def test_the_gate_of_another_activation_is_computed_in_single_precision_under_autocast():
    module = SqueezeExcite(8, 4, activation=Activation.SILU)
    x = torch.randn(2, 8, 4, 4).bfloat16()

    with torch.autocast("cpu", torch.bfloat16):
        found = module(x)

    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, module(x.float()).bfloat16())
