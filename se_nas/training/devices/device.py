"""The device that trains."""

import platform

import torch


def gpu_count() -> int:
    """GPUs that torch can use on this machine."""
    return torch.cuda.device_count()


def free_gpu_bytes() -> int:
    """Free memory of the GPU that has least of it."""
    return int(min(torch.cuda.mem_get_info(index)[0] for index in range(gpu_count())))


def pick_device(*, use_gpu: bool = True) -> torch.device:
    """The first GPU that this process may use, else the CPU."""
    return torch.device("cuda" if use_gpu and torch.cuda.is_available() else "cpu")


def prepare(device: torch.device) -> None:
    """One thread on a CPU, where trials run side by side; reproducible kernels on a GPU."""
    if device.type == "cuda":
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    else:
        torch.set_num_threads(1)


def device_name(device: torch.device) -> str:
    """For people: the GPU's own name, or the kind of processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU ({platform.machine()})"


def has_bf16_units(device: torch.device) -> bool:
    """Whether the device computes in bf16 itself, and does not emulate it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was told; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
