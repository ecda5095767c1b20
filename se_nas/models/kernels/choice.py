"""The choice between our own kernels and stock operators."""

import logging
from functools import cache

import torch
from torch import Tensor

TOLERANCE = 1e-2
"""The largest accepted error, relative to the largest value. Rounding to bf16 causes a smaller error; a wrong kernel
causes a far larger error."""


def is_traced() -> bool:
    """Whether an exporter or a compiler reads the graph of operators."""
    return bool(torch.jit.is_tracing() or torch.compiler.is_compiling())  # type: ignore[attr-defined,no-untyped-call]


def take(features: Tensor, weight: Tensor) -> bool:
    """Whether our Triton kernels can be used: on a GPU, for weights in single and features up to single precision."""
    return features.is_cuda and weight.dtype == torch.float32 and features.dtype != torch.float64 and has_triton()


@cache
def has_triton() -> bool:
    """Whether our Triton kernels run on this GPU and compute the same as stock operators. Tested once per process.

    Triton comes with torch only on Linux. It needs a C compiler and a GPU that it supports.
    """
    try:
        from se_nas.models.kernels.comparison import excitations, normalisations

        low = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cuda", enabled=False):
            for name, found, wanted in (*excitations("cuda", low), *normalisations("cuda", low)):
                error = (found - wanted).abs().max() / wanted.abs().max()
                if not error < TOLERANCE:  # also true for NaN
                    raise RuntimeError(f"{name} is off by {float(error):.1%}")
    except torch.OutOfMemoryError:  # does not mean that the kernels are wrong
        raise
    except Exception as error:  # noqa: BLE001 - the stages of Triton raise many kinds of errors
        logging.getLogger(__name__).warning(
            "SE and batch norm use stock operators, because our Triton kernels do not work here: %s", error
        )
        return False
    return True
