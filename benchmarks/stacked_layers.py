"""Stacked networks: K networks of equal shape as one module. Their channels lie side by side in each map.

1x1 convolutions are batched products. Grouped convolutions have K times the groups, and batch norm has K times the
channels. SE has a batched product for each of its layers. The members have the same images.
"""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.convolution import GroupedConv2d
from se_nas.models.normalisation import BatchNorm

IMAGE_CHANNELS = 3


def stack(models: list[nn.Module], *, dense: bool = False) -> nn.Module:
    """One network that computes all of `models`, RegNets of equal shape: (N, 3, H, W) -> (N, K, classes).

    With `dense`, a grouped convolution has one group for each member, and zeros between the member's own groups.
    """

    def joined(layers: list[Any]) -> nn.Module:
        first = layers[0]
        if isinstance(first, BatchNorm):
            norm = BatchNorm(len(layers) * first.num_features, activation=first.activation).to(first.weight.dtype)
            norm.eps, norm.momentum = first.eps, first.momentum
            for name in ("weight", "bias"):
                setattr(norm, name, nn.Parameter(torch.cat([getattr(layer, name).detach() for layer in layers])))
            return norm
        if isinstance(first, SqueezeExcite):
            return Excite(layers)
        if isinstance(first, nn.Linear):
            return Classifier(layers)
        if isinstance(first, nn.Conv2d):
            return Pointwise(layers) if first.kernel_size == (1, 1) else spatial(layers, dense=dense)
        result = deepcopy(first)
        for name, _ in first.named_children():
            setattr(result, name, joined([layer.get_submodule(name) for layer in layers]))
        return result

    return joined(models)


class _Products(torch.autograd.Function):
    """Features (P, K, C) by weights (K, C', C): (P, K, C'). cuBLAS reads and writes the channels in their places."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight)
        return _product(features, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        features, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        return _product(gradient, weight), torch.bmm(gradient.permute(1, 2, 0), features.transpose(0, 1))


def _product(features: Tensor, weight: Tensor) -> Tensor:
    result = features.new_empty(*features.shape[:2], weight.shape[2])
    torch.bmm(features.transpose(0, 1), weight, out=result.transpose(0, 1))
    return result


class Layer(nn.Module):
    """A linear layer or 1x1 convolution of K members: (P, K, C) -> (P, K, C')."""

    def __init__(self, layers: list[Any]) -> None:
        super().__init__()
        self.members = len(layers)
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().flatten(1) for layer in layers]))
        self.bias = (
            None if layers[0].bias is None else nn.Parameter(torch.cat([layer.bias.detach() for layer in layers]))
        )

    def forward(self, features: Tensor) -> Tensor:
        """Compute the product in the type of the features."""
        result: Tensor = _Products.apply(features, self.weight.to(features.dtype))
        return result if self.bias is None else result + self.bias.view(self.members, -1).to(features.dtype)


class Pointwise(Layer):
    """A 1x1 convolution of K members: (N, K * C, H, W) -> (N, K * C', H / stride, W / stride), channels last."""

    def __init__(self, layers: list[nn.Conv2d]) -> None:
        super().__init__(layers)
        self.stride = layers[0].stride

    def forward(self, features: Tensor) -> Tensor:
        """Take every stride-th pixel, then one product for each member."""
        if self.stride != (1, 1):
            features = F.avg_pool2d(features, 1, self.stride)  # its gradient is in channels-last memory
        pixels = features.permute(0, 2, 3, 1)
        products = super().forward(pixels.reshape(-1, self.members, self.weight.shape[2]))
        return products.view(*pixels.shape[:3], -1).permute(0, 3, 1, 2)


class Excite(nn.Module):
    """SE of K members, with gates in single precision as in `SqueezeExcite`: (N, K * C, H, W) -> the same."""

    def __init__(self, modules: list[SqueezeExcite]) -> None:
        super().__init__()
        self.reduce, self.expand = Layer([each.reduce for each in modules]), Layer([each.expand for each in modules])

    def forward(self, features: Tensor) -> Tensor:
        """Scale each channel by the gate of its member."""
        with torch.autocast(features.device.type, enabled=False):
            means = features.mean((2, 3), dtype=self.reduce.weight.dtype).view(len(features), self.reduce.members, -1)
            gates = self.expand(self.reduce(means).relu()).sigmoid()
        return features * gates.view(*features.shape[:2], 1, 1).to(features.dtype)


class Classifier(Layer):
    """The classifier of K members: (N, K * C) -> (N, K, classes)."""

    def forward(self, pooled: Tensor) -> Tensor:
        """One product for each member."""
        return super().forward(pooled.view(len(pooled), self.members, -1))


def spatial(layers: list[nn.Conv2d], *, dense: bool) -> nn.Conv2d:
    """The convolution of K members: of the images, which they share, or in K times the groups."""
    first, members = layers[0], len(layers)
    is_grouped, shares_images = isinstance(first, GroupedConv2d), first.in_channels == IMAGE_CHANNELS
    groups = 1 if shares_images else members * (1 if dense else first.groups)
    channels = first.in_channels * (1 if shares_images else members)
    result = (Dense if dense and is_grouped else nn.Conv2d)(
        channels,
        members * first.out_channels,
        first.kernel_size,
        first.stride,
        first.padding,
        groups=groups,
        bias=False,
    )
    result.weight = nn.Parameter(torch.cat([layer.weight.detach() for layer in layers]))
    return result


class Dense(nn.Conv2d):
    """A grouped convolution of K members, with one group for each member: the weights between its groups are zeros."""

    def forward(self, features: Tensor) -> Tensor:
        """(N, K * C, H, W) -> (N, K * C', H / stride, W / stride)."""
        count, width = self.in_channels // self.groups, self.weight.shape[1]
        grouped = self.weight.view(self.groups, count // width, -1, *self.weight.shape[1:])
        weight = torch.diag_embed(grouped.movedim(1, -1), dim1=1, dim2=3).flatten(3, 4).flatten(0, 2)
        return F.conv2d(features, weight, None, self.stride, self.padding, groups=self.groups)
