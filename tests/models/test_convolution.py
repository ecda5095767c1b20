"""Convolutions equal double precision in any shape, and have the same FLOPs as torch's own convolutions."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from se_nas.models.convolution import GroupedConv2d, PointwiseConv2d
from se_nas.models.cost import measure_module_cost

SWEEP = Path(__file__).parents[2] / "benchmarks" / "convolution_sweep.py"


def sweep_ours(*options: str) -> subprocess.CompletedProcess[str]:
    """Run each shape in its own process, so that a crash is a line of output and does not end the tests."""
    command = [sys.executable, str(SWEEP), "--form", "ours", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_no_convolution_crashes_or_deviates_from_double_precision() -> None:
    done = sweep_ours("--quick")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kernels", ["AVX2", "DEFAULT"])
def test_no_convolution_crashes_or_deviates_at_any_width(
    seed: int, kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", kernels)

    done = sweep_ours("--seed", str(seed))

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("pixels", [1, 2, 7, 8])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_strided_pointwise_convolution_computes_the_same_as_torch(
    layout: torch.memory_format, pixels: int, stride: int
) -> None:
    ours, stock = PointwiseConv2d(5, 7, stride=stride).double(), nn.Conv2d(5, 7, 1, stride=stride, bias=False).double()
    stock.load_state_dict(ours.state_dict())
    features = torch.randn(3, 5, pixels, pixels, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()

    results = [layer(features) for layer in (ours, stock)]
    gradients = [torch.autograd.grad(each.square().sum(), features)[0] for each in results]

    torch.testing.assert_close(*results)
    torch.testing.assert_close(*gradients)
    assert results[0].is_contiguous(memory_format=layout)


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize(("kernel", "stride", "sides"), [(3, 2, (1, 1)), (3, 4, (3, 9)), (5, 4, (8, 2))])
def test_a_map_smaller_than_the_stride_gives_the_same_as_torch(
    groups: int, kernel: int, stride: int, sides: tuple[int, int]
) -> None:
    settings = (8, 8, kernel, stride, kernel // 2, 1, groups)
    ours, stock = GroupedConv2d(*settings).double(), nn.Conv2d(*settings).double()
    stock.load_state_dict(ours.state_dict())
    features = torch.randn(2, 8, *sides, dtype=torch.float64, requires_grad=True)

    results = [layer(features) for layer in (ours, stock)]
    gradients = [
        torch.autograd.grad(result.square().sum(), (features, layer.weight))
        for result, layer in zip(results, (ours, stock), strict=True)
    ]

    torch.testing.assert_close(*results)
    torch.testing.assert_close(*gradients)


def test_the_gradient_of_a_pointwise_convolution_has_a_gradient() -> None:
    layer = PointwiseConv2d(2, 3, stride=2).double()

    assert torch.autograd.gradgradcheck(layer, torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True))


def test_a_pointwise_gradient_has_the_memory_order_of_the_features() -> None:
    features = torch.randn(2, 4, 8, 8).contiguous(memory_format=torch.channels_last).requires_grad_()

    PointwiseConv2d(4, 6, stride=2)(features).sum().backward()

    assert features.grad is not None
    assert features.grad.is_contiguous(memory_format=torch.channels_last)


def test_a_strided_pointwise_convolution_costs_the_same_as_torchs() -> None:
    features = torch.randn(1, 8, 16, 16)

    assert measure_module_cost(PointwiseConv2d(8, 24, stride=2), features) == measure_module_cost(
        nn.Conv2d(8, 24, 1, stride=2, bias=False), features
    )


def test_an_exporter_sees_one_convolution_with_a_stride() -> None:
    program = torch.export.export(PointwiseConv2d(8, 24, stride=2).eval(), (torch.randn(1, 8, 4, 4),))

    (call,) = [node for node in program.graph.nodes if node.op == "call_function"]
    assert "conv2d" in str(call.target)
    assert [2, 2] in call.args
