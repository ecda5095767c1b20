"""Trains one network with a long recipe, from the last checkpoint to the tested weights."""

import contextlib
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from se_nas.analysis.largest_class import LargestClass
from se_nas.commands.flags import WandbMode
from se_nas.commands.retrain.results import result_of, write_network, write_result
from se_nas.commands.retrain.task import RetrainingTask
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.commands.wandb_runs import Build, retraining_run, wandb_guard
from se_nas.data.batches.device_data import STREAMED_EVALUATION_BATCH, DeviceData, place
from se_nas.data.batches.streaming import shared_bytes
from se_nas.errors import InputError, RunFailedError
from se_nas.machine.limits import cpu_count
from se_nas.machine.shared_memory import check_shared_memory
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.process.last_words import if_killed
from se_nas.runs.retrained_files import RetrainedResult
from se_nas.tracking.guarded import Guard, is_leaving
from se_nas.training.checkpoint import load_checkpoint, save_checkpoint
from se_nas.training.devices.device import pick_device, prepare
from se_nas.training.distributed import ProcessGroup
from se_nas.training.scoring import Scores
from se_nas.training.trained import FILE
from se_nas.training.trainer import EpochResult, Trainer, TrainingDivergedError, build_initial_model, train
from se_nas.wording import counted, format_duration, se_glyphs


def train_and_test(
    task: RetrainingTask, *, wandb: WandbMode, print_line: Callable[[str], None], group: ProcessGroup
) -> RetrainedResult:
    """Train from the last checkpoint, test, and write the weights, the card and the result."""
    trainer, on_device = _build_trainer(task, group)
    checkpoint = task.target / "checkpoint.safetensors"
    identities = task.identities()
    history = _load(checkpoint, trainer, identities) if checkpoint.is_file() else []
    print_line(
        f"retraining {task.contender.title}, SE by stage {se_glyphs(task.contender.architecture.se_tokens)}: "
        f"{counted(task.recipe.epochs, 'epoch')}{f', continuing after epoch {trainer.epoch}' if history else ''}"
    )
    guard = _wandb_guard(task, wandb, group, continues=bool(history), print_line=print_line)
    if_killed("the same command continues after the last epoch that was saved")
    try:
        for epoch in train(trainer):
            done = [*history, asdict(epoch)]
            if group.is_first:
                save_checkpoint(checkpoint, trainer, identity=identities[0], history=done)
            history = done
            guard.attempt(partial(_log_epoch, epoch, task.metric))
            print_line(_epoch_line(epoch, task.recipe.epochs, history, task.metric))
        if group.is_first:  # before the test images are read, which may fail
            files = write_network(task, trainer, on_device)
        tested = _test(task, trainer, group)
        result = result_of(task, history, tested=tested, batch_size=trainer.batch_size)
        if group.is_first:
            files += write_result(task, result, history)
            checkpoint.unlink(missing_ok=True)
            shown = {"test_accuracy", "validation_accuracy", "trial", "cost"}
            if task.metric is not ACCURACY:
                shown |= {"metric", "test_score", "validation_score"}
            summary = result.model_dump(include=shown)
            guard.attempt(lambda run: run.ended(summary, files))
    except TrainingDivergedError as error:
        raise RunFailedError(f"{task.contender.title}: {error}") from None
    except KeyboardInterrupt as error:  # ctrl-C and SIGTERM
        error.add_note(f"the same command continues after epoch {len(history)}")
        raise
    finally:
        guard.close(lambda run: run.close(), hurried=is_leaving(sys.exception()))
    return result


def _build_trainer(task: RetrainingTask, group: ProcessGroup) -> tuple[Trainer, DeviceData]:
    """The trainer of a network with its initial weights, and the images on its device."""
    device, loaders = pick_device(), _loaders(group)
    prepare(device)
    batch = max(STREAMED_EVALUATION_BATCH, task.recipe.batch_size_for(len(task.data.train)))
    check_shared_memory(group.processes * shared_bytes(task.data.train, batch=batch, loaders=loaders))
    model = build_initial_model(task.contender.architecture, num_classes=task.data.classes, seed=task.seed)
    if task.pretrained is not None:
        task.pretrained.start(model)
    on_device = DeviceData.of(
        task.data.train,
        task.data.validation,
        mirrored=task.data.mirrored,
        device=device,
        loaders=loaders,
        image_size=task.contender.architecture.image_size,
    )
    trainer = Trainer(model, on_device, task.recipe, seed=task.seed, device=device, group=group, metric=task.metric)
    return trainer, on_device


def _loaders(group: ProcessGroup) -> int:
    """The number of processes that read images from disk for this process."""
    return max(1, cpu_count() // group.processes)


def _load(checkpoint: Path, trainer: Trainer, identities: Sequence[str]) -> list[dict[str, Any]]:
    """Load the earlier epochs; InputError if they belong to another training than any of `identities`."""
    for identity in identities[1:]:
        with contextlib.suppress(InputError):
            return load_checkpoint(checkpoint, trainer, identity=identity)
    return load_checkpoint(checkpoint, trainer, identity=identities[0])


def _test(task: RetrainingTask, trainer: Trainer, group: ProcessGroup) -> Scores:
    """The scores on the test images. If this fails, the error names the file with the trained weights."""
    try:
        size = task.contender.architecture.image_size
        return trainer.scores(place(task.data.test, pick_device(), loaders=_loaders(group), image_size=size))
    except Exception as error:
        error.add_note(f"the trained weights are in {task.target / FILE}; the same command continues with the test")
        raise


def _epoch_line(epoch: EpochResult, epochs: int, history: Sequence[Mapping[str, Any]], metric: ObjectiveMetric) -> str:
    left = (epochs - epoch.epoch) * statistics.median(each["seconds"] for each in history)
    other = "" if epoch.other_score is None else f"  {metric.label} {epoch.other_score:.4f}"
    return (
        f"epoch {epoch.epoch:>4}/{epochs}  loss {epoch.loss:.4f}  validation accuracy {epoch.accuracy:.4f}{other}  "
        f"{epoch.seconds:.1f} s, {format_duration(left)} left"
    )


def _log_epoch(epoch: EpochResult, metric: ObjectiveMetric, run: Any) -> None:
    others = {} if epoch.other_score is None else {f"validation {metric.label}": epoch.other_score}
    run.epoch_done(epoch.epoch, epoch.loss, epoch.accuracy, others)


def _wandb_guard(
    task: RetrainingTask, wandb: WandbMode, group: ProcessGroup, *, continues: bool, print_line: Callable[[str], None]
) -> Guard[Any]:
    """The guard of the W&B run, which only the first process writes. Without W&B, the guard calls nothing."""
    wanted = choose_wandb(wandb, os.environ, print_line)
    if not group.is_first:
        wanted = "off"
    return wandb_guard(_wandb_run(task), wanted, task.target, continues=continues, print_line=print_line)


def _wandb_run(task: RetrainingTask) -> Build[Any]:
    """A function that starts the W&B run of a training."""
    contender = task.contender
    return retraining_run(
        task.target,
        task.search,
        search_name=task.folder.name,
        tag=task.recipe_name,
        about={
            "network": contender.title,
            "trial": contender.trial,
            "se": list(contender.architecture.se_tokens),
            "seed": task.seed,
            **LargestClass.of(task.data.inventory(), "validation").setting,
            **LargestClass.of(task.data.inventory(), "test").setting,
            **task.recipe.as_dict(),
        },
        origin=() if contender.search_accuracy is None else task.folder.front_files,
    )
