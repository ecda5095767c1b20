"""SE as one operator equals SE by its definition, for any layout, type, size and kernel."""

import pytest
import torch

from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.kernels import excitation_stock

LAYOUTS = {
    "channels last": lambda features: features.contiguous(memory_format=torch.channels_last),
    "channels first": lambda features: features.contiguous(),
    "every second image of a larger batch": lambda features: features.repeat_interleave(2, dim=0)[::2],
}


def gradients(run, module, features, arriving):
    leaf = features.clone(memory_format=torch.preserve_format).requires_grad_()
    module.zero_grad()
    result = run(leaf)
    result.backward(arriving)
    return [result, leaf.grad, *(parameter.grad.clone() for parameter in module.parameters())]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("cached", [1, 300, 1 << 18], ids=["an image", "a few images", "the batch"])
@pytest.mark.parametrize("size", [(1, 1), (5, 7)])
def test_values_and_gradients_equal_those_of_stock_operators(layout, cached, size, monkeypatch):
    monkeypatch.setattr(excitation_stock, "CACHED_NUMBERS", cached)
    module = SqueezeExcite(6, 4).double()
    features = LAYOUTS[layout](torch.randn(5, 6, *size, dtype=torch.float64))
    arriving = torch.randn_like(features)

    ours = gradients(module, module, features, arriving)

    expected = gradients(module.forward_in_stock_operators, module, features, arriving)
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_a_gradient_that_is_not_contiguous_is_accepted():
    module, features = SqueezeExcite(6, 4), torch.randn(3, 6, 4, 4)
    arriving = torch.randn(3, 6, 1, 1).expand(3, 6, 4, 4)

    ours = gradients(module, module, features, arriving)

    expected = gradients(module.forward_in_stock_operators, module, features, arriving)
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_the_layout_of_the_features_is_kept():
    features = torch.randn(2, 8, 4, 4).contiguous(memory_format=torch.channels_last)

    assert SqueezeExcite(8, 2)(features).is_contiguous(memory_format=torch.channels_last)


def test_under_autocast_features_stay_in_bf16_and_the_gate_is_computed_in_single_precision():
    module, features = SqueezeExcite(16, 4), torch.randn(4, 16, 6, 6)
    low = features.bfloat16()

    with torch.autocast("cpu", torch.bfloat16):
        excited = module(low.requires_grad_())
    excited.sum().backward()

    exact = module(low.float())
    assert excited.dtype == low.grad.dtype == torch.bfloat16
    assert module.reduce.weight.grad.dtype == torch.float32
    torch.testing.assert_close(excited.float(), exact, rtol=1e-2, atol=1e-2)


@pytest.mark.filterwarnings("ignore:.*is deprecated. Please switch:FutureWarning")
def test_a_traced_module_has_stock_operators():
    module, features = SqueezeExcite(8, 2), torch.randn(1, 8, 4, 4)

    traced = torch.jit.trace(module, features)
    exported = torch.export.export(module, (features,))

    assert "aten::_convolution" in str(traced.inlined_graph)
    torch.testing.assert_close(traced(features), module(features))
    torch.testing.assert_close(exported.module()(features), module(features))
