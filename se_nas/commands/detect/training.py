"""Trains one detector, from the last checkpoint to its result."""

import os
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from se_nas import __version__
from se_nas.commands.detect.progress import epoch_progress
from se_nas.commands.detect.task import DetectionTask
from se_nas.commands.flags import WandbMode
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.commands.wandb_runs import SearchOf, detection_run, wandb_guard
from se_nas.errors import RunFailedError
from se_nas.files import write_checked
from se_nas.process.last_words import if_killed
from se_nas.runs.detected_files import FOUND, RESULT, DetectedResult, EpochRow, write_found
from se_nas.tracking.console import line_printer
from se_nas.tracking.guarded import Guard, is_leaving
from se_nas.training.detection.average_precision import AveragePrecision, FoundBoxes
from se_nas.training.detection.detector_file import (
    FILE,
    load_detector_checkpoint,
    save_detector,
    save_detector_checkpoint,
)
from se_nas.training.detection.detector_trainer import DetectionEpoch, DetectorTrainer
from se_nas.training.devices.device import pick_device, prepare
from se_nas.training.trainer import TrainingDivergedError
from se_nas.wording import counted, format_duration, se_glyphs


def train_detector(task: DetectionTask, *, search: SearchOf, wandb: WandbMode, console: Console) -> DetectedResult:
    """Train from the last checkpoint; write the detector, the found boxes and the result."""
    print_line = line_printer(console)
    device = pick_device()
    prepare(device)
    trainer = DetectorTrainer(task.build(), task.data, task.recipe, task.reading, seed=task.seed, device=device)
    checkpoint = task.checkpoint
    identity, epochs = task.identity, task.recipe.epochs
    history = load_detector_checkpoint(checkpoint, trainer, identity=identity) if checkpoint.is_file() else []
    print_line(
        f"training {task.kind} on {_trunk_text(task)}, seed {task.seed}: {counted(epochs, 'epoch')}"
        f"{f', continuing after epoch {trainer.epoch}' if history else ''}"
    )
    guard = _wandb_guard(task, search, wandb, continues=bool(history), print_line=print_line)
    if_killed("the same command continues after the last epoch that was saved")
    try:
        precision = trainer.evaluate() if trainer.epoch >= epochs else None  # it was stopped while it wrote its files
        while trainer.epoch < epochs:
            with epoch_progress(console, f"epoch {trainer.epoch + 1}/{epochs}") as on_step:
                epoch, precision = trainer.run_epoch(on_step)
            history = [*history, epoch]
            save_detector_checkpoint(checkpoint, trainer, identity=identity, history=history)
            guard.attempt(partial(_log_epoch, epoch))
            print_line(_epoch_line(epoch, epochs, history))
        assert precision is not None
        files = [
            save_detector(
                task.target,
                trainer.detector,
                task.settings,
                architecture=task.trunk.architecture.to_dict(),
                class_names=task.data.class_names,
            ),
            write_found(task.target, _coco_rows(task, trainer.found)),
            task.target / RESULT,
        ]
        result = _result_of(task, trainer, precision, history)
        write_checked(files[-1], result.model_dump())
        _log_end(guard, result, files)
    except TrainingDivergedError as error:
        raise RunFailedError(f"{_trunk_text(task)}: {error}") from None
    except KeyboardInterrupt as error:  # ctrl-C and SIGTERM
        error.add_note(f"the same command continues after epoch {len(history)}")
        raise
    finally:
        guard.close(lambda run: run.close(), hurried=is_leaving(sys.exception()))
    checkpoint.unlink(missing_ok=True)
    return result


def end_again(
    task: DetectionTask, result: DetectedResult, *, search: SearchOf, wandb: WandbMode, console: Console
) -> None:
    """End the W&B run of a training that was killed after it wrote its result, and remove its checkpoint."""
    guard = _wandb_guard(task, search, wandb, continues=True, print_line=line_printer(console))
    try:
        _log_end(guard, result, [task.target / name for name in (FILE, FOUND, RESULT)])
    finally:
        guard.close(lambda run: run.close(), hurried=is_leaving(sys.exception()))
    task.checkpoint.unlink(missing_ok=True)


def _log_end(guard: Guard[Any], result: DetectedResult, files: Sequence[Path]) -> None:
    summary = result.model_dump(include={"ap", "ap50", "ap75", "placement", "seed"})
    guard.attempt(lambda run: run.ended(summary, files))


def _trunk_text(task: DetectionTask) -> str:
    """The trunk of a training, for people."""
    trunk = task.trunk
    return f"the {trunk.start} trunk with SE {trunk.placement} ({se_glyphs(trunk.architecture.se_tokens)})"


def _result_of(
    task: DetectionTask, trainer: DetectorTrainer, precision: AveragePrecision, history: Sequence[DetectionEpoch]
) -> DetectedResult:
    numbers = asdict(precision)
    return DetectedResult(
        **task.facts,
        **(numbers | {"by_class": list(precision.by_class)}),
        se=list(task.trunk.architecture.se_tokens),
        data=task.data.name,
        images={"train": len(task.data.train), "validation": len(task.data.validation)},
        classes=list(task.data.class_names),
        params=sum(weight.numel() for weight in trainer.detector.parameters()),
        version=__version__,
        history=[EpochRow(**asdict(epoch)) for epoch in history],
    )


def _coco_rows(task: DetectionTask, found: Sequence[FoundBoxes]) -> list[dict[str, Any]]:
    """The found boxes in the format of COCO's results, with COCO's ids."""
    return [
        {
            "image_id": image.number,
            "category_id": task.data.category_ids[int(label)],
            "bbox": [round(float(value), 2) for value in (left, top, right - left, bottom - top)],
            "score": round(float(score), 5),
        }
        for image, each in zip(task.data.validation, found, strict=True)
        for (left, top, right, bottom), label, score in zip(each.boxes, each.labels, each.scores, strict=True)
    ]


def _epoch_line(epoch: DetectionEpoch, epochs: int, history: Sequence[DetectionEpoch]) -> str:
    left = (epochs - epoch.epoch) * statistics.median(each.seconds for each in history)
    return (
        f"epoch {epoch.epoch:>4}/{epochs}  loss {epoch.loss:.4f}  AP {100 * epoch.ap:.1f}  "
        f"AP50 {100 * epoch.ap50:.1f}  {epoch.seconds:.1f} s, {format_duration(left)} left"
    )


def _log_epoch(epoch: DetectionEpoch, run: Any) -> None:
    run.epoch_done(epoch.epoch, epoch.loss, epoch.ap, epoch.ap50)


def _wandb_guard(
    task: DetectionTask, search: SearchOf, wandb: WandbMode, *, continues: bool, print_line: Callable[[str], None]
) -> Guard[Any]:
    """The guard of the W&B run. Without W&B, the guard calls nothing."""
    wanted = choose_wandb(wandb, os.environ, print_line)
    about = {**task.facts, **asdict(task.recipe), "data": task.data.name}
    build = detection_run(task.target, search, about={name: about[name] for name in about if name != "recipe"})
    return wandb_guard(build, wanted, task.target, continues=continues, print_line=print_line)
