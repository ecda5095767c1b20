"""Trainings on a GPU: CUDA graphs, bit-for-bit repetition, checkpoints, and a lack of memory."""

import gc
import logging
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

from se_nas.commands.search.evaluation import TrialEvaluation
from se_nas.data.batches.device_data import DeviceData
from se_nas.execution.protocol import next_report
from se_nas.searching.failures import Failure, FailureKind
from se_nas.searching.tasks import TrialTask
from se_nas.space.architecture import Architecture
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.training import trainer as trainer_module
from se_nas.training.checkpoint import load_checkpoint, save_checkpoint
from se_nas.training.measurements import measure_costs
from se_nas.training.metrics import begin_metrics, measure_metrics
from se_nas.training.recipe import Recipe
from se_nas.training.step.cuda_graphs import WARM_UP_STEPS, Recorded, build_recorder
from se_nas.training.step.precision import WORTHWHILE, Precision, choose_precision, possible_precisions
from se_nas.training.trainer import EpochResult, Trainer, TrainingDivergedError, build_initial_model, train
from tests.fakes import network_with_se, separable_data

NETWORK = network_with_se("inner/4", "none", "standard/8")
EVERYTHING = {
    "cutout": 0.5, "mixup": 0.2, "cutmix": 1.0, "rand_augment_operations": 2, "ema_decay": 0.9,
}  # fmt: skip


def trainer_of(gpu: torch.device, *, seed: int = 0, epochs: int = 3, **recipe: float) -> Trainer:
    data = separable_data(train=512)
    images = DeviceData.of(data.train, data.validation, mirrored=True, device=gpu)
    model = build_initial_model(NETWORK, num_classes=data.classes, seed=seed)
    return Trainer(model, images, Recipe(epochs=epochs, batch_size=64, **recipe), seed=seed, device=gpu)


