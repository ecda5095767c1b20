"""The GPU kernels in Triton's interpreter, which needs no GPU. `tests/gpu` tests the compiled kernels."""

import json
import os
import subprocess
import sys

import pytest
import torch

from se_nas.models.kernels import choice

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Triton is for Linux")

EXCITATION = """
from se_nas.models.kernels import excitation_stock, excitation_triton

torch.manual_seed(0)
for images, channels, hidden, size, layout, dtype, tolerance in (
    (3, 24, 6, (5, 7), torch.channels_last, torch.float32, 1e-5),
    (3, 7, 20, (4, 4), torch.contiguous_format, torch.float32, 1e-5),
    (3, 16, 1, (1, 1), torch.channels_last, torch.float32, 1e-5),
    (3, 600, 9, (5, 5), torch.channels_last, torch.float32, 1e-4),
    (3, 16, 4, (20, 20), torch.channels_last, torch.float32, 1e-4),  # several programs share an image
    (150, 24, 6, (2, 1), torch.channels_last, torch.float32, 1e-4),  # several share the images for the weights
    (3, 417, 289, (1, 1), torch.channels_last, torch.float32, 1e-4),  # stock operators sum for the weights
    (3, 24, 6, (8, 8), torch.channels_last, torch.bfloat16, 3e-2),
):
    features = torch.randn(images, channels, *size).to(dtype).contiguous(memory_format=layout)
    arriving = torch.randn(images, channels, *size).to(dtype)
    reduce, reduce_bias = torch.randn(hidden, channels) / channels**0.5, torch.randn(hidden)
    expand, expand_bias = torch.randn(channels, hidden) / hidden**0.5, torch.randn(channels)
    results = []
    for kernels in (excitation_triton, excitation_stock):
        excited, gating = kernels.forward(features, reduce, reduce_bias, expand, expand_bias)
        to_features, slopes = kernels.backward(arriving, features, reduce, expand, gating)
        results.append([excited, *gating, to_features, *slopes, *kernels.weight_gradients(gating, slopes)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
"""

NORMALISATION = """
from torch.nn import functional as F
from se_nas.models.kernels import normalisation_triton
from se_nas.models.kernels.normalisation_triton import Running

torch.manual_seed(0)
for whole in (True, False):
    if not whole:
        normalisation_triton.WHOLE_NUMBERS, normalisation_triton.TILE_NUMBERS = 1, 512
    for images, channels, side, dtype, tolerance in (
        (5, 24, 5, torch.float32, 1e-5),
        (3, 7, 4, torch.float32, 1e-5),
        (16, 8, 1, torch.float32, 1e-4),
        (9, 136, 2, torch.bfloat16, 1e-2),
    ):
        for relu, summed in ((False, False), (True, False), (True, True)):
            shape = (images, channels, side, side)
            offset = 3 * torch.randn(1, channels, 1, 1)
            features, added, arriving = (
                each.to(dtype).contiguous(memory_format=torch.channels_last)
                for each in (torch.randn(shape) + offset, torch.randn(shape), torch.randn(shape))
            )
            weight, bias, mean, variance = torch.randn(channels), torch.randn(channels), offset.flatten(), offset**2
            exact = [each.double().requires_grad_() for each in (features, added, weight, bias)]
            kept = [mean.double(), variance.flatten().double()]
            wanted = F.batch_norm(exact[0], *kept, *exact[2:], training=True, momentum=0.1, eps=1e-5)
            wanted = wanted + exact[1] if summed else wanted + 0 * exact[1]
            wanted = F.relu(wanted) if relu else wanted
            slopes = torch.autograd.grad(wanted, exact, arriving.double())
            running = Running(mean.clone(), variance.flatten().clone(), 0.1)
            found, statistics = normalisation_triton.forward(
                features, added if summed else None, weight, bias, running, epsilon=1e-5, relu=relu
            )
            gradients = normalisation_triton.backward(
                arriving, features, found if summed else None, weight, bias, statistics, relu=relu
            )
            assert (gradients[1] is not None) == summed
            pairs = zip([found, *running[:2], *gradients], [wanted, *kept, *slopes], strict=True)
            for one, other in pairs:
                if one is not None:
                    assert (one - other).abs().max() < tolerance * other.abs().max(), (whole, shape, relu, summed)
"""

