"""A small residual network of your own. Where its blocks call `place`, se-nas may put SE.

python launch/search.py --network docs/examples/small_resnet.py:build --budget 20
"""

from collections.abc import Callable

from torch import Tensor, nn

WIDTHS = (16, 32)
BLOCKS = 2


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width_in: int, width: int, stride: int, se: nn.Module) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(width_in, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            se,  # a module that scales the channels, or nothing
        )
        same = stride == 1 and width_in == width
        self.shortcut = nn.Identity() if same else nn.Conv2d(width_in, width, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width, H / stride, W / stride)."""
        return (self.branch(features) + self.shortcut(features)).relu()


def build(place: Callable[[str, int], nn.Module], num_classes: int) -> nn.Module:
    """A stem, four blocks, and a classifier."""
    layers: list[nn.Module] = [nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU()]
    width_in = WIDTHS[0]
    for stage, width in enumerate(WIDTHS):
        for block in range(BLOCKS):
            stride = 2 if stage and not block else 1
            layers.append(Block(width_in, width, stride, place(f"layer{stage + 1}.{block}", width)))
            width_in = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width_in, num_classes))
