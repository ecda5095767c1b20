"""The flags of `confirm`. `--help` answers before torch is imported."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

from tyro.conf import Positional, arg

from se_nas.commands.flags import Address, GpusPerTrial, OwnNetwork, RepeatedEpochs, Wandb, Workers, check_least, flag
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.runs.lock import check_unlocked


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmRequest:
    """Train the front of a search, and the networks near it, again on fresh seeds, and show how sure each member is.
    Networks in doubt get more seeds. After an interruption the same command continues; it can also add seeds."""

    run_dir: Annotated[Positional[Path], arg(metavar="RUN_DIR")]
    """Run folder of the search."""
    seeds: Annotated[int, arg(metavar="N")] = 3
    """Trainings of each network."""
    most_seeds: Annotated[Optional[int], flag("N", "three times --seeds")] = None
    """Most trainings of a network in doubt."""
    networks: Annotated[Optional[int], flag("N", "twice the front, at least 6")] = None
    """Most networks to train: the front, and the networks nearest to it."""
    epochs: RepeatedEpochs = None
    own_network: OwnNetwork = None
    workers: Workers = None
    gpus_per_trial: GpusPerTrial = None
    address: Address = None
    wandb: Wandb = "auto"

    def check(self) -> None:
        """Raise InputError for a number out of its range, or a folder that is in use."""
        check_least(self, seeds=2, most_seeds=self.seeds, networks=1, epochs=1, workers=1, gpus_per_trial=0)
        choose_wandb(self.wandb, os.environ)
        check_unlocked(self.run_dir)


def confirmation_of(run_dir: Path, request: SearchRequest) -> ConfirmRequest:
    """The confirmation that follows a search, on the same machines."""
    return ConfirmRequest(
        run_dir=run_dir,
        own_network=request.own_network,
        workers=request.workers,
        gpus_per_trial=request.gpus_per_trial,
        address=request.address,
        wandb=request.wandb,
    )
