"""The device that trains: its choice, its properties and its settings."""

import platform

import torch


def gpu_count() -> int:
    """The number of GPUs that torch can use on this machine."""
    return torch.cuda.device_count()


def free_gpu_bytes() -> int:
    """The free memory, in bytes, of the GPU with the least free memory."""
    return int(min(torch.cuda.mem_get_info(index)[0] for index in range(gpu_count())))


def pick_device(*, use_gpu: bool = True) -> torch.device:
    """The first GPU that this process may use; the CPU if there is none."""
    return torch.device("cuda" if use_gpu and torch.cuda.is_available() else "cpu")


def prepare(device: torch.device) -> None:
    """Use reproducible kernels on a GPU. Use one thread on a CPU, where trials run side by side."""
    if device.type == "cuda":
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    else:
        torch.set_num_threads(1)


def device_name(device: torch.device) -> str:
    """The device's name for users: the name of the GPU, or the kind of processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU ({platform.machine()})"


def has_bf16_units(device: torch.device) -> bool:
    """Whether the device has units for bf16 and does not emulate it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    known = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(is_supported() for is_supported in known if is_supported is not None)  # no version has to have them


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished its work. A CPU needs no wait."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
