"""Whether our own kernels may do an operator's work here, or stock operators must."""

import logging
from functools import cache

import torch
from torch import Tensor

TOLERANCE = 1e-2
"""Of the largest value: above what rounding to bf16 costs, and far below what a wrong kernel would give."""


def is_traced() -> bool:
    """Whether somebody reads the graph of operators: an exporter or a compiler."""
    return bool(torch.jit.is_tracing() or torch.compiler.is_compiling())  # type: ignore[attr-defined,no-untyped-call]


def take(features: Tensor, weight: Tensor) -> bool:
    """Whether our Triton kernels take such features and weights: on a GPU, weights in single precision."""
    return features.is_cuda and weight.dtype == torch.float32 and features.dtype != torch.float64 and has_triton()


def vectors(channels: int) -> dict[str, int]:
    """Channels as so many vectors, which a kernel reads and writes memory by."""
    vector = 8 if channels % 8 == 0 else 1
    return {"vectors": channels // vector, "VECTOR": vector}


@cache
def has_triton() -> bool:
    """Whether our Triton kernels run on this GPU, and compute what stock operators do: asked once a process.

    Triton comes with torch on Linux only, and wants a C compiler and a GPU that it knows.
    """
    try:
        from se_nas.models.kernel_comparison import excitations, normalisations

        low = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cuda", enabled=False):
            for name, found, wanted in (*excitations("cuda", low), *normalisations("cuda", low)):
                error = (found - wanted).abs().max() / wanted.abs().max()
                if not error < TOLERANCE:  # NaN too
                    raise RuntimeError(f"{name} is off by {float(error):.1%}")
    except torch.OutOfMemoryError:  # says nothing of the kernels
        raise
    except Exception as error:  # noqa: BLE001 - each of its stages fails in its own way
        logging.getLogger(__name__).warning(
            "SE and batch norm run by stock operators, since our Triton kernels do not work here: %s", error
        )
        return False
    return True
