"""The flags of `retrain`. `--help` answers before torch is imported."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Optional

from tyro.conf import FlagCreatePairsOff, Positional, arg

from se_nas.commands.flags import OwnNetwork, Wandb, check_least, flag
from se_nas.commands.retrain.limits import limit_flags, limits_in
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.errors import InputError
from se_nas.shipped_files import shipped

DEFAULT_RECIPE = shipped("recipes", "long.yaml")

CostLimits: Any = limit_flags()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainRequest(CostLimits):  # type: ignore[misc]  # mypy cannot know its fields
    """Retrain networks of a search with a long recipe, test each once, and save the weights with a model card in
    RUN_DIR/retrain. After an interruption the same command continues. On several GPUs: torchrun --nproc-per-node N
    launch/retrain.py RUN_DIR ..."""

    run_dir: Annotated[Positional[Path], arg(metavar="RUN_DIR")]
    """Run folder of the search."""
    pick: Annotated[str, arg(metavar="NAME")] = "knee"
    """knee, best, cheapest, front (each of its members) or the number of a trial."""
    recipe: Annotated[Path, flag("FILE", "recipes/long.yaml")] = DEFAULT_RECIPE
    """How to train, a YAML file."""
    epochs: Annotated[Optional[int], flag("N", "the recipe's, else five times the search's")] = None
    """Epochs of the training."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Seed of the weights and of the order of the images."""
    seeds: Annotated[int, arg(metavar="N")] = 1
    """Trainings of each network; their seeds count up from --seed."""
    baselines: FlagCreatePairsOff[bool] = False
    """Also train two baselines of equal FLOPs, each the nearest of 1,000 drawn networks: one without SE, one with its
    published SE everywhere."""
    accept_changed_images: FlagCreatePairsOff[bool] = False
    """Train and test although the images have changed since the search, as after a repair."""
    own_network: OwnNetwork = None
    wandb: Wandb = "auto"

    def check(self) -> None:
        """Raise InputError for a number out of its range."""
        check_least(self, epochs=1, seed=0, seeds=1)
        choose_wandb(self.wandb, os.environ)
        if not re.fullmatch(r"[\w.-]{1,64}", self.recipe.stem):
            raise InputError(f"--recipe {self.recipe}: call the file by up to 64 letters, digits, `_`, `.` or `-`")
        if self.limits() and self.pick.isdigit():
            raise InputError(f"--pick {self.pick}: a limit goes with knee, best, cheapest or front, not with a trial")

    def limits(self) -> dict[str, float]:
        """The upper limit of each limited cost; InputError if a limit cannot be parsed."""
        return limits_in(self)
