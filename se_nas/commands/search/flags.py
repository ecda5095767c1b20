"""The flags of `search`. `--help` answers before torch is imported."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

from tyro.conf import FlagCreatePairsOff, arg

from se_nas.commands.flags import EPOCH_SECONDS, Address, GpusPerTrial, OwnNetwork, Wandb, Workers, check_least, flag
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.costs import COSTS
from se_nas.errors import InputError
from se_nas.objective_metric import ACCURACY, parse_metric
from se_nas.runs.lock import check_unlocked
from se_nas.runs.new_run import check_new
from se_nas.searching.objectives import EQUAL_COST
from se_nas.shipped_files import given_or_shipped, shipped
from se_nas.wording import suggest

if TYPE_CHECKING:
    from se_nas.data.portion import Portion
    from se_nas.training.recipe import Recipe

DEFAULTS: dict[str, Any] = {
    "budget": 200,
    "data": "digits",
    "epochs": 12,
    "strategy": "front",
    "gate_loss": "sum",
    "objectives": "accuracy,flops",
    "objective_metric": ACCURACY.value,
    "equal_cost": EQUAL_COST,
    "seed": 0,
}
DIGITS_EPOCHS = 6
"""The default epochs on the digits. After 12 epochs, nearly all networks have learned them and hardly differ."""
DIGITS_RECIPE = {"warmup_epochs": 0.25, "ema_decay": 0.95}
"""The parts of the recipe on the digits that differ from `Recipe`'s.

