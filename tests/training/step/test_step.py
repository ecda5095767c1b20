import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from se_nas.data.batches.augmentation import draw_epoch, mix, shift_and_mirror
from se_nas.data.batches.device_data import DeviceData
from se_nas.training.recipe import Recipe
from se_nas.training.step.precision import Precision
from se_nas.training.step.step import Schedule, TrainingStep
from tests.fakes import separable_data

CPU = torch.device("cpu")
BATCH = 16
NUMERICS = Precision(channels_last=True, bf16=False)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


def schedule(rates: torch.Tensor) -> Schedule:
    """A schedule without an average."""
    return Schedule(rate=rates, kept=torch.zeros(len(rates)))


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_an_epoch_equals_nesterov_sgd_by_the_formula(mixup: float) -> None:
    """The reference is torch's plain optimizer, stepped by hand."""
    data = separable_data()
    on_device = DeviceData.of(data.train, data.validation, mirrored=True, device=CPU)
    recipe = Recipe(epochs=1, mixup=mixup, weight_decay=0.01)
    draws = draw_epoch(len(data.train), BATCH, image_size=8, mirror=True, recipe=recipe, seed=0, epoch=0)
    rates = torch.linspace(0.1, 0.01, len(draws.chosen))
    ours, plain = network(), network()
    step = TrainingStep(ours, on_device, recipe, NUMERICS)
    step.begin_epoch(draws, schedule(rates))
    biases = [parameter for parameter in plain.parameters() if parameter.ndim == 1]
    weights = [parameter for parameter in plain.parameters() if parameter.ndim > 1]
    groups = [{"params": weights, "weight_decay": 0.01}, {"params": biases, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True, foreach=False)
    losses = []
    for each in range(len(rates)):
        step()
        pixels, labels = on_device.train.take(draws.chosen[each])
        batch = mix(
            on_device.normalised(shift_and_mirror(pixels, draws.shift[each], draws.mirrored[each])),
            draws.share[each],
            draws.patch[each],
        )
        share = draws.share[each]
        logits = plain(batch)
        loss = share * F.cross_entropy(logits, labels, label_smoothing=0.1)
        loss = loss + (1 - share) * F.cross_entropy(logits, labels.flip(0), label_smoothing=0.1)
        for group in optimizer.param_groups:
            group["lr"] = float(rates[each])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert step.mean_loss == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_epochs_use_the_same_memory_for_cuda_graphs() -> None:
    data = separable_data()
    on_device = DeviceData.of(data.train, data.validation, mirrored=True, device=CPU)
    recipe = Recipe(epochs=2, cutout=0.5)
    step = TrainingStep(network(), on_device, recipe, NUMERICS)
    held = []
    for epoch in range(2):
        draws = draw_epoch(len(data.train), BATCH, image_size=8, mirror=True, recipe=recipe, seed=0, epoch=epoch)
        step.begin_epoch(draws, schedule(torch.full((len(draws.chosen),), 0.1)))
        step()
        assert step._epoch is not None
        held.append([tensor.data_ptr() for tensor in (*step._epoch[0], *step._epoch[1])])
        assert torch.equal(step._epoch[0].chosen, draws.chosen)

    assert held[0] == held[1]
    assert math.isfinite(step.mean_loss)
