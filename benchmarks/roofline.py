"""How near is a training step to the limit of the device? Bytes and FLOPs of a step against measured ceilings.

    uv run benchmarks/roofline.py
    uv run benchmarks/roofline.py --device cuda --batch 1024
    uv run benchmarks/roofline.py --network runs/RUN/best.yaml

The ceilings are a large copy and a large matrix product on this device, in the step's number format, taken in turn with
the step. A step's FLOPs are those of its convolutions and matrix products, forward and backward; its bytes are
those that each operator reads and writes. No step is faster than the larger of the two times (Williams et al., CACM
52(4), 2009). Prints the fraction of this limit that is reached. The limit belongs to a list of operators: our list, in
which an own kernel counts with the bytes of each of its launches, and the list of stock operators for the same network.
"""

import argparse
import contextlib
import statistics
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from rich.console import Console
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from trial_speed import CLASSES, SIZE, regnety_200mf

from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.convolution import GroupedConv2d
from se_nas.models.normalisation import BatchNorm
from se_nas.space.files.architecture_file import load_architecture
from se_nas.training.devices.device import prepare
from se_nas.training.devices.timing import seconds_in_turn
from se_nas.training.step.cuda_graphs import WARM_UP_STEPS, Recorded, build_recorder
from se_nas.training.step.precision import bare_step, usual_precision
from se_nas.training.trainer import build_initial_model

REPEATS = 9
COPY_BYTES = {"cpu": 1 << 28, "cuda": 1 << 32}
"""The bytes of a copy: many times the size of the caches, and long compared with a launch."""
MATRIX = {"cpu": 2048, "cuda": 8192}


def large_copy(device: torch.device) -> Callable[[], object]:
    """A copy that reads and writes `COPY_BYTES` each."""
    source = torch.ones(COPY_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def large_product(device: torch.device) -> Callable[[], object]:
    """A square matrix product in the step's number format."""
    size = MATRIX[device.type]
    one = torch.rand(size, size, device=device, dtype=torch.bfloat16 if usual_precision(device).bf16 else torch.float32)
    return lambda: one @ one


class Bytes(TorchDispatchMode):
    """Sums the bytes that each operator reads and writes. Views move no bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view and "empty" not in str(func):
            written = [arg for arg, kind in zip(args, func._schema.arguments, strict=False) if _is_written(kind)]
            self._count(tree_leaves((args, kwargs, result)))
            self._count(tree_leaves(written))
        return result

    def launches(self) -> contextlib.AbstractContextManager[object]:
        """Within this context, count the launches of Triton's kernels too, which torch does not see."""
        from triton.runtime.jit import JITFunction

        launch = JITFunction.run

        def counted(kernel: Any, *args: Any, **kwargs: Any) -> Any:
            self._count((*args, *kwargs.values()))
            return launch(kernel, *args, **kwargs)

        return mock.patch.object(JITFunction, "run", counted)

    def _count(self, values: Iterable[object]) -> None:
        tensors = {tensor.data_ptr(): tensor for tensor in values if isinstance(tensor, Tensor)}
        self.moved += sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _is_written(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def bytes_of(step: Callable[[], None], device: torch.device) -> tuple[int, int]:
    """The bytes that a step moves: as it is, and with stock operators."""
    with Bytes() as ours, ours.launches() if device.type == "cuda" else contextlib.nullcontext():
        step()
    with (
        Bytes() as stock,
        mock.patch.object(SqueezeExcite, "forward", SqueezeExcite.forward_in_stock_operators),
        mock.patch.object(BatchNorm, "forward", BatchNorm.forward_in_stock_operators),
        mock.patch.object(GroupedConv2d, "forward", nn.Conv2d.forward),
    ):
        step()
    return ours.moved, stock.moved


def main() -> None:
    """Parse the flags, measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--network", type=Path, help="an architecture file; RegNetY-200MF unless given")
    parser.add_argument("--image-size", type=int, default=SIZE)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    device = torch.device(options.device)
    prepare(device)
    precision = usual_precision(device)
    architecture = load_architecture(options.network) if options.network else regnety_200mf()
    model = precision.placed(build_initial_model(architecture, num_classes=CLASSES, seed=0)).to(device).train()
    images = torch.randn(options.batch, 3, options.image_size, options.image_size, device=device)
    images = images.contiguous(memory_format=precision.layout)
    step = bare_step(model, precision, images)
    step()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(images)  # a dense convolution's zeros are not counted
    model.train()
    flops = 3 * counter.get_total_flops()  # backward has two products for each layer: for the input and for the weights
    moved, in_stock_operators = bytes_of(step, device)
    runs = [Recorded(step, build_recorder(device)), large_copy(device), large_product(device)]
    times = seconds_in_turn(runs, device, warm_ups=WARM_UP_STEPS + 1, repeats=REPEATS)
    taken, copying, multiplying = map(statistics.median, times)
    bytes_per_second, flops_per_second = (
        2 * COPY_BYTES[device.type] / copying,
        2 * MATRIX[device.type] ** 3 / multiplying,
    )
    by_flops = flops / flops_per_second
    console = Console(width=120, highlight=False)
    console.print(f"ceilings        {bytes_per_second / 1e9:,.1f} GB/s, {flops_per_second / 1e9:,.0f} GFLOP/s")
    console.print(
        f"a step          {flops / 1e9:,.2f} GFLOP, {1000 * by_flops:.2f} ms; {1000 * taken:.2f} ms as measured"
    )
    for name, count in (("as it is", moved), ("stock operators", in_stock_operators)):
        by_bytes = count / bytes_per_second
        console.print(
            f"{name:15} {count / 1e6:,.0f} MB, {flops / count:.1f} FLOP a byte, {1000 * by_bytes:.2f} ms by bytes: "
            f"the step runs at {max(by_bytes, by_flops) / taken:.0%} of that limit"
        )


if __name__ == "__main__":
    main()
