"""How fast is one training step of a published network? Ours beside those of torchvision, timm and pytorchcv.

    uv run --with-requirements benchmarks/peers.txt benchmarks/step_speed.py resnet18 mobilenet_v2 --px 32 224
    uv run --with-requirements benchmarks/peers.txt benchmarks/trial_speed.py --network resnet18

All train the same network on the same images, which lie on the device: forward, backward, and SGD with Nesterov's
momentum and label smoothing. On a CPU, each computes in one thread, and the seconds are those of the processor, so that
other programs count less. The peers run in the usual memory layout and in channels-last memory, which ours has on a
CPU, and with `--compiled` also by `torch.compile`. Each turn takes `--steps` steps of each contestant, so that a
machine that slows down slows all, and ratios are taken turn by turn. On a GPU, give about 20, because our trainer waits
for the device at the end of each turn. A peer that does not know the name is left out. Writes OUT.csv with a row for
each turn.
"""

import argparse
import csv
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.data.batches.device_data import DeviceData
from se_nas.data.image_data import ImageSet
from se_nas.models.network import build_model
from se_nas.space.published import published_network
from se_nas.training.devices.device import prepare, synchronise
from se_nas.training.recipe import Recipe
from se_nas.training.step.precision import usual_precision
from se_nas.training.trainer import Trainer, build_initial_model

CLASSES = 10
OURS = "ours"
ELSE = "pytorchcv"
"""The peer of networks that the others lack."""
PEERS = ("torchvision", "timm", ELSE)
COMPILED = ("timm", ELSE)
"""The libraries whose network is also compiled."""
WARM_UP = 4
"""Turns that do not count. They choose kernels, take memory, compile, and record CUDA graphs."""

Step = Callable[[], None]


