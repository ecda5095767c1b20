"""Initial weights that several families share."""

import math

from torch import nn


def initialise_by_fan_out(module: nn.Module) -> None:
    """Draw one layer's weights; `nn.Module.apply` draws those of all layers.

    Convolutions are He-normal by fan-out (He et al., arXiv 1502.01852), and linear layers are normal with standard
    deviation 0.01. Biases are zero.
    """
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def initialise_by_fan_in(module: nn.Module) -> None:
    """Draw one layer's weights as torchvision's densenet.py does.

    Convolutions are He-normal by fan-in. Linear layers have torch's usual uniform weights. Biases are zero.
    """
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
    elif isinstance(module, nn.Linear):
        module.reset_parameters()
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def initialise_by_fan_out_of_group(module: nn.Module) -> None:
    """Draw one layer's weights as TensorFlow's and timm's MobileNets do (timm, _efficientnet_builder.py,
    `_init_weight_goog`).

    Convolutions are He-normal by the fan-out of one group. Linear layers are uniform within ±1/√(width out). Biases are
    zero.
    """
    if isinstance(module, nn.Conv2d):
        fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
    elif isinstance(module, nn.Linear):
        bound = 1 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -bound, bound)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def initialise_as_torch(module: nn.Module) -> None:
    """Draw one layer's weights and biases as torch does without further orders (torchvision's shufflenetv2.py)."""
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
        module.reset_parameters()
