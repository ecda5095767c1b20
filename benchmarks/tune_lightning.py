"""Given trainings by Ray Tune with Lightning, as their users write them: a DataLoader, torch's SGD, a report an epoch.

The networks are ours, built of stock operators. Images, batch size and precision are those of our trainings.
Ray and Lightning are imported when trainings begin, so that this file can be imported without them.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.utils.data import DataLoader
from trial_speed import SMOOTHED, Pictures, sgd

from se_nas.data.image_data import ImageData, ImageSet
from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.normalisation import BatchNorm
from se_nas.space.architecture import Architecture
from se_nas.training.trainer import build_initial_model


@dataclass(frozen=True, slots=True)
class Training:
    """A network and the epochs for which it is trained."""

    network: Architecture
    epochs: int


@dataclass(frozen=True, slots=True)
class Shared:
    """The settings that all trainings have in common. `loaders` is the number of a training's DataLoader processes."""

    data: ImageData
    batch_size: int
    device: torch.device
    at_once: int
    loaders: int


def train_one(config: dict[str, Any], *, trainings: Sequence[Training], shared: Shared) -> None:
    """Train the network with the number `config["number"]` in this process, and report each epoch to Ray Tune."""
    import lightning
    from ray.tune.integration.pytorch_lightning import TuneReportCheckpointCallback

    training = trainings[config["number"]]
    on_gpu = shared.device.type == "cuda"

    class Module(lightning.LightningModule):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: Any, _: int) -> Any:
            images, labels = batch
            return SMOOTHED(self.model(images), labels)

        def validation_step(self, batch: Any, _: int) -> None:
            images, labels = batch
            self.log("accuracy", (self.model(images).argmax(1) == labels).float().mean())

        def configure_optimizers(self) -> Any:
            return sgd(self.model)

    trainer = lightning.Trainer(
        max_epochs=training.epochs,
        accelerator="gpu" if on_gpu else "cpu",
        devices=1,
        precision="bf16-mixed" if on_gpu else "32-true",
        callbacks=[TuneReportCheckpointCallback(["accuracy"], on="validation_end", save_checkpoints=False)],
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with (
        mock.patch.object(SqueezeExcite, "forward", SqueezeExcite.forward_in_stock_operators),
        mock.patch.object(BatchNorm, "forward", BatchNorm.forward_in_stock_operators),
    ):
        model = build_initial_model(training.network, num_classes=shared.data.classes, seed=config["number"])
        trainer.fit(
            Module(model),
            _loader(shared.data.train, shared, training=True),
            _loader(shared.data.validation, shared, training=False),
        )


def _loader(part: Any, shared: Shared, *, training: bool) -> DataLoader[Any]:
    assert isinstance(part, ImageSet)
    return DataLoader(
        Pictures(part, augmented=training),
        batch_size=shared.batch_size,
        shuffle=training,
        drop_last=training,
        num_workers=shared.loaders,
        persistent_workers=shared.loaders > 0,
        pin_memory=shared.device.type == "cuda",
    )


def seconds_of_all(trainings: Sequence[Training], shared: Shared, folder: Path) -> float:
    """Train all, `at_once` at a time, and return the seconds from Ray's start to its end.

    Ray writes below `folder`. RuntimeError if a training failed.
    """
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    import ray
    from ray import tune

    began = time.perf_counter()
    here = str(Path(__file__).parent)
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    ray.init(
        address="local",
        include_dashboard=False,
        log_to_driver=False,
        num_cpus=shared.at_once,
        runtime_env={"env_vars": {"PYTHONPATH": paths}},
    )
    try:
        share = 1 / shared.at_once if shared.device.type == "cuda" else 0
        trainable = tune.with_parameters(train_one, trainings=list(trainings), shared=shared)
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1, "gpu": share}),
            param_space={"number": tune.grid_search(list(range(len(trainings))))},
            run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
        )
        results = tuner.fit()
    finally:
        ray.shutdown()
    if results.errors:
        raise RuntimeError(f"{len(results.errors)} of {len(trainings)} trainings failed: {results.errors[0]}")
    return time.perf_counter() - began
