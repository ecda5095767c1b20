"""A training of `retrain`: one network with one recipe and one seed, and its folder."""

import json
from dataclasses import dataclass
from pathlib import Path

from se_nas.commands.retrain.contenders import Contender
from se_nas.data.decoding import Decoding
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.runs.identity import SearchIdentity
from se_nas.runs.retrained_files import RetrainedResult, read_result
from se_nas.runs.run_folder import RunFolder
from se_nas.training.pretrained import Pretrained
from se_nas.training.recipe import Recipe
from se_nas.training.trained import FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingTask:
    """A network to train in full and to test once.

    `begun_on` is the fingerprint of the images with which the search began or continued. `images_changed`: the images
    have changed during the search, and the user accepted that. `pretrained` has the weights that the network starts
    with, if there are any. `portion` has the numbers of training and validation images of the search, if it used a part
    of `data`. `metric` scored the trials of the search, and is measured beside the accuracy. `decoding` is the way in
    which the images are decoded.
    """

    folder: RunFolder
    search: SearchIdentity
    contender: Contender
    data: ImageData
    begun_on: str
    images_changed: bool
    recipe: Recipe
    recipe_name: str
    seed: int
    pretrained: Pretrained | None = None
    portion: tuple[int, int] | None = None
    metric: ObjectiveMetric = ACCURACY
    decoding: Decoding = Decoding.SCALED

    @property
    def target(self) -> Path:
        """The folder with all files of this training."""
        name = f"{self.contender.name}-{self.recipe_name}-epochs-{self.recipe.epochs}-seed-{self.seed}"
        return self.folder.path / "retrain" / name

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the network."""
        return self.contender.architecture.fingerprint()

    @property
    def image_size(self) -> int:
        """The side in pixels of the images that enter the network."""
        return self.contender.architecture.image_size or self.data.image_size

    @property
    def image_counts(self) -> dict[str, int]:
        """The number of images for training and for validation."""
        return {"train": len(self.data.train), "validation": len(self.data.validation)}

    def identities(self) -> tuple[str, ...]:
        """Texts that a checkpoint of this training may carry. The first one is written.

        Earlier versions computed other fingerprints of the images, which included the test images.
        """
        fingerprints = (*self.data.training_fingerprints(), self.begun_on)
        about = [self.fingerprint, self.recipe.as_dict(), self.seed]
        return tuple(json.dumps([*about, images]) for images in fingerprints)

    def finished(self) -> RetrainedResult | None:
        """The result, if it exists; InputError if it was trained with another recipe or on other images."""
        result = read_result(self.target)
        if result is None or not (self.target / FILE).is_file():
            return None
        images = {**self.image_counts, "test": len(self.data.test)}
        same = result.recipe == self.recipe.as_dict() and result.fingerprint == self.fingerprint
        if result.images_fingerprint is None:  # an earlier version did not write it
            same &= not self.images_changed
        else:
            same &= self.data.is_known_as(result.images_fingerprint)
        if not same or {**result.images, "test": result.test_images} != images:
            raise InputError(
                f"{self.target}: trained with another recipe of that name, or on other images; give the recipe's file "
                "another name, or remove the folder"
            )
        return result
