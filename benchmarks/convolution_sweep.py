"""Compares convolutions on this CPU with double precision: torch's layers and ours, each shape in its own process.

    python benchmarks/convolution_sweep.py            # widths 1 to 64, kernels 1 to 7, strides 1 to 4: minutes
    python benchmarks/convolution_sweep.py --quick    # a part of it: seconds
    python benchmarks/convolution_sweep.py --speed    # the time of both, measured in turn

Prints each shape that crashed or deviated, and a table of both forms. The exit code is 1 if one of our layers did.
`ONEDNN_MAX_CPU_ISA=AVX2` before the command makes an AVX-512 processor use the kernels of smaller ones. A shape that
writes past its memory need not crash. A library that ends each block of memory at a forbidden page shows more.
"""

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # torch's threads for a GPU do not survive a fork

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.convolution import GroupedConv2d, PointwiseConv2d, SpatialConv2d

MOST_NUMBERS = 4_000_000
"""The most elements in a map of the sweep. Where there would be more, the batch is smaller."""
TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 6e-2}
"""The allowed deviation, as a fraction of the largest value: above rounding, and far below what a wrong kernel gives.

oneDNN's AVX2 kernels sum parts of a gradient in bf16: the largest deviation is 3.1 % for 784 pixels and a kernel of 7,
its root mean square 0.8 %. A wrong kernel reads or writes memory that is not its own, and gives any value.
"""
PIXELS = (1, 2, 3, 4, 7, 8, 14, 16, 28, 32, 33, 56, 64, 112, 113, 224)
SPEED_REPEATS = 15


class Shape(NamedTuple):
    """One convolution and its input."""

    width_in: int
    width_out: int
    kernel: int
    stride: int
    groups: int
    pixels: int
    batch: int
    channels_last: bool = True
    bf16: bool = False

    @property
    def layout(self) -> torch.memory_format:
        """The memory order of maps and weights."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    @property
    def dtype(self) -> torch.dtype:
        """The number format of maps and weights."""
        return torch.bfloat16 if self.bf16 else torch.float32


KNOWN = (
    Shape(8, 24, 1, 2, 1, 112, 32),
    Shape(8, 8, 1, 2, 1, 56, 32),
    Shape(4, 24, 1, 2, 1, 112, 4),
    Shape(8, 24, 1, 2, 1, 64, 8),
    Shape(15, 32, 1, 4, 1, 128, 8),
    Shape(16, 16, 3, 2, 2, 1, 4, bf16=True),
    Shape(64, 64, 3, 4, 8, 3, 4, bf16=True),
    Shape(33, 33, 3, 4, 1, 2, 4, bf16=True),
    Shape(16, 16, 5, 2, 1, 1, 4, channels_last=False, bf16=True),
)
"""Shapes whose weight gradient by oneDNN 3.13 writes past its workspace (kernel 1), or reads memory that was not
written (the others)."""


def stock_layer(shape: Shape) -> nn.Conv2d:
    """The layer of torch."""
    padding = shape.kernel // 2
    return nn.Conv2d(
        shape.width_in, shape.width_out, shape.kernel, shape.stride, padding, groups=shape.groups, bias=False
    )


def our_layer(shape: Shape) -> nn.Conv2d:
    """The layer that a network has for this shape."""
    if shape.kernel == 1 and shape.groups == 1:
        return PointwiseConv2d(shape.width_in, shape.width_out, stride=shape.stride)
    layer = GroupedConv2d if shape.groups > 1 else SpatialConv2d
    padding = shape.kernel // 2
    return layer(shape.width_in, shape.width_out, shape.kernel, shape.stride, padding, groups=shape.groups, bias=False)


FORMS: dict[str, Callable[[Shape], nn.Conv2d]] = {"torch": stock_layer, "ours": our_layer}


def swept(*, quick: bool, seed: int) -> Iterator[Shape]:
    """Each width, kernel and stride, with a size, batch, groups, layout and format drawn by `seed`."""
    yield from KNOWN
    draw = random.Random(seed)
    for width in (1, 3, 8, 15, 16, 24) if quick else range(1, 65):
        for kernel in (1, 3) if quick else (1, 3, 5, 7):
            for stride in (1, 2) if quick else (1, 2, 4):
                grouped = kernel > 1 and draw.random() < 0.6
                width_out = width if grouped else draw.choice((1, 3, 8, 16, 24, 40, 64))
                pixels = draw.choice(PIXELS[:10] if quick else PIXELS)
                most = max(1, MOST_NUMBERS // (pixels**2 * max(width, width_out)))
                yield Shape(
                    width,
                    width_out,
                    kernel,
                    stride,
                    draw.choice([each for each in range(1, width + 1) if width % each == 0]) if grouped else 1,
                    pixels,
                    min(most, draw.choice((1, 2, 8, 32))),
                    draw.random() < 0.75,
                    draw.random() < 0.33,
                )


def error_of(form: str, shape: Shape) -> float:
    """The largest deviation of the result and the gradients from double precision, relative to the largest value."""
    torch.manual_seed(0)
    layer = FORMS[form](shape).to(shape.dtype).to(memory_format=shape.layout)
    features = torch.randn(shape.batch, shape.width_in, shape.pixels, shape.pixels).to(shape.dtype)
    features = features.contiguous(memory_format=shape.layout).requires_grad_()
    result = layer(features)
    arriving = torch.randn(result.shape).to(shape.dtype).contiguous(memory_format=shape.layout)
    found = (result.detach(), *torch.autograd.grad(result, (features, layer.weight), arriving))
    exact = [each.detach().double().contiguous().requires_grad_() for each in (features, layer.weight)]
    wanted = F.conv2d(exact[0], exact[1], None, shape.stride, shape.kernel // 2, 1, shape.groups)
    slopes = torch.autograd.grad(wanted, exact, arriving.double())
    return max(_deviation(one, other) for one, other in zip(found, (wanted.detach(), *slopes), strict=True))


def _deviation(found: Tensor, wanted: Tensor) -> float:
    if found.shape != wanted.shape or not found.isfinite().all():
        return float("inf")
    return float((found.double() - wanted).abs().max() / wanted.abs().max().clamp_min(1e-30))


def in_a_child(form: str, shape: Shape) -> str:
    """A text about the error, empty if there is none. A fork of this process computes it, because it may crash."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # "double free or corruption"
        try:
            said = f"{error_of(form, shape):.3g}"
        except Exception as error:  # noqa: BLE001 - the parent prints it
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != 0:
        return f"crashed (signal {-code})"
    try:
        error = float(said)
    except ValueError:
        return said
    return "" if error <= TOLERANCES[shape.dtype] else f"deviates by {error:.2g} of the largest value"


