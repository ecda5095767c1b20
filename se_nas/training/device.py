"""The device that trains, and the number format and memory layout that it gains by."""

from contextlib import AbstractContextManager, nullcontext

import torch


def gpu_count() -> int:
    """GPUs that torch can use on this machine."""
    return torch.cuda.device_count()


def pick_device(*, use_gpu: bool = True) -> torch.device:
    """The first GPU that this process may use, else the CPU."""
    return torch.device("cuda" if use_gpu and torch.cuda.is_available() else "cpu")


def memory_layout(device: torch.device) -> torch.memory_format:
    """Channels last where it is known to gain: on a CPU (0.6 to 0.75 of the step), on a GPU with bf16 units."""
    if device.type == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.channels_last
    return torch.contiguous_format


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """bf16 autocast on a GPU with bf16 units; plain fp32 elsewhere, where bf16 is emulated and slower."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def prepare(device: torch.device) -> None:
    """One thread on a CPU, where trials run side by side; reproducible kernels on a GPU."""
    if device.type == "cuda":
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    else:
        torch.set_num_threads(1)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was told; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
