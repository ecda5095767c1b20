"""The flags of the commands that search and report. Light: `--help` answers before torch is imported."""

import os
import shlex
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import FlagCreatePairsOff, Positional, arg

from se_nas.commands.flags import ADDRESS_HINT, EPOCH_SECONDS, GPUS_HINT, WORKERS_HINT, Wandb, check_least, flag
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.errors import InputError
from se_nas.process.invocation import invocation
from se_nas.runs.lock import check_unlocked
from se_nas.runs.new_run import check_new
from se_nas.shipped_files import shipped

DEFAULTS: dict[str, Any] = {
    "budget": 200,
    "data": "digits",
    "epochs": 12,
    "strategy": "front",
    "objectives": "accuracy,flops",
    "seed": 0,
}
DEFAULT_SPACE = shipped("search_spaces", "small.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """Search where Squeeze-and-Excitation pays: train short trials, stop trials that cannot reach the Pareto front, and
    write a run folder with the front, its knee (best.yaml) and a report."""

    budget: Annotated[int | None, flag("N", "200")] = None
    """Trials in total: complete, pruned and failed."""
    space: Annotated[Path | None, flag("FILE", "search_spaces/small.yaml")] = None
    """Search space, a YAML file."""
    data: Annotated[str | None, flag("NAME", "digits")] = None
    """digits, cifar10, cifar100, fashion_mnist, imagefolder:PATH or npz:PATH."""
    epochs: Annotated[int | None, flag("N", "12")] = None
    """Epochs of a trial that is not stopped."""
    strategy: Annotated[str | None, flag("NAME", "front")] = None
    """Strategy that proposes networks: front, tpe, nsga2 or random."""
    objectives: Annotated[str | None, flag("NAMES", "accuracy,flops")] = None
    """accuracy and one or two of flops, params, activations, latency."""
    run: Annotated[Path | None, flag("DIR", "runs/SPACE-DATA-TIME")] = None
    """Folder to write, new or empty."""
    resume: Annotated[Path | None, flag("DIR", "")] = None
    """Continue the search in this folder; --budget may be larger than before."""
    seed: Annotated[int | None, flag("N", "0")] = None
    """Seed of proposals and trainings."""
    workers: Annotated[int | None, flag("N", WORKERS_HINT)] = None
    """Trials at the same time; 1 trains in this process, without Ray."""
    gpus_per_trial: Annotated[float | None, flag("X", GPUS_HINT)] = None
    """GPUs a trial may use; 0.25 puts four trials on one."""
    address: Annotated[str | None, flag("ADDRESS", ADDRESS_HINT)] = None
    """An existing Ray cluster, e.g. auto or HOST:6379."""
    epoch_limit: Annotated[float, arg(metavar="SECONDS")] = EPOCH_SECONDS
    """A trial fails if one of its epochs takes longer."""
    wandb: Wandb = "auto"
    """W&B: auto follows WANDB_MODE or WANDB_DISABLED; else it is online if you are logged in, or offline."""
    wandb_trials: FlagCreatePairsOff[bool] = False
    """Also write a W&B run for each trial, beside the run of the search."""
    confirm: FlagCreatePairsOff[bool] = False
    """At the end, train the front again on three fresh seeds, as `confirm` does."""
    dry_run: FlagCreatePairsOff[bool] = False
    """Show the space, the images and what is left out; train nothing."""
    skip_bad_images: FlagCreatePairsOff[bool] = False
    """Leave out image files that cannot be read, instead of refusing the folder."""
    accept_changed_images: FlagCreatePairsOff[bool] = False
    """With --resume: continue although the images have changed, as after a repair."""

    def value(self, name: str) -> Any:
        """The value of a flag, or its default."""
        given = getattr(self, name)
        return DEFAULTS[name] if given is None else given

    def check(self) -> None:
        """Raise InputError for a number out of its range, contradictory flags, or a folder that is in use."""
        check_least(self, budget=1, epochs=1, seed=0, workers=1, gpus_per_trial=0, epoch_limit=1)
        choose_wandb(self.wandb, os.environ)
        if self.wandb_trials and self.wandb == "off":
            raise InputError("--wandb-trials: cannot be used with --wandb off")
        if self.resume is not None:
            for name in ("run", "space"):
                if getattr(self, name) is not None:
                    raise InputError(
                        f"--{name} {getattr(self, name)}: belongs to a new search, but --resume names an earlier one"
                    )
            if self.dry_run:
                raise InputError("--dry-run: needs a new search, but --resume names an earlier one")
            check_unlocked(self.resume)
        elif self.accept_changed_images:
            raise InputError("--accept-changed-images: needs --resume; a new search takes the images as they are")
        if self.run is not None and not self.dry_run:
            check_new(self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmRequest:
    """Train the front of a search, and the networks near it, again on fresh seeds, and show how sure each member is.
    Networks in doubt get more seeds. After an interruption the same command continues; it can also add seeds."""

    run_dir: Annotated[Positional[Path], arg(metavar="RUN_DIR")]
    """Run folder of the search."""
    seeds: Annotated[int, arg(metavar="N")] = 3
    """Trainings of each network."""
    most_seeds: Annotated[int | None, flag("N", "three times --seeds")] = None
    """Most trainings of a network in doubt."""
    networks: Annotated[int | None, flag("N", "twice the front, at least 6")] = None
    """Most networks to train: the front, and the networks nearest to it."""
    epochs: Annotated[int | None, flag("N", "the search's")] = None
    """Epochs of each training."""
    workers: Annotated[int | None, flag("N", WORKERS_HINT)] = None
    """Trainings at the same time; 1 trains in this process, without Ray."""
    gpus_per_trial: Annotated[float | None, flag("X", GPUS_HINT)] = None
    """GPUs a training may use; 0.25 puts four on one."""
    address: Annotated[str | None, flag("ADDRESS", ADDRESS_HINT)] = None
    """An existing Ray cluster, e.g. auto or HOST:6379."""
    wandb: Wandb = "auto"
    """W&B: auto follows WANDB_MODE or WANDB_DISABLED; else it is online if you are logged in, or offline."""

    def check(self) -> None:
        """Raise InputError for a number out of its range, or a folder that is in use."""
        check_least(self, seeds=2, most_seeds=self.seeds, networks=1, epochs=1, workers=1, gpus_per_trial=0)
        choose_wandb(self.wandb, os.environ)
        check_unlocked(self.run_dir)


def confirmation_of(run_dir: Path, request: SearchRequest) -> ConfirmRequest:
    """The confirmation that follows a search, on the same machines."""
    return ConfirmRequest(
        run_dir=run_dir,
        workers=request.workers,
        gpus_per_trial=request.gpus_per_trial,
        address=request.address,
        wandb=request.wandb,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AblateRequest:
    """Measure what SE is worth in a network, and where: train its trunk with SE nowhere, everywhere (as published for
    its blocks), as found, and with each stage switched, on equal seeds. After an interruption the same command
    continues; it can also add seeds."""

    network: Annotated[Positional[str], arg(metavar="NETWORK")]
    """RUN_DIR:knee, RUN_DIR:best, RUN_DIR:cheapest or RUN_DIR:TRIAL."""
    seeds: Annotated[int, arg(metavar="N")] = 5
    """Trainings of each of the networks."""
    epochs: Annotated[int | None, flag("N", "the search's")] = None
    """Epochs of each training."""
    workers: Annotated[int | None, flag("N", WORKERS_HINT)] = None
    """Trainings at the same time; 1 trains in this process, without Ray."""
    gpus_per_trial: Annotated[float | None, flag("X", GPUS_HINT)] = None
    """GPUs a training may use; 0.25 puts four on one."""
    address: Annotated[str | None, flag("ADDRESS", ADDRESS_HINT)] = None
    """An existing Ray cluster, e.g. auto or HOST:6379."""
    wandb: Wandb = "auto"
    """W&B: auto follows WANDB_MODE or WANDB_DISABLED; else it is online if you are logged in, or offline."""

    def check(self) -> None:
        """Raise InputError for a number out of its range."""
        check_least(self, seeds=2, epochs=1, workers=1, gpus_per_trial=0)
        choose_wandb(self.wandb, os.environ)


def spelled(request: ConfirmRequest | AblateRequest, command: str, target: str) -> str:
    """The command line of a request: the command, its target, then every flag that is not at its default."""
    flags = [
        word
        for each in fields(request)
        if each.default is not MISSING and getattr(request, each.name) != each.default
        for word in (f"--{each.name.replace('_', '-')}", str(getattr(request, each.name)))
    ]
    return f"{invocation(command)} {shlex.join([target, *flags])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """Write report.html, trials.csv and front.json of a run folder again from its study."""

    run_dir: Annotated[Positional[Path], arg(metavar="RUN_DIR")]
    """Run folder of the search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeRequest:
    """Show a network: its stages, where it has SE and how wide, and what it costs."""

    network: Annotated[Positional[str], arg(metavar="NETWORK")]
    """An architecture file, or RUN_DIR:TRIAL, RUN_DIR:knee, RUN_DIR:best, RUN_DIR:cheapest."""
    image_size: Annotated[int | None, flag("N", "the run's images, else 224")] = None
    """Side of the images in pixels, for which the cost is counted."""
    classes: Annotated[int | None, flag("N", "the run's classes, else 1000")] = None
    """Outputs of the classifier."""
    json: FlagCreatePairsOff[bool] = False
    """Print an object instead of tables."""

    def check(self) -> None:
        """Raise InputError for a number out of its range."""
        for name, most in (("image_size", 4096), ("classes", 1_000_000)):
            given = getattr(self, name)
            if given is not None and not 1 <= given <= most:
                raise InputError(f"--{name.replace('_', '-')} {given}: must be 1 to {most:,}")
