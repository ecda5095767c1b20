"""What does SE cost in a training step? One trunk with SE in every block and in none: ours, timm's, torchvision's.

    uv run --with-requirements benchmarks/peers.txt benchmarks/se_cost.py
    uv run --with-requirements benchmarks/peers.txt benchmarks/se_cost.py --device cuda --batch 1024

RegNetY-200MF at 32 px as in `trial_speed.py`; only the SE modules are replaced. Steps (forward, backward) are taken
in turn. On a GPU they are recorded as CUDA graphs and replayed, so that launches do not count. Prints the step of each
network, the fraction of it that SE takes, and the bytes that SE must move at least, beside the bytes that its time
would allow at the measured speed of a large copy. timm is left out if it is missing.
"""

import argparse
import statistics
import warnings
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from roofline import COPY_BYTES, REPEATS, large_copy
from torch import nn
from trial_speed import CLASSES, SIZE, regnety_200mf

from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.training.devices.device import prepare
from se_nas.training.devices.timing import seconds_in_turn
from se_nas.training.step.cuda_graphs import WARM_UP_STEPS, Recorded, build_recorder
from se_nas.training.step.precision import bare_step, usual_precision
from se_nas.training.trainer import build_initial_model

NOWHERE = "no SE"


def timm_se(channels: int, hidden: int) -> nn.Module:
    """SE as in timm/layers/squeeze_excite.py."""
    from timm.layers import SqueezeExcite as Timm

    return Timm(channels, rd_channels=hidden)


def torchvision_se(channels: int, hidden: int) -> nn.Module:
    """SE as in torchvision/ops/misc.py."""
    from torchvision.ops import SqueezeExcitation

    return SqueezeExcitation(channels, hidden)


KINDS: dict[str, Callable[[int, int], nn.Module]] = {
    "ours": SqueezeExcite,
    "timm's SE": timm_se,
    "torchvision's SE": torchvision_se,
    NOWHERE: lambda channels, hidden: nn.Identity(),
}


def exchanged(model: nn.Module, build: Callable[[int, int], nn.Module]) -> nn.Module:
    """The network with other SE modules of the same sizes."""
    for name, module in list(model.named_modules()):
        if isinstance(module, SqueezeExcite):
            parent = model.get_submodule(name.rpartition(".")[0])
            assert isinstance(parent, nn.ModuleDict)
            parent[name.rpartition(".")[2]] = build(module.reduce.in_channels, module.reduce.out_channels)
    return model


def training_step(build: Callable[[int, int], nn.Module], batch: int, device: torch.device) -> Callable[[], None]:
    """A forward and a backward pass on one batch, in the usual precision of the device."""
    model = exchanged(build_initial_model(regnety_200mf(), num_classes=CLASSES, seed=0), build).to(device)
    images = torch.randn(batch, 3, SIZE, SIZE, device=device)
    return Recorded(bare_step(model, usual_precision(device), images), build_recorder(device))


def least_bytes(batch: int, device: torch.device) -> int:
    """The bytes that SE everywhere must move: forward reads and writes each map, backward reads two and writes one."""
    number = 2 if usual_precision(device).bf16 else 4
    moved = 0

    def count(_module: nn.Module, inputs: tuple[Any, ...], _output: Any) -> None:
        nonlocal moved
        moved += 5 * inputs[0][0].numel() * batch * number

    model = build_initial_model(regnety_200mf(), num_classes=CLASSES, seed=0).eval()
    for module in model.modules():
        if isinstance(module, SqueezeExcite):
            module.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, 3, SIZE, SIZE))
    return moved


def main() -> None:
    """Parse the flags, measure in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--turns", type=int, default=15)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    device = torch.device(options.device)
    prepare(device)
    console = Console(width=120)
    steps = {}
    for name, build in KINDS.items():
        try:
            steps[name] = training_step(build, options.batch, device)
        except ImportError as error:
            console.print(f"left out: {name} ({error})")
    times = seconds_in_turn(list(steps.values()), device, warm_ups=WARM_UP_STEPS + 1, repeats=options.turns)
    seconds = dict(zip(steps, times, strict=True))
    added = {
        name: statistics.median(each - none for each, none in zip(taken, seconds[NOWHERE], strict=True))
        for name, taken in seconds.items()
    }
    table = Table(title=f"a training step, batch {options.batch}, medians of {options.turns}, taken in turn", box=None)
    for column in ("SE in every block", "ms a step", "ms of SE", "share of the step", "of ours"):
        table.add_column(column, justify="left" if column.startswith("SE") else "right")
    for name, taken in seconds.items():
        whole = statistics.median(taken)
        table.add_row(
            name,
            f"{1000 * whole:.2f}",
            f"{1000 * added[name]:.2f}",
            f"{added[name] / whole:.1%}",
            f"{added[name] / added['ours']:.2f}",
        )
    console.print(table)
    (copying,) = seconds_in_turn([large_copy(device)], device, warm_ups=1, repeats=REPEATS)
    speed, least = 2 * COPY_BYTES[device.type] / statistics.median(copying), least_bytes(options.batch, device)
    console.print(
        f"SE must move {least / 1e6:.1f} MB a step; a large copy runs at {speed / 1e9:.1f} GB/s, "
        f"so ours takes the time of {added['ours'] * speed / least:.2f} times those bytes"
    )


if __name__ == "__main__":
    main()
