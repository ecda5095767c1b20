"""Retrains networks of a search with the long recipe, and tests each exactly once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from se_nas import __version__
from se_nas.errors import InputError, RunFailedError
from se_nas.experiment.config import SearchConfig
from se_nas.experiment.images import load_searched_images
from se_nas.experiment.reporting import load_progress, pick_trial
from se_nas.experiment.request import RetrainRequest
from se_nas.experiment.run_folder import RunFolder
from se_nas.experiment.survey import cost_on
from se_nas.files import read_json, write_json, write_yaml
from se_nas.search.progress import SearchProgress
from se_nas.search.records import TrialRecord
from se_nas.space.architecture import Architecture
from se_nas.tracking.console import plain_teller
from se_nas.tracking.guarded import Guard
from se_nas.training.checkpoint import load_checkpoint, save_checkpoint, write_tensors
from se_nas.training.data import ImageData
from se_nas.training.device import cpu_count, pick_device, prepare
from se_nas.training.device_data import DeviceData, place
from se_nas.training.recipe import Recipe, long_recipe
from se_nas.training.trainer import EpochResult, Trainer, TrainingDivergedError, build_initial_model, train
from se_nas.wording import format_cost, se_glyphs

WEIGHTS_FORMAT = "se-nas weights 1"


def retrain(request: RetrainRequest, console: Console) -> None:
    """Retrain what `request` picks; a network that was tested with the same settings before is only told of."""
    folder = RunFolder.open(request.run_dir)
    config, progress = load_progress(folder)
    records = _picked(_within(progress, request.limits(), folder), request.pick, folder)
    data = load_searched_images(config, folder.path)
    recipe = long_recipe(Recipe(epochs=config.epochs), request.epochs)
    for record in records:
        retraining = _Retraining(folder, config, record, data, recipe, request.seed)
        result = read_json(retraining.target / "result.json")
        if result is None or "cost" not in result or not (retraining.target / "weights.safetensors").is_file():
            result = retraining.run(request, console)
        plain_teller(console)(_summary(result))
        plain_teller(console)(f"weights   {retraining.target / 'weights.safetensors'}")


@dataclass(frozen=True, slots=True)
class _Retraining:
    """One network, one recipe, one seed; `target` is its folder."""

    folder: RunFolder
    config: SearchConfig
    record: TrialRecord
    data: ImageData
    recipe: Recipe
    seed: int

    @property
    def target(self) -> Path:
        name = f"trial-{self.record.number:04d}-epochs-{self.recipe.epochs}-seed-{self.seed}"
        return self.folder.path / "retrain" / name

    def run(self, request: RetrainRequest, console: Console) -> dict[str, Any]:
        """Train from the last checkpoint, test, write the weights and the result."""
        architecture = self.folder.load_network(self.record)
        device = pick_device()
        prepare(device)
        model = build_initial_model(architecture, num_classes=self.data.classes, seed=self.seed)
        loaders = cpu_count()
        on_device = DeviceData.of(
            self.data.train, self.data.validation, mirrored=self.data.mirrored, device=device, loaders=loaders
        )
        trainer = Trainer(model, on_device, self.recipe, seed=self.seed, device=device)
        checkpoint = self.target / "checkpoint.safetensors"
        identity = json.dumps([self.record.fingerprint, asdict(self.recipe), self.seed, self.config.data])
        history = load_checkpoint(checkpoint, trainer, identity=identity) if checkpoint.is_file() else []
        tell = plain_teller(console)
        tell(
            f"retraining trial {self.record.number}, SE by stage {se_glyphs(self.record.se)}: "
            f"{self.recipe.epochs} epochs{f', going on after epoch {trainer.epoch}' if history else ''}"
        )
        build = None if request.wandb == "off" else partial(_start_wandb, self, request.wandb)
        guard: Guard[Any] = Guard(build, name="W&B", tell=tell)
        try:
            for epoch in train(trainer):
                history.append(asdict(epoch))
                save_checkpoint(checkpoint, trainer, identity=identity, history=history)
                guard.attempt(partial(_tell_epoch, epoch))
                tell(
                    f"epoch {epoch.epoch:>4}/{self.recipe.epochs}  loss {epoch.loss:.4f}  "
                    f"validation accuracy {epoch.accuracy:.4f}  {epoch.seconds:.1f} s"
                )
            tests = place(self.data.test, device, loaders=loaders)
            result = self._result(architecture, history, test_accuracy=trainer.evaluate(tests))
            files = self._write(architecture, trainer, on_device, result)
            checkpoint.unlink()
            summary = {key: result[key] for key in ("test_accuracy", "validation_accuracy", "trial", "cost")}
            guard.attempt(lambda run: run.ended(summary, files))
        except TrainingDivergedError as error:
            raise RunFailedError(f"trial {self.record.number}: {error}") from None
        except BaseException as error:  # ctrl-C and SIGTERM
            error.add_note(f"the same command goes on after epoch {trainer.epoch}")
            raise
        finally:
            if guard.is_in_use:
                guard.attempt(lambda run: run.close())
        return result

    def _result(
        self, architecture: Architecture, history: list[dict[str, Any]], *, test_accuracy: float
    ) -> dict[str, Any]:
        return {
            "trial": self.record.number,
            "fingerprint": self.record.fingerprint,
            "se": list(self.record.se),
            "search_accuracy": self.record.accuracy,
            "validation_accuracy": history[-1]["accuracy"],
            "test_accuracy": test_accuracy,
            "test_images": len(self.data.test),
            "cost": dict(cost_on(self.data)(architecture)),
            "data": self.config.data,
            "seed": self.seed,
            "recipe": asdict(self.recipe),
            "version": __version__,
            "history": history,
        }

    def _write(
        self, architecture: Architecture, trainer: Trainer, data: DeviceData, result: dict[str, Any]
    ) -> Sequence[Path]:
        """Weights, architecture, and last the result, which says that all of it is there."""
        paths = [self.target / name for name in ("weights.safetensors", "architecture.yaml", "result.json")]
        about = {
            "format": WEIGHTS_FORMAT,
            "architecture": architecture.to_dict(),
            "classes": self.data.classes,
            "image_size": self.data.image_size,
            "pixel_mean": data.mean.tolist(),
            "pixel_deviation": data.deviation.tolist(),
        }
        write_tensors(paths[0], trainer.model.state_dict(), about)
        write_yaml(paths[1], architecture.to_dict())
        write_json(paths[2], result)
        return paths


def _tell_epoch(epoch: EpochResult, run: Any) -> None:
    run.epoch_done(epoch.epoch, epoch.loss, epoch.accuracy)


def _within(progress: SearchProgress, limits: Mapping[str, float], folder: RunFolder) -> SearchProgress:
    """As if the search had seen only networks within the limits; InputError when none is."""
    if not limits:
        return progress
    records = [
        record
        for record in progress.records
        if all(name in record.cost and record.cost[name] <= most for name, most in limits.items())
    ]
    kept = replace(progress, records=tuple(records))
    if not kept.front.members:
        asked = ", ".join(f"--max-{name} {most:g}" for name, most in limits.items())
        costs = [member.cost for member in progress.front.members]
        least = ", ".join(
            f"{format_cost(name, min(cost[name] for cost in costs))} {name}"
            for name in limits
            if all(name in cost for cost in costs) and costs
        )
        raise InputError(f"{folder.path}: no trained network keeps {asked}; the front begins at {least or 'none'}")
    return kept


def _picked(progress: SearchProgress, pick: str, folder: RunFolder) -> tuple[TrialRecord, ...]:
    if pick == "front" and progress.front.members:
        return progress.front.members
    return (pick_trial(progress, "knee" if pick == "front" else pick, folder),)


def _summary(result: dict[str, Any]) -> str:
    costs = ", ".join(f"{format_cost(name, value)} {name}" for name, value in result["cost"].items())
    return (
        f"trial {result['trial']}: test accuracy {result['test_accuracy']:.4f} on {result['test_images']:,} images "
        f"(validation {result['validation_accuracy']:.4f}), {costs}"
    )


def _start_wandb(retraining: _Retraining, wanted: str) -> Any:
    from se_nas.tracking.wandb_tracker import WandbRetraining, resolve_mode, start_run

    search = retraining.folder.path.resolve().name
    run = start_run(
        retraining.target,
        mode=resolve_mode(wanted),
        run_id=f"{retraining.config.run_id}-{retraining.target.name}",
        name=f"{search} {retraining.target.name}",
        group=retraining.config.run_id,
        job="retrain",
        config={
            "search": search,
            "search run": retraining.config.run_id,
            "trial": retraining.record.number,
            "se": list(retraining.record.se),
            "seed": retraining.seed,
            **asdict(retraining.recipe),
        },
    )
    return WandbRetraining(run)
