"""How many trainings one GPU takes side by side: small networks leave most of it idle."""

from collections.abc import Mapping

PROCESS_BYTES = 1 << 30
"""What a process takes before its first network: CUDA, cuDNN and cuBLAS with their workspaces, on the high side."""
COPIES = 3
"""Of each counted activation: about two are kept for the backward pass, and gradients are on their way."""
MOST = 4
"""Beyond a few, processes only take turns on a GPU."""


def training_bytes(cost: Mapping[str, int], *, batch_size: int) -> int:
    """Memory that training a network of this cost takes, in fp32: weights with gradients and momentum, activations."""
    return 4 * (3 * cost["params"] + COPIES * batch_size * cost["activations"])


def trainings_on_a_gpu(*, free_bytes: int, bytes_each: int, processors: int) -> int:
    """As many as its free memory holds, each in a process with a processor of its own; at least one, at most `MOST`.

    >>> trainings_on_a_gpu(free_bytes=12 << 30, bytes_each=3 << 30, processors=8)
    3
    """
    return max(1, min(free_bytes // (PROCESS_BYTES + bytes_each), processors, MOST))
