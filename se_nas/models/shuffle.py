"""Channel shuffle: Zhang et al., "ShuffleNet", arXiv 1707.01083, section 3.1. The result keeps the memory order."""

import torch
from torch import Tensor


def shuffle_channels(features: Tensor, groups: int) -> Tensor:
    """(N, C, H, W) -> (N, C, H, W). Channel i of group g becomes channel i · groups + g."""
    if groups == 1:
        return features
    if _is_channels_last(features):
        return _shuffle(features.permute(0, 2, 3, 1), groups, dim=3).permute(0, 3, 1, 2)
    return _shuffle(features, groups, dim=1)


def interleave_channels(first: Tensor, second: Tensor) -> Tensor:
    """Twice (N, C, H, W) -> (N, 2C, H, W). It equals a concatenation and a shuffle of two groups, in one pass."""
    if _is_channels_last(second):
        both = torch.stack([first.permute(0, 2, 3, 1), second.permute(0, 2, 3, 1)], dim=4)
        return both.flatten(3).permute(0, 3, 1, 2)
    return torch.stack([first, second], dim=2).flatten(1, 2)


def _shuffle(features: Tensor, groups: int, *, dim: int) -> Tensor:
    of_groups = torch.unflatten(features, dim, (groups, -1))
    return of_groups.transpose(dim, dim + 1).flatten(dim, dim + 1)


def _is_channels_last(features: Tensor) -> bool:
    return features.is_contiguous(memory_format=torch.channels_last) and not features.is_contiguous()