COMPARISON = """
from se_nas.models.kernels.comparison import excitations, normalisations
from se_nas.models.kernels.choice import TOLERANCE

for dtype, share in ((torch.float32, 1e-3), (torch.bfloat16, 0.9)):
    pairs = [*excitations("cpu", dtype), *normalisations("cpu", dtype)]
    assert len(pairs) > 40
    for name, found, wanted in pairs:
        assert (found - wanted).abs().max() < share * TOLERANCE * wanted.abs().max(), name
"""

NETWORK = """
import copy
import math
from torch.nn import functional as F
from se_nas.models.kernels import choice
from se_nas.training.trainer import build_initial_model
from tests.fakes import network_with_se

network = build_initial_model(network_with_se("inner/4", "none", "standard/8"), num_classes=3, seed=0)
network = network.to(memory_format=torch.channels_last).train()
images = torch.randn(8, 3, 8, 8).contiguous(memory_format=torch.channels_last)

def after_a_step(ill=None):
    trained = copy.deepcopy(network)
    if ill is not None:
        trained.get_parameter(ill).data.fill_(math.nan)
    loss = F.cross_entropy(trained(images), torch.arange(8) % 3)
    loss.backward()
    slopes = [parameter.grad for parameter in trained.parameters()]
    running = [each for name, each in trained.named_buffers() if "running" in name]
    return [loss.detach(), *slopes, *running]

stock = after_a_step()
choice.take = lambda features, weight: True
for one, other in zip(after_a_step(), stock, strict=True):
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
for ill in ("stem.0.weight", "stage1.0.conv2.weight", "stage3.1.norm1.bias"):
    assert after_a_step(ill)[0].isnan(), ill
"""

PROGRAMS = {"SE": EXCITATION, "comparison": COMPARISON, "network": NETWORK, "batch norm": NORMALISATION}
"""They run in this order, because the last two change settings of the modules."""

IN_ORDER = """
import json, sys, traceback
import torch

torch.set_num_threads(1)
ends = {}
for name, program in json.loads(sys.argv[1]).items():
    try:
        exec(program, {"torch": torch})
        ends[name] = "equal"
    except Exception:
        ends[name] = traceback.format_exc()
print(json.dumps(ends))
"""


@pytest.fixture(scope="module")
def ends() -> dict[str, str]:
    """How each program has ended in one process, which imports torch and Triton once."""
    done = subprocess.run(
        [sys.executable, "-c", IN_ORDER, json.dumps(PROGRAMS)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_kernels_compute_the_same_as_stock_operators(ends: dict[str, str], program: str) -> None:
    assert ends[program] == "equal", ends[program]


@pytest.mark.parametrize("wrong", [torch.full((3,), 1.1), torch.full((3,), torch.nan)], ids=["too large", "NaN"])
def test_kernels_with_wrong_results_are_not_used(
    wrong: torch.Tensor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from se_nas.models.kernels import comparison  # Triton is on Linux alone

    monkeypatch.setattr(comparison, "normalisations", lambda device, low: iter(()))
    for found, is_right in ((torch.ones(3), True), (wrong, False)):
        monkeypatch.setattr(comparison, "excitations", lambda device, low, found=found: [("SE", found, torch.ones(3))])
        choice.has_triton.cache_clear()
        assert choice.has_triton() is is_right
    choice.has_triton.cache_clear()

    assert len(caplog.messages) == 1
    assert "SE and batch norm use stock operators" in caplog.messages[0]


def test_a_lack_of_gpu_memory_does_not_rule_out_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    from se_nas.models.kernels import comparison  # Triton is on Linux alone

    def full(device: str, low: torch.dtype) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(comparison, "normalisations", lambda device, low: iter(()))
    choice.has_triton.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(comparison, "excitations", full)
        with pytest.raises(torch.OutOfMemoryError):
            choice.has_triton()
    monkeypatch.setattr(comparison, "excitations", lambda device, low: iter(()))

    assert choice.has_triton()

    choice.has_triton.cache_clear()


def test_without_a_gpu_stock_operators_are_used(caplog: pytest.LogCaptureFixture) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    choice.has_triton.cache_clear()

    assert not choice.has_triton()

    choice.has_triton.cache_clear()
    assert len(caplog.messages) == 1
