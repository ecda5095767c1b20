"""One retraining of one network: from the last checkpoint to the tested weights, and what it leaves in its folder."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from se_nas import __version__
from se_nas.errors import InputError, RunFailedError
from se_nas.experiment.config import SearchConfig
from se_nas.experiment.model_card import model_card
from se_nas.experiment.run_folder import RunFolder
from se_nas.experiment.survey import cost_on
from se_nas.files import read_json, write_atomically, write_json, write_yaml
from se_nas.space.architecture import Architecture
from se_nas.tracking.guarded import Guard
from se_nas.training.checkpoint import load_checkpoint, save_checkpoint
from se_nas.training.data import ImageData
from se_nas.training.device import cpu_count, pick_device, prepare
from se_nas.training.device_data import DeviceData, place
from se_nas.training.recipe import Recipe
from se_nas.training.together import Together
from se_nas.training.trained import FILE, TrainedNetwork, save_trained
from se_nas.training.trainer import EpochResult, Trainer, TrainingDivergedError, build_initial_model, train
from se_nas.wording import se_glyphs

RESULT = "result.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A network to retrain: its name in folders and for people, and the trial that it is or stands beside.

    `search_accuracy` is None for one that the search did not train.
    """

    name: str
    title: str
    trial: int
    architecture: Architecture
    search_accuracy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """One network, one recipe, one seed; `target` is its folder."""

    folder: RunFolder
    config: SearchConfig
    contender: Contender
    data: ImageData
    recipe: Recipe
    recipe_name: str
    seed: int

    @property
    def target(self) -> Path:
        """Where everything of it lies."""
        name = f"{self.contender.name}-{self.recipe_name}-epochs-{self.recipe.epochs}-seed-{self.seed}"
        return self.folder.path / "retrain" / name

    def finished(self) -> dict[str, Any] | None:
        """Its result, if it is there; InputError when it was another recipe's."""
        result = read_json(self.target / RESULT)
        if result is None or not (self.target / FILE).is_file():
            return None
        if result.get("recipe") != asdict(self.recipe) or result.get("fingerprint") != self._fingerprint:
            raise InputError(
                f"{self.target}: trained with another recipe of that name; give the recipe's file another name, "
                "or remove the folder"
            )
        return result

    def run(self, *, wandb: str, tell: Callable[[str], None], together: Together) -> dict[str, Any]:
        """Train from the last checkpoint, test, write the weights, the card and the result."""
        device = pick_device()
        prepare(device)
        loaders = max(1, cpu_count() // together.processes)
        model = build_initial_model(self.contender.architecture, num_classes=self.data.classes, seed=self.seed)
        on_device = DeviceData.of(
            self.data.train, self.data.validation, mirrored=self.data.mirrored, device=device, loaders=loaders
        )
        trainer = Trainer(model, on_device, self.recipe, seed=self.seed, device=device, together=together)
        checkpoint = self.target / "checkpoint.safetensors"
        identity = json.dumps([self._fingerprint, asdict(self.recipe), self.seed, self.config.data])
        history = load_checkpoint(checkpoint, trainer, identity=identity) if checkpoint.is_file() else []
        tell(
            f"retraining {self.contender.title}, SE by stage {se_glyphs(self.contender.architecture.se_tokens)}: "
            f"{self.recipe.epochs} epochs{f', going on after epoch {trainer.epoch}' if history else ''}"
        )
        build = None if wandb == "off" or not together.is_first else partial(_start_wandb, self, wandb)
        guard: Guard[Any] = Guard(build, name="W&B", tell=tell)
        try:
            for epoch in train(trainer):
                history.append(asdict(epoch))
                if together.is_first:
                    save_checkpoint(checkpoint, trainer, identity=identity, history=history)
                guard.attempt(partial(_tell_epoch, epoch))
                tell(
                    f"epoch {epoch.epoch:>4}/{self.recipe.epochs}  loss {epoch.loss:.4f}  "
                    f"validation accuracy {epoch.accuracy:.4f}  {epoch.seconds:.1f} s"
                )
            test_accuracy = trainer.evaluate(place(self.data.test, device, loaders=loaders))
            result = self._result(history, test_accuracy=test_accuracy)
            if together.is_first:
                self._write(trainer, on_device, result)
                checkpoint.unlink(missing_ok=True)
            summary = {key: result[key] for key in ("test_accuracy", "validation_accuracy", "trial", "cost")}
            guard.attempt(lambda run: run.ended(summary, sorted(self.target.glob("*.*"))))
        except TrainingDivergedError as error:
            raise RunFailedError(f"{self.contender.title}: {error}") from None
        except BaseException as error:  # ctrl-C and SIGTERM
            error.add_note(f"the same command goes on after epoch {trainer.epoch}")
            raise
        finally:
            if guard.is_in_use:
                guard.attempt(lambda run: run.close())
        return result

    @property
    def _fingerprint(self) -> str:
        return self.contender.architecture.fingerprint()

    def _result(self, history: list[dict[str, Any]], *, test_accuracy: float) -> dict[str, Any]:
        return {
            "network": self.contender.title,
            "trial": self.contender.trial,
            "fingerprint": self._fingerprint,
            "se": list(self.contender.architecture.se_tokens),
            "search_accuracy": self.contender.search_accuracy,
            "validation_accuracy": history[-1]["accuracy"],
            "test_accuracy": test_accuracy,
            "test_images": len(self.data.test),
            "cost": dict(cost_on(self.data)(self.contender.architecture)),
            "data": self.config.data_name,
            "images": {"train": len(self.data.train), "validation": len(self.data.validation)},
            "image_size": self.data.image_size,
            "classes": list(self.data.class_names),
            "seed": self.seed,
            "recipe_name": self.recipe_name,
            "recipe": asdict(self.recipe),
            "version": __version__,
            "history": history,
        }

    def _write(self, trainer: Trainer, data: DeviceData, result: dict[str, Any]) -> None:
        """Weights, architecture, card, and last the result, which says that all of it is there."""
        trained = TrainedNetwork(
            architecture=self.contender.architecture,
            class_names=self.data.class_names,
            image_size=self.data.image_size,
            pixel_mean=tuple(data.mean.tolist()),
            pixel_deviation=tuple(data.deviation.tolist()),
            weights=trainer.result.state_dict(),
        )
        save_trained(self.target, trained)
        write_yaml(self.target / "architecture.yaml", self.contender.architecture.to_dict())
        write_atomically(self.target / "README.md", model_card(result))
        write_json(self.target / RESULT, result)


def _tell_epoch(epoch: EpochResult, run: Any) -> None:
    run.epoch_done(epoch.epoch, epoch.loss, epoch.accuracy)


def _start_wandb(retraining: Retraining, wanted: str) -> Any:
    from se_nas.tracking.wandb_run import resolve_mode, start_run
    from se_nas.tracking.wandb_tracker import WandbRetraining

    search = retraining.folder.path.resolve().name
    run = start_run(
        retraining.target,
        mode=resolve_mode(wanted),
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
        origin=retraining.folder.front_files,
        budget=retraining.config.budget,
    )
