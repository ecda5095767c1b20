"""The number of trainings that run side by side on one GPU. A small network leaves most of a GPU idle."""

from collections.abc import Mapping

PROCESS_BYTES = 1 << 30
"""The memory of a process before its first network: CUDA, cuDNN and cuBLAS with their workspaces. A high estimate."""
COPIES = 3
"""The number of copies of each counted activation: about two for the backward pass, and the current gradients."""
MOST = 4
"""The most trainings on one GPU. More processes would only take turns."""


def training_bytes(cost: Mapping[str, float], *, batch_size: int) -> int:
    """The memory of a training in fp32, in bytes: weights with gradients and momentum, and activations."""
    return int(4 * (3 * cost["params"] + COPIES * batch_size * cost["activations"]))


def trainings_on_a_gpu(*, free_bytes: int, bytes_each: int, processors: int) -> int:
    """The number of trainings that fit in the free memory, each with its own processor; at least 1, at most `MOST`.

    >>> trainings_on_a_gpu(free_bytes=12 << 30, bytes_each=3 << 30, processors=8)
    3
    """
    return max(1, min(free_bytes // (PROCESS_BYTES + bytes_each), processors, MOST))