def sweep(*, quick: bool, seed: int, forms: list[str]) -> dict[str, int]:
    """Print each error; return the number of faulty shapes of each form."""
    shapes = list(swept(quick=quick, seed=seed))
    wrong: dict[str, list[str]] = {form: [] for form in forms}
    for shape in shapes:
        for form in forms:
            if said := in_a_child(form, shape):
                wrong[form].append(said)
                print(f"{form:<6} {said}: {shape}", flush=True)
    print(f"\n{'form':<6} {'shapes':>6} {'crashed':>8} {'deviate':>8}")
    for form, reasons in wrong.items():
        crashed = sum(said.startswith("crashed") for said in reasons)
        print(f"{form:<6} {len(shapes):>6} {crashed:>8} {len(reasons) - crashed:>8}")
    return {form: len(reasons) for form, reasons in wrong.items()}


def compare_speed() -> None:
    """Print milliseconds of processor time, forward and backward, of strided 1×1 convolutions that torch gets right."""
    print(f"{'':<42} {'torch':>8} {'ours':>8} {'ours/torch':>10}")
    for channels_last in (True, False):
        for bf16 in (False, True):
            for width_in, width_out, pixels, batch in (
                (16, 32, 32, 128),
                (24, 56, 32, 64),
                (32, 64, 16, 128),
                (64, 144, 8, 128),
                (48, 104, 56, 16),
                (104, 208, 28, 16),
            ):
                shape = Shape(width_in, width_out, 1, 2, 1, pixels, batch, channels_last, bf16)
                torch_ms, our_ms = _milliseconds(shape)
                name = f"{width_in}→{width_out} {pixels} px batch {batch} "
                name += f"{'channels last' if channels_last else 'contiguous'} {'bf16' if bf16 else 'fp32'}"
                print(f"{name:<42} {torch_ms:>8.2f} {our_ms:>8.2f} {our_ms / torch_ms:>10.2f}", flush=True)


def _milliseconds(shape: Shape) -> list[float]:
    layers = [build(shape).to(shape.dtype).to(memory_format=shape.layout) for build in FORMS.values()]
    features = torch.randn(shape.batch, shape.width_in, shape.pixels, shape.pixels).to(shape.dtype)
    features = features.contiguous(memory_format=shape.layout).requires_grad_()
    times: list[list[float]] = [[] for _ in layers]
    for _ in range(SPEED_REPEATS):
        for layer, taken in zip(layers, times, strict=True):
            began = time.process_time()
            result = layer(features)
            torch.autograd.grad(result, (features, layer.weight), torch.ones_like(result))
            taken.append(1000 * (time.process_time() - began))
    return [statistics.median(taken[3:]) for taken in times]


def main() -> int:
    """Sweep all shapes, or compare the speed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--form", choices=FORMS, help="one of both forms only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.speed:
        compare_speed()
        return 0
    error_of("ours", Shape(16, 16, 3, 1, 1, 8, 2))  # torch does its one-time work before the forks
    forms = [arguments.form] if arguments.form else list(FORMS)
    wrong = sweep(quick=arguments.quick, seed=arguments.seed, forms=forms)
    return int(wrong.get("ours", 0) > 0)


if __name__ == "__main__":
    sys.exit(main())
