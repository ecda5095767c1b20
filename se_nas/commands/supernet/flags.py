"""The flags of `supernet`. `--help` answers before torch is imported."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

from tyro.conf import FlagCreatePairsOff, Positional

from se_nas.commands.flags import OwnNetwork, Wandb, check_least, flag
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.errors import InputError
from se_nas.runs.new_run import CONFIG

Draws = Literal["sandwich", "one"]
NEW_ONLY = ("space", "data", "run", "fraction", "images", "image_size", "recipe")
"""The flags that belong to a new run folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetRequest:
    """Train one network that is every placement of SE on a trunk, read the accuracy of each placement from it, and say
    whether that ranking can be trusted. After an interruption the same command continues."""

    target: Annotated[Positional[Optional[str]], flag("NETWORK", "")] = None
    """RUN_DIR:knee, RUN_DIR:best, RUN_DIR:cheapest, RUN_DIR:TRIAL; RUN_DIR:front for each trunk of the front; RUN_DIR
    if its space has one trunk."""
    epochs: Annotated[Optional[int], flag("N", "the search's")] = None
    """Epochs of the supernet."""
    draw: Draws = "sandwich"
    """Placements in each step: SE nowhere, everywhere and two random ones; or one random placement, which takes about
    a quarter of the time."""
    read: Annotated[Optional[int], flag("N", "all up to 1024, else 400")] = None
    """Most placements to read. If there are more, evolution on the supernet chooses them."""
    again: FlagCreatePairsOff[bool] = False
    """Train the supernet anew, and replace the files of an earlier one. An unfinished one continues."""
    space: Annotated[Optional[Path], flag("FILE", "")] = None
    """Without NETWORK: the search space of a new run folder. It must have one trunk."""
    data: Annotated[Optional[str], flag("NAME", "digits")] = None
    """Without NETWORK: the images, as in `search`."""
    run: Annotated[Optional[Path], flag("DIR", "runs/SPACE-DATA-TIME")] = None
    """Without NETWORK: the folder to write. The same command continues there; `search --resume DIR` begins a search."""
    images: Annotated[Optional[int], flag("N", "all")] = None
    """Without NETWORK: train on this many images."""
    fraction: Annotated[Optional[float], flag("X", "1.0")] = None
    """Without NETWORK: train on this fraction of the images."""
    image_size: Annotated[Optional[int], flag("N", "the space's; arrays keep their own")] = None
    """Without NETWORK: side of the images in pixels, as in `search`."""
    recipe: Annotated[Optional[Path], flag("FILE", "")] = None
    """Without NETWORK: how to train, a YAML file as for `search`."""
    seed: Annotated[Optional[int], flag("N", "0")] = None
    """Seed of the initial weights, the images' order and the placements."""
    own_network: OwnNetwork = None
    wandb: Wandb = "auto"

    def check(self) -> None:
        """Raise InputError for a number out of its range, or flags that contradict each other."""
        check_least(self, epochs=1, read=2, seed=0)
        choose_wandb(self.wandb, os.environ)
        if self.target is None:
            self.as_search.check()
            return
        for name in NEW_ONLY:
            if (given := getattr(self, name)) is not None:
                flagged = f"--{name.replace('_', '-')} {given}"
                raise InputError(f"{flagged}: belongs to a new run folder, but {self.target} names an earlier one")

    @property
    def continues(self) -> bool:
        """Whether `run` is a run folder already, so that the same command continues there."""
        return self.target is None and self.run is not None and (self.run / CONFIG).is_file()

    @property
    def in_run(self) -> "SupernetRequest":
        """The request that names the run folder `run` in place of the flags of a new one."""
        new_only: dict[str, Any] = dict.fromkeys(NEW_ONLY)
        return replace(self, target=str(self.run), **new_only)

    @property
    def as_search(self) -> SearchRequest:
        """The search whose run folder a supernet without an earlier run gets. Its `run` is None for an earlier one."""
        return SearchRequest(
            space=self.space,
            data=self.data,
            run=None if self.continues else self.run,
            images=self.images,
            fraction=self.fraction,
            image_size=self.image_size,
            recipe=self.recipe,
            epochs=self.epochs,
            seed=self.seed,
            own_network=self.own_network,
            workers=1,
            strategy="supernet",
            wandb="off",
        )
