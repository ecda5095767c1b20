"""torchvision's ResNet-18 with SE after the last norm of any block.

python launch/search.py --network docs/examples/resnet18_with_se.py:build --group stage
"""

from collections.abc import Callable

from torch import nn
from torchvision.models import resnet18


def build(place: Callable[[str, int], nn.Module], num_classes: int) -> nn.Module:
    """torchvision's network, with a place for SE in each block."""
    network = resnet18(num_classes=num_classes)
    for stage in (1, 2, 3, 4):
        for number, block in enumerate(getattr(network, f"layer{stage}")):
            block.bn2 = nn.Sequential(block.bn2, place(f"layer{stage}.{number}", block.bn2.num_features))
    return network
