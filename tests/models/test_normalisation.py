"""Batch norm with sum and ReLU equals the single operators. The GPU's kernels have their own tests."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from se_nas.models.convolution import DENSE_CHANNELS, GroupedConv2d
from se_nas.models.normalisation import BatchNorm
from se_nas.space.activation import Activation


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("relu", "summed"), [(False, False), (True, False), (True, True)])
def test_the_result_equals_batch_norm_then_sum_then_relu(relu: bool, summed: bool, training: bool) -> None:
    ours, plain = (
        BatchNorm(6, activation=Activation.RELU if relu else None).train(training),
        nn.BatchNorm2d(6).train(training),
    )
    nn.init.normal_(plain.weight)
    plain.running_mean.normal_()
    ours.load_state_dict(plain.state_dict())
    features, added = torch.randn(4, 6, 3, 3), torch.randn(4, 6, 3, 3) if summed else None

    found = ours(features, added)

    wanted = plain(features) if added is None else plain(features) + added
    assert torch.equal(found, F.relu(wanted) if relu else wanted)
    assert torch.equal(ours.running_mean, plain.running_mean)
    assert torch.equal(ours.running_var, plain.running_var)


def test_a_single_value_per_channel_cannot_be_normalised() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        BatchNorm(3)(torch.ones(1, 3, 1, 1))


@pytest.mark.parametrize(("channels", "out", "groups"), [(24, 24, 3), (16, 32, 4), (8, 8, 8), (56, 56, 7)])
def test_a_grouped_convolution_equals_a_dense_one_with_zeros_between_groups(
    channels: int, out: int, groups: int
) -> None:
    grouped = GroupedConv2d(channels, out, 3, padding=1, stride=2, groups=groups, bias=False).double()
    features = torch.randn(2, channels, 5, 5, dtype=torch.float64)

    dense = F.conv2d(features, grouped.dense_weight(), stride=2, padding=1)

    assert channels <= DENSE_CHANNELS
    assert grouped.dense_weight().count_nonzero() == grouped.weight.numel()
    torch.testing.assert_close(dense, grouped(features))
    arriving = torch.randn_like(dense)
    slopes = [torch.autograd.grad(result, grouped.weight, arriving)[0] for result in (dense, grouped(features))]
    torch.testing.assert_close(*slopes)
