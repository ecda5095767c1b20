"""Do K networks of equal shape train faster as one? All in one step, against one after the other.

    uv run benchmarks/stacked.py --members 1 2 --batch 32 --network small
    uv run benchmarks/stacked.py --device cuda --members 1 2 4 8 16 --batch 128 512

The members have the same batches and their own weights (`stacked_layers.py`). Each step is forward, backward and SGD,
recorded as a CUDA graph on a GPU. `dense` has one group for each member in a grouped convolution, with zeros between
the member's own groups.

First it checks that two members end with the weights and losses of two separate trainings: in double precision on the
CPU, and in single precision on the device, where the differences should stay below 1e-2. Then it prints the time of a
step, and the networks per hour as a multiple of those of separate trainings, one after the other.
"""

import argparse
import os
import statistics
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from rich.console import Console
from stacked_layers import stack
from torch import Tensor, nn
from torch.nn import functional as F
from trial_speed import CLASSES, SIZE, regnety_200mf

from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import parse_token
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.training.devices.device import prepare
from se_nas.training.devices.timing import seconds_in_turn
from se_nas.training.step.cuda_graphs import WARM_UP_STEPS, Recorded, Step, build_recorder
from se_nas.training.step.precision import Precision, usual_precision
from se_nas.training.step.sgd import Sgd
from se_nas.training.trainer import build_initial_model

CHECKED_STEPS = 3
TOLERANCE = 1e-8
"""The largest accepted difference in double precision, relative to the largest loss or weight."""


def small() -> Architecture:
    """A network of the size of `search_spaces/cifar_cpu.yaml`."""
    block, se = RegNetBlock(group_width=8, bottleneck=1), (parse_token("inner/4"),) * 2
    stages = tuple(Stage.of(block, depth=2, width=width, stride=2, se=se) for width in (16, 32, 64))
    return Architecture(stem=Stem.plain(width=16, stride=1), stages=stages)


NETWORKS = {"small": small, "regnety_200mf": regnety_200mf}


def build_members(network: str, count: int) -> list[nn.Module]:
    """Separate networks with their own weights."""
    return [build_initial_model(NETWORKS[network](), num_classes=CLASSES, seed=seed) for seed in range(count)]


def training_step(
    model: nn.Module, members: int, images: Tensor, labels: Tensor, precision: Precision
) -> tuple[Step, Tensor]:
    """Forward, backward and SGD of all members, and the tensor (K,) that gets their losses."""
    model = precision.placed(model).to(images.device).train()
    images, repeated = images.to(memory_format=precision.layout), labels.repeat_interleave(members)
    rate = torch.full((), 0.1, device=images.device)
    optimizer = Sgd(list(model.parameters()), rate=rate, momentum=0.9, weight_decay=5e-4)
    losses = torch.zeros(members, dtype=images.dtype, device=images.device)

    def step() -> None:
        with precision.autocast(images.device):
            logits = precision.forward(model, images).view(len(images) * members, -1)
        each = F.cross_entropy(logits.to(images.dtype), repeated, reduction="none").view(-1, members).mean(0)
        optimizer.forget_gradients()
        each.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.copy_(each.detach())

    return step, losses


def largest_difference(network: str, device: torch.device, dtype: torch.dtype, *, dense: bool) -> float:
    """The largest difference of losses and weights between two members and two separate trainings after a few steps."""
    models = [model.to(dtype) for model in build_members(network, 2)]
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(16, 3, SIZE, SIZE, generator=generator, dtype=dtype).to(device)
    labels = torch.randint(0, CLASSES, (16,), generator=generator).to(device)
    precision = Precision(channels_last=True, bf16=False)
    together = stack(models, dense=dense)
    step, losses = training_step(together, 2, images, labels, precision)
    alone = [training_step(model, 1, images, labels, precision) for model in models]
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        for _ in range(CHECKED_STEPS):
            for each in (step, *(own for own, _ in alone)):
                each()
    pairs = [(losses, torch.cat([loss for _, loss in alone]))]
    pairs += zip(together.parameters(), stack(models, dense=dense).parameters(), strict=True)
    with torch.no_grad():
        return max(float((one - other).abs().max() / other.abs().max()) for one, other in pairs)


def check(network: str, device: torch.device) -> str:
    """Compare with separate trainings. AssertionError if they differ in double precision on the CPU."""
    found = []
    for where, dtype, name in ((torch.device("cpu"), torch.float64, "double"), (device, torch.float32, "single")):
        for dense in (False, True):
            difference = largest_difference(network, where, dtype, dense=dense)
            assert dtype is torch.float32 or difference < TOLERANCE, (
                f"differs from separate trainings: {difference:.1e}"
            )
            found.append(f"{difference:.0e} ({name} precision{', dense' if dense else ''})")
    return f"differences from separate trainings {', '.join(found)}"


def milliseconds(
    network: str, members: int, batch: int, device: torch.device, *, dense: bool | None, repeats: int
) -> float:
    """The median step of K members. `dense` None: one network of the project's own modules."""
    models = build_members(network, members)
    model = models[0] if dense is None else stack(models, dense=dense)
    images = torch.randn(batch, 3, SIZE, SIZE, device=device)
    labels = torch.randint(0, CLASSES, (batch,), device=device)
    step, _ = training_step(model, members, images, labels, usual_precision(device))
    recorded = Recorded(step, build_recorder(device))
    (times,) = seconds_in_turn([recorded], device, warm_ups=WARM_UP_STEPS + 1, repeats=repeats)
    return 1000 * statistics.median(times)


def main() -> None:
    """Parse the flags, check, measure, and print each line when it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--network", choices=NETWORKS, default="regnety_200mf")
    parser.add_argument("--members", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    prepare(options.device)
    console = Console(width=120, highlight=False, soft_wrap=True)
    console.print(f"{options.network}: {check(options.network, options.device)}")
    for batch in options.batch:
        measured = {"batch": batch, "device": options.device, "repeats": options.repeats}
        alone = milliseconds(options.network, 1, **measured, dense=None)
        console.print(f"batch {batch:4},  1 by the usual modules: {alone:8.2f} ms a step")
        for members in options.members:
            for dense in (False, True):
                taken = milliseconds(options.network, members, **measured, dense=dense)
                console.print(
                    f"batch {batch:4}, {members:2} {'dense' if dense else 'grouped':7}: {taken:8.2f} ms a step, "
                    f"{members * alone / taken:.2f} times the networks an hour"
                )


if __name__ == "__main__":
    main()
