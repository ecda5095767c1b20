"""The flags of `ablate`. `--help` answers before torch is imported."""

import os
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional, arg

from se_nas.commands.flags import Address, GpusPerTrial, OwnNetwork, RepeatedEpochs, Wandb, Workers, check_least
from se_nas.commands.wandb_choice import choose_wandb


@dataclass(frozen=True, slots=True, kw_only=True)
class AblateRequest:
    """Measure what SE is worth in a network, and where: train its trunk with SE nowhere, everywhere (as published for
    its blocks), as found, and with each stage switched, on equal seeds. After an interruption the same command
    continues; it can also add seeds."""

    network: Annotated[Positional[str], arg(metavar="NETWORK")]
    """RUN_DIR:knee, RUN_DIR:best, RUN_DIR:cheapest or RUN_DIR:TRIAL."""
    seeds: Annotated[int, arg(metavar="N")] = 5
    """Trainings of each of the networks."""
    epochs: RepeatedEpochs = None
    own_network: OwnNetwork = None
    workers: Workers = None
    gpus_per_trial: GpusPerTrial = None
    address: Address = None
    wandb: Wandb = "auto"

    def check(self) -> None:
        """Raise InputError for a number out of its range."""
        check_least(self, seeds=2, epochs=1, workers=1, gpus_per_trial=0)
        choose_wandb(self.wandb, os.environ)