def curve(results: list[EpochResult]) -> list[tuple[int, float, float]]:
    return [(result.epoch, result.loss, result.accuracy) for result in results]


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("recipe", [{}, EVERYTHING], ids=["plain", "everything"])
def test_replayed_steps_train_the_same_as_single_launches(
    gpu: torch.device, recipe: dict[str, float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        recorded = trainer_of(gpu, **recipe)
        results = list(train(recorded))
    assert caplog.messages == []
    assert getattr(recorded._do_step._do, "__name__", "") == "replay"  # type: ignore[attr-defined]

    monkeypatch.setattr(trainer_module, "build_recorder", lambda device: None)
    launched = trainer_of(gpu, **recipe)

    assert curve(list(train(launched))) == curve(results)
    assert equal(launched.tensors(), recorded.tensors())


def test_the_same_seed_gives_the_same_training_bit_for_bit(gpu: torch.device) -> None:
    first, again = trainer_of(gpu, seed=3), trainer_of(gpu, seed=3)

    assert curve(list(train(first))) == curve(list(train(again)))
    assert equal(first.tensors(), again.tensors())


def test_a_resumed_training_equals_one_without_interruption(gpu: torch.device, tmp_path: Path) -> None:
    whole = trainer_of(gpu, epochs=6, ema_decay=0.9)
    *_, last = train(whole)
    first = trainer_of(gpu, epochs=6, ema_decay=0.9)
    list(islice(train(first), 3))
    save_checkpoint(tmp_path / "half", first, identity="a", history=[])

    second = trainer_of(gpu, epochs=6, ema_decay=0.9)
    load_checkpoint(tmp_path / "half", second, identity="a")
    *_, ended = train(second)

    assert (ended.loss, ended.accuracy) == (last.loss, last.accuracy)
    assert equal(second.tensors(), whole.tensors())


@pytest.mark.parametrize("ill", ["stem.0.weight", "stage1.0.conv2.weight", "stage3.1.norm1.bias"])
def test_nan_and_infinity_are_not_hidden(gpu: torch.device, ill: str) -> None:
    trainer = trainer_of(gpu)
    with torch.no_grad():
        trainer.model.get_parameter(ill).fill_(torch.nan)

    with pytest.raises(TrainingDivergedError):
        trainer.run_epoch()


def test_a_training_on_a_gpu_learns(gpu: torch.device) -> None:
    *_, last = train(trainer_of(gpu, epochs=6))

    assert last.accuracy > 0.9  # a guess has one in three


def test_a_step_that_waits_for_the_host_runs_without_a_cuda_graph(
    gpu: torch.device, caplog: pytest.LogCaptureFixture
) -> None:
    total = torch.zeros((), device=gpu)

    def step() -> None:
        total.add_(1)
        float(total)

    recorded = Recorded(step, build_recorder(gpu))
    with caplog.at_level(logging.WARNING):
        for _ in range(WARM_UP_STEPS + 3):
            recorded()

    assert float(total) == WARM_UP_STEPS + 3
    assert len(caplog.messages) == 1
    assert "this step cannot be recorded and runs without a CUDA graph" in caplog.messages[0]


def test_the_tensors_of_a_recorded_step_live_as_long_as_its_cuda_graph(gpu: torch.device) -> None:
    """Several steps run in turn, as in a measurement. Nothing else keeps their tensors alive."""

    def recorded(number: int) -> tuple[Recorded, Tensor]:
        weight = torch.full((1 << 22,), float(number), device=gpu)
        total = torch.zeros(1 << 22, device=gpu)
        return Recorded(lambda: total.add_(weight * 1), build_recorder(gpu)), total

    runs = [recorded(number) for number in range(4)]
    for _ in range(WARM_UP_STEPS + 5):
        for run, _ in runs:
            run()

    assert [float(total.min()) for _, total in runs] == [float(total.max()) for _, total in runs]
    assert [float(total[0]) for _, total in runs] == [number * (WARM_UP_STEPS + 5.0) for number in range(4)]


def test_a_long_training_measures_its_precision(gpu: torch.device) -> None:
    model = build_initial_model(NETWORK, num_classes=3, seed=0).to(gpu)

    chosen = choose_precision(model, batch_size=64, image_size=8, steps=100_000, device=gpu)

    assert chosen in possible_precisions(gpu)
    assert possible_precisions(gpu)[0] == Precision(channels_last=True, bf16=True)
    assert 0 < WORTHWHILE < 1


def test_the_peak_memory_of_a_training_is_its_own(gpu: torch.device) -> None:
    """A large tensor of the training before does not count."""
    torch.zeros(1 << 30, dtype=torch.uint8, device=gpu)

    begin_metrics(gpu)
    trainer = trainer_of(gpu)
    peak = measure_metrics(trainer, trainer.run_epoch())["peak_gpu_gib"]

    assert peak is not None
    assert 0 < peak < 1


def test_latency_is_the_time_of_a_forward_pass(gpu: torch.device) -> None:
    model = build_initial_model(NETWORK, num_classes=3, seed=0).to(gpu)

    assert 0.01 < measure_costs(["latency"], model, image_size=8, device=gpu)["latency"] < 100


class Nowhere:
    """Results that are not stored."""

    def write_finished(self, task: TrialTask, **what: object) -> None:
        pass

    def checkpoint(self, task: TrialTask) -> Path:
        return Path("nowhere")


def giant() -> Architecture:
    """A network whose batch takes gigabytes: 60 blocks, each with about eight stored maps of 8 MB in bf16."""
    stage = Stage.of(RegNetBlock(group_width=8), depth=60, width=1024, stride=1, se=(None,) * 60)
    return Architecture(stem=Stem.plain(width=8, stride=1), stages=(stage,))


def test_a_network_too_large_for_the_gpu_fails_as_out_of_memory_and_the_next_one_trains(gpu: torch.device) -> None:
    data = separable_data(train=512)
    evaluation = TrialEvaluation(
        results=Nowhere(), train=data.train, validation=data.validation, mirrored=True, classes=data.classes,
        recipe=Recipe(epochs=1, batch_size=64), measured=(), use_gpu=True, loaders=1,
    )  # fmt: skip
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    whole = torch.cuda.get_device_properties(gpu).total_memory
    torch.cuda.set_per_process_memory_fraction((1 << 30) / whole)  # so the network can be smaller than the GPU's memory
    try:
        failure = next_report(evaluation(TrialTask(number=0, architecture=giant(), seed=0)), epoch_seconds=300)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.MEMORY, failure.reason

    report = next_report(evaluation(TrialTask(number=1, architecture=NETWORK, seed=0)), epoch_seconds=300)

    assert not isinstance(report, Failure), report
    assert torch.cuda.memory_reserved() < before + (1 << 29)
