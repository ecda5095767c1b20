import pytest
import torch
from torch.nn import functional as F

from se_nas.models.shuffle import interleave_channels, shuffle_channels

LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("groups", [1, 2, 3, 8])
def test_channels_are_shuffled_as_by_torch_and_keep_their_memory_order(groups, layout):
    features = torch.randn(2, 24, 5, 3).to(memory_format=layout)

    shuffled = shuffle_channels(features, groups)

    assert torch.equal(shuffled, F.channel_shuffle(features.contiguous(), groups))
    assert shuffled.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_maps_are_interleaved_as_by_a_concatenation_and_a_shuffle(layout):
    first, second = (torch.randn(2, 6, 5, 3).to(memory_format=layout) for _ in range(2))

    both = interleave_channels(first, second)

    assert torch.equal(both, F.channel_shuffle(torch.cat([first, second], dim=1).contiguous(), 2))
    assert both.is_contiguous(memory_format=layout)