An epoch has only 33 steps there. With a warm-up of a whole epoch and without the average of the weights, the accuracy
after early epochs hardly predicts the final one (benchmarks/LOG.md, "early epochs that predict").
"""
DEFAULT_SPACE = shipped("search_spaces", "small.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """Search where Squeeze-and-Excitation pays: train short trials, stop trials that cannot reach the Pareto front, and
    write a run folder with the front, its knee (best.yaml) and a report."""

    budget: Annotated[Optional[int], flag("N", "200")] = None
    """Trials in total: complete, pruned and failed."""
    space: Annotated[Optional[Path], flag("FILE", "search_spaces/small.yaml")] = None
    """Search space, a YAML file."""
    data: Annotated[Optional[str], flag("NAME", "digits")] = None
    """digits, cifar10, cifar100 or fashion_mnist; imagefolder:PATH, csv:PATH or npz:PATH; imagenet:PATH or
    places365:PATH."""
    epochs: Annotated[Optional[int], flag("N", f"{DEFAULTS['epochs']}, on the digits {DIGITS_EPOCHS}")] = None
    """Epochs of a trial that is not stopped."""
    recipe: Annotated[Optional[Path], flag("FILE", "")] = None
    """How to train the trials, a YAML file as for `retrain`, e.g. strong. Without it, trials have a recipe for few
    epochs."""
    images: Annotated[Optional[int], flag("N", "all")] = None
    """Search on this many training images, the same fraction of each class, and that fraction of validation images.
    `retrain` uses all."""
    fraction: Annotated[Optional[float], flag("X", "1.0")] = None
    """Search on this fraction of the training and validation images of each class. `retrain` uses all."""
    image_size: Annotated[Optional[int], flag("N", "the space's; arrays keep their own")] = None
    """Side of the images in pixels, in place of the space's image_size."""
    cache: Annotated[Optional[Path], flag("DIR", "the user's cache folder, if images do not fit in memory")] = None
    """Folder that keeps decoded image files, so that later commands decode nothing."""
    strategy: Annotated[Optional[str], flag("NAME", "front")] = None
    """Strategy that proposes networks: front, supernet, differentiable, evolution, reinforce, tpe, nsga2 or random."""
    gate_loss: Annotated[Optional[str], flag("sum|product", "sum")] = None
    """Loss of the gates with --strategy differentiable: the cross-entropy plus a price times the cost, or, as in FBNet,
    the cross-entropy times a power of the log of the cost."""
    objectives: Annotated[
        Optional[str], flag("NAMES", "accuracy,flops", f"accuracy and one or two of {', '.join(COSTS)}.")
    ] = None
    objective_metric: Annotated[Optional[str], flag("NAME", "accuracy")] = None
    """Metric that scores a trial: accuracy, balanced_accuracy or f1 (macro F1). In the last two, all classes count
    alike."""
    latency_table: Annotated[Optional[Path], flag("FILE", "measured on this machine, if latency is needed")] = None
    """Table that predicts latency, which `latency` measures on the machine that will run the network. Trials measure
    latency themselves with --objectives accuracy,latency=measured."""
    equal_cost: Annotated[Optional[float], flag("X", str(EQUAL_COST))] = None
    """Costs that differ by at most this fraction count as equal. Of networks of equal cost on the front, the best is
    named."""
    own_network: OwnNetwork = None
    group: Annotated[Literal["site", "stage"], arg(metavar="site|stage")] = "site"
    """With --network: decide SE at each place, or together where names agree before the last dot."""
    weights: Annotated[Optional[str], flag("NAME", "")] = None
    """Start with pretrained weights: torchvision, or a .safetensors or .pth FILE. The space needs one fixed trunk."""
    run: Annotated[Optional[Path], flag("DIR", "runs/SPACE-DATA-TIME")] = None
    """Folder to write, new or empty."""
    resume: Annotated[Optional[Path], flag("DIR", "")] = None
    """Continue the search in this folder; --budget may be larger than before."""
    seed: Annotated[Optional[int], flag("N", "0")] = None
    """Seed of proposals and trainings."""
    workers: Workers = None
    gpus_per_trial: GpusPerTrial = None
    address: Address = None
    epoch_limit: Annotated[float, arg(metavar="SECONDS")] = EPOCH_SECONDS
    """A trial fails if one of its epochs takes longer."""
    wandb: Wandb = "auto"
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
        if given is not None:
            return given
        return self._usual_epochs if name == "epochs" else DEFAULTS[name]

    @property
    def _usual_epochs(self) -> int:
        return DIGITS_EPOCHS if self.value("data") == "digits" else int(DEFAULTS["epochs"])

    @property
    def trial_recipe(self) -> "Recipe":
        """The recipe of a trial. InputError if its file is not a valid recipe."""
        from se_nas.training.recipe import Recipe
        from se_nas.training.recipe_file import load_recipe

        if self.recipe is not None:
            file = given_or_shipped(self.recipe, "recipes")
            return load_recipe(file, epochs=self.epochs, usual_epochs=self._usual_epochs)
        parts: dict[str, Any] = DIGITS_RECIPE if self.value("data") == "digits" else {}
        return Recipe(epochs=self.value("epochs"), **parts)

    @property
    def portion(self) -> "Portion":
        """The portion of the training and validation images to search on."""
        from se_nas.data.portion import Portion

        return Portion(fraction=1.0 if self.fraction is None else self.fraction, images=self.images)

    def check(self) -> None:
        """Raise InputError for a number out of its range, contradictory flags, or a folder that is in use."""
        check_least(self, budget=1, epochs=1, seed=0, workers=1, gpus_per_trial=0, epoch_limit=1, images=1)
        self._check_image_size()
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise InputError(f"--fraction {self.fraction}: expected a fraction above 0 and at most 1, e.g. 0.1")
        if self.fraction is not None and self.images is not None:
            raise InputError(f"--fraction {self.fraction}: cannot be used with --images {self.images}")
        if self.equal_cost is not None and not 0 <= self.equal_cost < 1:
            raise InputError(f"--equal-cost {self.equal_cost}: expected a fraction from 0 to below 1, e.g. 0.01")
        if self.group != "site" and (self.own_network is None or self.resume is not None):
            raise InputError(f"--group {self.group}: belongs to a new search of a network of your own (--network)")
        self.check_gate_loss()
        if self.objective_metric is not None:
            parse_metric(self.objective_metric)
        choose_wandb(self.wandb, os.environ)
        if self.wandb_trials and self.wandb == "off":
            raise InputError("--wandb-trials: cannot be used with --wandb off")
        if self.resume is not None:
            for name in ("run", "space", "weights", "recipe", "images", "fraction", "image_size", "latency_table"):
                if getattr(self, name) is not None:
                    flagged = f"--{name.replace('_', '-')} {getattr(self, name)}"
                    raise InputError(f"{flagged}: belongs to a new search, but --resume names an earlier one")
            if self.dry_run:
                raise InputError("--dry-run: needs a new search, but --resume names an earlier one")
            check_unlocked(self.resume)
        elif self.accept_changed_images:
            raise InputError("--accept-changed-images: needs --resume; a new search takes the images as they are")
        if self.run is not None and not self.dry_run:
            check_new(self.run)

    def check_gate_loss(self) -> None:
        """Raise InputError for a loss that does not exist, or that the strategy of a new search does not have."""
        from se_nas.training.supernet.gate_loss import GateLoss

        if self.gate_loss is None:
            return
        if self.gate_loss not in list(GateLoss):
            raise InputError(f"--gate-loss {self.gate_loss}: no such loss; {suggest(self.gate_loss, list(GateLoss))}")
        if self.resume is None and self.value("strategy") != "differentiable":
            raise InputError(
                f"--gate-loss {self.gate_loss}: belongs to --strategy differentiable, but the strategy is "
                f"{self.value('strategy')}"
            )

    def _check_image_size(self) -> None:
        """Raise InputError for a size that no space can have."""
        from se_nas.space.settings import MOST_IMAGE_SIZE

        if self.image_size is not None and not 1 <= self.image_size <= MOST_IMAGE_SIZE:
            raise InputError(f"--image-size {self.image_size}: expected a whole number of 1 to {MOST_IMAGE_SIZE:,}")
