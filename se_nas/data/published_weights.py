"""Weights that torchvision publishes. torchvision downloads them, and keeps them for the next time."""

from torch import Tensor

from se_nas.errors import InputError

TORCHVISION = "torchvision"
"""The value of `--weights` that means these weights."""


def download_weights(network: str) -> dict[str, Tensor]:
    """The state dict of torchvision's default weights of a network. InputError if there are none, or no connection."""
    from torchvision.models import get_model_weights, list_models

    if network not in list_models():
        raise InputError(f"--weights {TORCHVISION}: torchvision has no network {network}; give a file of its weights")
    weights = get_model_weights(network).DEFAULT
    try:
        return dict(weights.get_state_dict(progress=False, check_hash=True))
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"--weights {TORCHVISION}: {weights.url} cannot be downloaded ({error}); download it elsewhere and give "
            "the file"
        ) from None


def layer_names(network: str) -> tuple[str, ...]:
    """The names of torchvision's tensors of a network, in the order of its layers; none if it has no such network."""
    import torch
    from torchvision.models import get_model, list_models

    if network not in list_models():
        return ()
    with torch.device("meta"):  # draws no weights, and takes no memory
        return tuple(get_model(network, weights=None).state_dict())
