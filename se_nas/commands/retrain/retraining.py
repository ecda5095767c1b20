"""One retraining of one network: from the last checkpoint to the tested weights, and the files in its folder."""

import contextlib
import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from se_nas import __version__
from se_nas.commands.flags import WandbMode
from se_nas.commands.preflight import cost_on
from se_nas.commands.retrain.model_card import model_card
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.commands.wandb_runs import wandb_guard
from se_nas.data.device_data import STREAMED_EVALUATION_BATCH, DeviceData, place
from se_nas.data.image_data import ImageData
from se_nas.data.streaming import shared_bytes
from se_nas.errors import InputError, RunFailedError
from se_nas.files import write_atomically, write_checked, write_yaml
from se_nas.machine.limits import cpu_count
from se_nas.machine.shared_memory import check_shared_memory
from se_nas.process.last_words import if_killed
from se_nas.runs.retrained_files import RESULT, RetrainedResult, read_result
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig
from se_nas.space.architecture import Architecture
from se_nas.tracking.guarded import Guard, is_leaving
from se_nas.training.checkpoint import load_checkpoint, save_checkpoint
from se_nas.training.devices.device import pick_device, prepare
from se_nas.training.distributed import ProcessGroup
from se_nas.training.recipe import Recipe
from se_nas.training.trained import FILE, TrainedNetwork, save_trained
from se_nas.training.trainer import EpochResult, Trainer, TrainingDivergedError, build_initial_model, train
from se_nas.wording import counted, format_duration, se_glyphs


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A network to retrain: its name in folders, its title for people, and its trial or (a baseline) the nearest trial.

    `search_accuracy` is None if the search did not train the network. `measured` are costs that the search measured.
    """

    name: str
    title: str
    trial: int
    architecture: Architecture
    search_accuracy: float | None
    measured: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """A retraining of one network with one recipe and one seed. `target` is its folder."""

    folder: RunFolder
    config: SearchConfig
    contender: Contender
    data: ImageData
    recipe: Recipe
    recipe_name: str
    seed: int

    @property
    def target(self) -> Path:
        """The folder with all files of this retraining."""
        name = f"{self.contender.name}-{self.recipe_name}-epochs-{self.recipe.epochs}-seed-{self.seed}"
        return self.folder.path / "retrain" / name

    def finished(self) -> RetrainedResult | None:
        """The result, if it exists; InputError if it was trained with another recipe or on other images."""
        result = read_result(self.target)
        if result is None or not (self.target / FILE).is_file():
            return None
        images = {**self._images, "test": len(self.data.test)}
        same = result.recipe == asdict(self.recipe) and result.fingerprint == self._fingerprint
        if result.images_fingerprint is None:  # an earlier version did not write it
            same &= not self.config.earlier_images
        else:
            same &= self.data.is_known_as(result.images_fingerprint)
        if not same or {**result.images, "test": result.test_images} != images:
            raise InputError(
                f"{self.target}: trained with another recipe of that name, or on other images; give the recipe's file "
                "another name, or remove the folder"
            )
        return result

    def run(self, *, wandb: WandbMode, tell: Callable[[str], None], together: ProcessGroup) -> RetrainedResult:
        """Train from the last checkpoint, test, and write the weights, the card and the result."""
        device = pick_device()
        prepare(device)
        loaders = max(1, cpu_count() // together.processes)
        batch = max(STREAMED_EVALUATION_BATCH, self.recipe.batch_size_for(len(self.data.train)))
        check_shared_memory(together.processes * shared_bytes(self.data.train, batch=batch, loaders=loaders))
        model = build_initial_model(self.contender.architecture, num_classes=self.data.classes, seed=self.seed)
        on_device = DeviceData.of(
            self.data.train, self.data.validation, mirrored=self.data.mirrored, device=device, loaders=loaders
        )
        trainer = Trainer(model, on_device, self.recipe, seed=self.seed, device=device, together=together)
        checkpoint = self.target / "checkpoint.safetensors"
        images, images_before = self.data.training_fingerprints()
        identity = self._identity(images)
        history = (
            self._load(checkpoint, trainer, (identity, self._identity(images_before))) if checkpoint.is_file() else []
        )
        tell(
            f"retraining {self.contender.title}, SE by stage {se_glyphs(self.contender.architecture.se_tokens)}: "
            f"{counted(self.recipe.epochs, 'epoch')}{f', going on after epoch {trainer.epoch}' if history else ''}"
        )
        wanted = choose_wandb(wandb, os.environ, tell)
        if wanted == "off" or not together.is_first:
            guard: Guard[Any] = Guard(name="W&B", tell=tell)
        else:
            guard = wandb_guard(partial(_start_wandb, self), wanted, self.target, goes_on=bool(history), tell=tell)
        if_killed("the same command goes on after the last epoch that was saved")
        try:
            for epoch in train(trainer):
                done = [*history, asdict(epoch)]
                if together.is_first:
                    save_checkpoint(checkpoint, trainer, identity=identity, history=done)
                history = done
                guard.attempt(partial(_tell_epoch, epoch))
                left = (self.recipe.epochs - epoch.epoch) * statistics.median(each["seconds"] for each in history)
                tell(
                    f"epoch {epoch.epoch:>4}/{self.recipe.epochs}  loss {epoch.loss:.4f}  "
                    f"validation accuracy {epoch.accuracy:.4f}  {epoch.seconds:.1f} s, {format_duration(left)} left"
                )
            if together.is_first:  # before the test images are read, which may fail
                files = self._write_network(trainer, on_device)
            test_accuracy = self._test(trainer, device, loaders=loaders)
            result = self._result(history, test_accuracy=test_accuracy, batch_size=trainer.batch_size)
            if together.is_first:
                files += self._write_result(result, history)
                checkpoint.unlink(missing_ok=True)
                summary = result.model_dump(include={"test_accuracy", "validation_accuracy", "trial", "cost"})
                guard.attempt(lambda run: run.ended(summary, files))
        except TrainingDivergedError as error:
            raise RunFailedError(f"{self.contender.title}: {error}") from None
        except KeyboardInterrupt as error:  # ctrl-C and SIGTERM
            error.add_note(f"the same command goes on after epoch {len(history)}")
            raise
        finally:
            guard.close(lambda run: run.close(), hurried=is_leaving(sys.exception()))
        return result

    def _load(self, checkpoint: Path, trainer: Trainer, identities: Sequence[str]) -> list[dict[str, Any]]:
        """Load the earlier epochs; InputError if they belong to another training. Earlier versions computed other
        fingerprints of the images, which included the test images."""
        for identity in (*identities[1:], self._identity(self.config.images)):
            with contextlib.suppress(InputError):
                return load_checkpoint(checkpoint, trainer, identity=identity)
        return load_checkpoint(checkpoint, trainer, identity=identities[0])

    def _identity(self, images: str) -> str:
        return json.dumps([self._fingerprint, asdict(self.recipe), self.seed, images])

    def _test(self, trainer: Trainer, device: torch.device, *, loaders: int) -> float:
        """The accuracy on the test images. If this fails, the error names the file with the trained weights."""
        try:
            return trainer.evaluate(place(self.data.test, device, loaders=loaders))
        except Exception as error:
            error.add_note(f"the trained weights are in {self.target / FILE}; the same command goes on with the test")
            raise

    @property
    def _fingerprint(self) -> str:
        return self.contender.architecture.fingerprint()

    @property
    def _images(self) -> dict[str, int]:
        return {"train": len(self.data.train), "validation": len(self.data.validation)}

    def _result(
        self, history: Sequence[Mapping[str, Any]], *, test_accuracy: float, batch_size: int
    ) -> RetrainedResult:
        counted = cost_on(self.data)(self.contender.architecture)
        return RetrainedResult(
            network=self.contender.title,
            trial=self.contender.trial,
            fingerprint=self._fingerprint,
            se=list(self.contender.architecture.se_tokens),
            search_accuracy=self.contender.search_accuracy,
            validation_accuracy=history[-1]["accuracy"],
            test_accuracy=test_accuracy,
            test_images=len(self.data.test),
            cost={**counted, **self.contender.measured},
            data=self.config.data_name,
            images=self._images,
            image_size=self.data.image_size,
            classes=list(self.data.class_names),
            seed=self.seed,
            recipe_name=self.recipe_name,
            recipe=asdict(self.recipe),
            batch_size=batch_size,
            version=__version__,
            unreadable_images=self.data.unreadable,
            images_fingerprint=self.data.fingerprint(),
        )

    def _write_network(self, trainer: Trainer, data: DeviceData) -> list[Path]:
        """Write the weights and the architecture."""
        trained = TrainedNetwork(
            architecture=self.contender.architecture,
            class_names=self.data.class_names,
            image_size=self.data.image_size,
            pixel_mean=tuple(data.mean.tolist()),
            pixel_deviation=tuple(data.deviation.tolist()),
            scale=self.data.scale,
            weights=trainer.result.state_dict(),
        )
        weights = save_trained(self.target, trained)
        architecture = self.target / "architecture.yaml"
        write_yaml(architecture, self.contender.architecture.to_dict())
        return [weights, architecture]

    def _write_result(self, result: RetrainedResult, history: Sequence[Mapping[str, Any]]) -> list[Path]:
        """Write the card, and at last the result, which marks the folder as complete."""
        files = [self.target / name for name in ("README.md", RESULT)]
        write_atomically(files[0], model_card(result))
        write_checked(files[1], result.model_dump() | {"history": list(history)})
        return files


def _tell_epoch(epoch: EpochResult, run: Any) -> None:
    run.epoch_done(epoch.epoch, epoch.loss, epoch.accuracy)


def _start_wandb(retraining: Retraining, mode: str, *, goes_on: bool) -> Any:
    from se_nas.tracking.wandb_afterwards import WandbRetraining
    from se_nas.tracking.wandb_run import start_run

    search = retraining.folder.path.resolve().name
    run = start_run(
        retraining.target,
        mode=mode,
        goes_on=goes_on,
        run_id=f"{retraining.config.run_id}-{retraining.target.name}",
        name=f"{search} {retraining.target.name}",
        group=retraining.config.run_id,
        job="retrain",
        tags=[retraining.recipe_name],
        config={
            "search": search,
            "search run": retraining.config.run_id,
            "network": retraining.contender.title,
            "trial": retraining.contender.trial,
            "se": list(retraining.contender.architecture.se_tokens),
            "seed": retraining.seed,
            **asdict(retraining.recipe),
        },
    )
    return WandbRetraining(
        run,
        search=retraining.config.run_id,
        origin=() if retraining.contender.search_accuracy is None else retraining.folder.front_files,
        budget=retraining.config.budget,
    )