def ours(name: str, *, size: int, batch: int, steps: int, device: torch.device) -> Step:
    """An epoch of our trainer."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (batch * steps, size, size, 3), dtype=np.uint8)
    part = ImageSet(images=pixels, labels=rng.integers(0, CLASSES, batch * steps))
    data = DeviceData.of(part, part, mirrored=True, device=device)
    model = build_initial_model(published_network(name).build(), num_classes=CLASSES, seed=0)
    with (
        mock.patch("se_nas.training.trainer.choose_precision", return_value=usual_precision(device)),
        mock.patch.object(Recipe, "batch_size_for", return_value=batch),  # it is smaller for a small set
    ):
        trainer = Trainer(model, data, Recipe(epochs=10_000, batch_size=batch), seed=0, device=device)

    def epoch() -> None:
        trainer._train_epoch()
        trainer.epoch += 1

    return epoch


def peer(
    library: str,
    name: str,
    *,
    size: int,
    batch: int,
    steps: int,
    device: torch.device,
    channels_last: bool,
    compiled: str | None = None,
) -> Step:
    """The same network of another library, in a loop as usually written. KeyError if the library lacks the name.

    `compiled` is a mode of `torch.compile`. cuDNN chooses its kernels by measurement, as in timm's train.py.
    """
    model = _model_of(library, name).to(device).train()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = model.to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    images = torch.randn(batch, 3, size, size, device=device).to(memory_format=layout)
    labels = torch.randint(0, CLASSES, (batch,), device=device)
    called: nn.Module = model if compiled is None else torch.compile(model, mode=compiled)
    loss_of = partial(F.cross_entropy, label_smoothing=0.1)

    def loop() -> None:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False):
            for _ in range(steps):
                usual_step(called, optimizer, images, labels, loss_of)

    return loop


def usual_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    loss_of: Callable[[Tensor, Tensor], Tensor],
) -> None:
    """One training step as usually written. On a GPU, its forward pass is in bf16 by autocast."""
    with torch.autocast("cuda", torch.bfloat16, enabled=images.device.type == "cuda"):
        loss = loss_of(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _model_of(library: str, name: str) -> nn.Module:
    if library == "torchvision":
        from torchvision.models import get_model, list_models

        if name not in list_models():
            raise KeyError(name)
        return get_model(name, num_classes=CLASSES)
    if library == ELSE:
        from pytorchcv.model_provider import get_model as get_network

        try:
            network: nn.Module = get_network(name, num_classes=CLASSES)
        except ValueError:
            raise KeyError(name) from None
        return network
    import timm

    if not timm.is_model(name):
        raise KeyError(name)
    model: nn.Module = timm.create_model(name, num_classes=CLASSES)
    return model


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def measured(
    name: str,
    *,
    size: int,
    batch: int,
    turns: int,
    steps: int,
    compiled: list[str],
    device: torch.device,
    print_line: Any,
) -> dict[str, list[float]]:
    """The seconds of a step in each turn, by contestant."""
    loops: dict[str, Step] = {OURS: ours(name, size=size, batch=batch, steps=steps, device=device)}
    with torch.device("meta"):
        expected = _parameters(build_model(published_network(name).build(), num_classes=CLASSES))
    for library in PEERS:
        if library == ELSE and len(loops) > 1:
            continue
        try:
            count = _parameters(_model_of(library, name))
        except (KeyError, ImportError) as error:
            print_line(f"{name}: {library} is left out ({type(error).__name__}: {error})")
            continue
        if count != expected:
            print_line(f"{name}: {library} is left out: {count:,} parameters instead of {expected:,}")
            continue
        shared = {"size": size, "batch": batch, "steps": steps, "device": device}
        loops[library] = peer(library, name, **shared, channels_last=False)
        loops[f"{library}, channels last"] = peer(library, name, **shared, channels_last=True)
        for mode in compiled if library in COMPILED else ():
            loops[f"{library}, channels last, compiled ({mode})"] = peer(
                library, name, **shared, channels_last=True, compiled=mode
            )
    seconds: dict[str, list[float]] = {title: [] for title in loops}
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    for turn in range(turns + WARM_UP):
        for title, loop in loops.items():
            began = clock()
            loop()
            synchronise(device)
            if turn >= WARM_UP:
                seconds[title].append((clock() - began) / steps)
    return seconds


def compare(names: list[str], options: argparse.Namespace) -> None:
    """Measure each network at each image size, and print the ratios."""
    device = torch.device(options.device)
    prepare(device)
    console = Console(width=130)
    machine = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine()
    console.print(f"torch {torch.__version__}, {machine}, medians of {options.turns} turns of {options.steps} steps")
    table = Table(box=None)
    for column in ("network", "px", "batch", "contestant", "ms a step", "of ours: median", "least", "most"):
        table.add_column(column, justify="left" if column in ("network", "contestant") else "right")
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "px", "contestant", "turn", "seconds"])
        for name in names:
            for size in options.px:
                batch = options.batch or (64 if size <= 64 else 8)
                seconds = measured(
                    name,
                    size=size,
                    batch=batch,
                    turns=options.turns,
                    steps=options.steps,
                    compiled=options.compiled,
                    device=device,
                    print_line=console.print,
                )
                for title, taken in seconds.items():
                    writer.writerows((name, size, title, turn, each) for turn, each in enumerate(taken))
                    ratios = [each / own for each, own in zip(taken, seconds[OURS], strict=True)]
                    shown = (statistics.median(ratios), min(ratios), max(ratios))
                    table.add_row(
                        name,
                        str(size),
                        str(batch),
                        title,
                        f"{1000 * statistics.median(taken):.1f}",
                        *(f"{ratio:.2f}" for ratio in shown),
                    )
    console.print(table)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this comparison."""
    parser.add_argument("--px", type=int, nargs="+", default=[32, 224], help="sides of the images")
    parser.add_argument("--steps", type=int, default=1, help="steps of each contestant in a turn")
    parser.add_argument(
        "--compiled",
        nargs="*",
        default=[],
        choices=["default", "reduce-overhead", "max-autotune"],
        help=f"modes of torch.compile for the network of {' or '.join(COMPILED)}",
    )


def main() -> None:
    """Parse the flags and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", help="published names, as describe.py knows them")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, help="default: 64 up to 64 px, else 8")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("step_speed.csv"))
    add_flags(parser)
    options = parser.parse_args()
    compare(options.names, options)


if __name__ == "__main__":
    main()
