"""The flags of `ablate`. `--help` answers before torch is imported."""

import os
from dataclasses import dataclass
from typing import Annotated, Optional

from tyro.conf import Positional, arg

from se_nas.commands.flags import Address, GpusPerTrial, OwnNetwork, RepeatedEpochs, Wandb, Workers, check_least, flag
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.errors import InputError

Seeds = Annotated[
    Optional[int], flag("N", "5, or 2 for more than 16 networks", "Seeds on which the networks are trained.")
]
Until = Annotated[
    Optional[float],
    flag(
        "POINTS", "", "Instead of --seeds: go on until the gain of SE in each place is known to ± POINTS of accuracy."
    ),
]
MostTrainings = Annotated[
    Optional[int], flag("N", "no limit; 500 with --until", "End after N trainings, also in the middle of a seed.")
]
FactorNames = Annotated[
    Optional[str],
    flag(
        "NAME,...",
        "each stage, or each block if SE is decided by block",
        "What is varied: stage1, stage2.block1, ..., stages, blocks, ratio, site; e.g. stages,ratio.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AblateRequest:
    """Measure what SE is worth in a network, and where, by a designed experiment: train its trunk with SE in many
    combinations of places, on equal seeds, and estimate the gain of each place from all of them. After an interruption
    the same command continues; with more --seeds or a smaller --until it adds trainings."""

    network: Annotated[Positional[str], arg(metavar="NETWORK")]
    """RUN_DIR:knee, RUN_DIR:best, RUN_DIR:cheapest or RUN_DIR:TRIAL."""
    seeds: Seeds = None
    until: Until = None
    most_trainings: MostTrainings = None
    factors: FactorNames = None
    epochs: RepeatedEpochs = None
    own_network: OwnNetwork = None
    workers: Workers = None
    gpus_per_trial: GpusPerTrial = None
    address: Address = None
    wandb: Wandb = "auto"

    def check(self) -> None:
        """Raise InputError for a number out of its range."""
        check_least(self, seeds=2, most_trainings=1, epochs=1, workers=1, gpus_per_trial=0)
        if self.until is not None and not 0 < self.until < 100:
            raise InputError(f"--until {self.until:g}: must be above 0 and below 100 points of accuracy")
        if self.until is not None and self.seeds is not None:
            raise InputError("--seeds and --until: --until decides the number of seeds; give one of the two")
        choose_wandb(self.wandb, os.environ)
