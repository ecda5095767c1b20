"""Initial weights that several families share."""

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
