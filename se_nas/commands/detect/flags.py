"""The flags of `detect`. `--help` answers before torch is imported."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Optional

from tyro.conf import Positional, arg

from se_nas.commands.flags import OwnNetwork, Wandb, check_least, flag
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.errors import InputError
from se_nas.wording import suggest

PLACEMENTS = ("none", "found", "everywhere")
"""The placements of SE that can be compared: nowhere, as in the retrained network, and as in published networks."""
COMPARED_SEEDS = 3
LEAST_IMAGE_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectRequest:
    """Train a detector on the trunk of a retrained network, measure COCO's AP, and draw its boxes on a page in
    RETRAINED_DIR/detect. After an interruption the same command continues."""

    retrained: Annotated[Positional[Path], arg(metavar="RETRAINED_DIR")]
    """Folder of a retrained network, RUN_DIR/retrain/NAME."""
    data: Annotated[str, arg(metavar="coco:PATH")]
    """Images with boxes: a folder in the layout of COCO or Roboflow, or a JSON file in COCO's format."""
    detector: Literal["faster_rcnn", "retinanet", "fcos"] = "faster_rcnn"
    """faster_rcnn has two stages; retinanet and fcos have one."""
    image_size: Annotated[int, arg(metavar="N")] = 800
    """Short side of the images in pixels."""
    epochs: Annotated[int, arg(metavar="N")] = 24
    """Epochs of each training; 24 is the `2x` schedule of COCO."""
    batch: Annotated[int, arg(metavar="N")] = 16
    """Images of a batch."""
    learning_rate: Annotated[Optional[float], flag("X", "0.02 for faster_rcnn, else 0.01")] = None
    """Learning rate for 16 images; it scales with the batch."""
    compare: Annotated[Optional[str], flag("NAMES", "")] = None
    """Compare placements of SE in the trunk, on the same seeds: two or three of none, found and everywhere, e.g.
    none,everywhere. Each gain is over the first placement."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Seed of the initial weights and of the order of the images."""
    seeds: Annotated[Optional[int], flag("N", f"1, or {COMPARED_SEEDS} with --compare")] = None
    """Trainings of each placement; their seeds count up from --seed."""
    own_network: OwnNetwork = None
    wandb: Wandb = "auto"

    def check(self) -> None:
        """Raise InputError for a number out of its range, or for a placement that does not exist."""
        check_least(self, image_size=LEAST_IMAGE_SIZE, epochs=1, batch=1, seed=0, seeds=1)
        if self.learning_rate is not None and not 0 < self.learning_rate < float("inf"):
            raise InputError(f"--learning-rate {self.learning_rate}: must be more than 0")
        if not self.data.startswith("coco:") or self.data == "coco:":
            raise InputError(f"--data {self.data}: expected coco:PATH, a folder with images and annotations")
        choose_wandb(self.wandb, os.environ)
        if self.compare is not None:
            self._check_compared()

    @property
    def compared(self) -> tuple[str, ...]:
        """The placements to compare; empty without `--compare`."""
        return () if self.compare is None else tuple(name.strip() for name in self.compare.split(","))

    @property
    def all_seeds(self) -> range:
        """The seeds of the trainings of each placement."""
        count = self.seeds or (COMPARED_SEEDS if self.compare is not None else 1)
        return range(self.seed, self.seed + count)

    def _check_compared(self) -> None:
        names = self.compared
        for name in names:
            if name not in PLACEMENTS:
                raise InputError(f"--compare {self.compare}: no placement '{name}'; {suggest(name, PLACEMENTS)}")
        if len(names) < 2 or len(set(names)) < len(names):
            raise InputError(
                f"--compare {self.compare}: expected two or three different ones of {', '.join(PLACEMENTS)}"
            )
        if len(self.all_seeds) < 2:
            raise InputError(f"--compare with --seeds {self.seeds}: an interval needs at least two seeds")
