"""Two processes on the CPUs of this machine, with torch's gloo."""

import os
import socket
from pathlib import Path

import pytest
import torch
from torch import Tensor, multiprocessing, nn

from se_nas.data.batches.device_data import DeviceData
from se_nas.errors import InputError
from se_nas.training.distributed import ALONE, ProcessGroup, joined
from se_nas.training.recipe import Recipe
from se_nas.training.trainer import Trainer, build_initial_model, train
from tests.fakes import separable_data, tiny_architecture
from tests.training.test_trainer import trainer_of


def trained(group: ProcessGroup) -> tuple[dict[str, Tensor], list[float]]:
    """Train a network without batch norm. Its result does not depend on how the processes divide a batch."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    data = separable_data()
    device = torch.device("cpu")
    on_device = DeviceData.of(data.train, data.validation, mirrored=True, device=device)
    recipe = Recipe(epochs=2, ema_decay=0.9)
    trainer = Trainer(model, on_device, recipe, seed=3, device=device, group=group)
    results = [each for result in train(trainer) for each in (result.loss, result.accuracy)]
    return dict(trainer.result.state_dict()), results


def normalised(group: ProcessGroup) -> dict[str, Tensor]:
    """Train a network with batch norm by a recipe with all settings; return the tensors of a checkpoint."""
    model = build_initial_model(tiny_architecture(), num_classes=3, seed=0)
    data, device = separable_data(), torch.device("cpu")
    on_device = DeviceData.of(data.train, data.validation, mirrored=True, device=device)
    recipe = Recipe(epochs=2, ema_decay=0.9, cutmix=1.0, rand_augment_operations=2)
    trainer = Trainer(model, on_device, recipe, seed=3, device=device, group=group)
    list(train(trainer))
    return trainer.tensors()


def one_process(rank: int, port: int, folder: Path) -> None:
    """The process that torchrun would start."""
    own = {"RANK": str(rank), "LOCAL_RANK": str(rank), "MASTER_PORT": str(port)}
    os.environ.update(own, TORCHELASTIC_RUN_ID="test", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1")
    torch.set_num_threads(1)
    with joined() as group:
        weights, results = trained(group)
        with_norm = normalised(group)
        statistics = nn.BatchNorm1d(2).state_dict()["running_mean"] + rank
        group.average([statistics])
        torch.save(
            {
                "weights": weights,
                "with norm": with_norm,
                "results": torch.tensor(results),
                "statistics": statistics,
                "agreed": torch.tensor(group.agree(rank + 7)),
            },
            folder / f"{rank}.pt",
        )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    """The results of two processes."""
    folder = tmp_path_factory.mktemp("together")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(one_process, (port, folder), nprocs=2)  # type: ignore[no-untyped-call]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_two_processes_take_the_same_steps_as_one_process(pair: list[dict[str, Tensor]]) -> None:
    weights, results = trained(ALONE)

    for process in pair:
        torch.testing.assert_close(process["results"], torch.tensor(results))
        for name, value in weights.items():
            torch.testing.assert_close(process["weights"][name], value)  # type: ignore[index]


def test_both_processes_have_the_same_weights_bit_for_bit(pair: list[dict[str, Tensor]]) -> None:
    first, second = (process["weights"] for process in pair)

    assert all(torch.equal(first[name], second[name]) for name in first)  # type: ignore[index]


def test_both_processes_have_the_same_statistics_after_different_images(pair: list[dict[str, Tensor]]) -> None:
    first, second = (process["with norm"] for process in pair)

    assert any("running_var" in name for name in first)  # type: ignore[attr-defined]
    assert all(torch.equal(first[name], second[name]) for name in first)  # type: ignore[index]


def test_statistics_are_averaged_and_the_first_process_decides(pair: list[dict[str, Tensor]]) -> None:
    for process in pair:
        assert process["statistics"].tolist() == [0.5, 0.5]
        assert process["agreed"] == 7


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")  # some queueing systems set it

    with joined() as group:
        assert group is ALONE


def test_more_processes_than_half_a_batch_are_refused() -> None:
    with pytest.raises(InputError, match="9 processes: too many to share batches of 16 images"):
        Trainer(
            nn.Linear(1, 1),
            trainer_of()._data,
            Recipe(epochs=1),
            seed=0,
            device=torch.device("cpu"),
            group=ProcessGroup(rank=0, processes=9),
        )
