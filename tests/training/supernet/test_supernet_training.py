from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor, nn

from se_nas.data.batches.device_data import DeviceData
from se_nas.models.supernet import choose
from se_nas.space.files.loading import parse_design_space
from se_nas.space.switches import Switchboard, find_switches
from se_nas.space.yaml_file import parse_yaml
from se_nas.training.checkpoint import load_checkpoint, save_checkpoint
from se_nas.training.recipe import Recipe
from se_nas.training.supernet.placement_draws import Draw
from se_nas.training.supernet.reading import Reading, recompute_statistics
from se_nas.training.supernet.training import build_supernet_trainer
from se_nas.training.trainer import Trainer
from tests.fakes import separable_data

CPU = torch.device("cpu")
SPACE = b"""\
# Question: for tests.
name: switched
image_size: 8
stem: {width: 8, stride: 1}
every_stage: {depth: 1, width: 8, group_width: 8, se: {present: [false, true], reduction: [1, 4]}}
stages: [{stride: 1}, {stride: 2}]
"""


@pytest.fixture(scope="module")
def board() -> Switchboard:
    space = parse_design_space(parse_yaml(Path("switched.yaml"), SPACE))
    return find_switches(space, space.decode(space.sample(Random(0))))


def trainer_of(board: Switchboard, draw: Draw = Draw.SANDWICH, **recipe: float) -> Trainer:
    data = separable_data()
    images = DeviceData.of(data.train, data.validation, mirrored=data.mirrored, device=CPU)
    parts = Recipe(**{"epochs": 2, **recipe})
    return build_supernet_trainer(board, images, parts, classes=data.classes, draw=draw, seed=0, device=CPU)


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("draw", "ema_decay"), [(Draw.SANDWICH, 0.0), (Draw.ONE, 0.9)])
def test_a_supernet_learns_and_every_placement_can_be_read(board: Switchboard, draw: Draw, ema_decay: float) -> None:
    trainer = trainer_of(board, draw, epochs=5, ema_decay=ema_decay)
    while trainer.epoch < 5:
        trainer.train_epoch()

    reading = Reading(trainer, board, separable_data().train, seed=0)

    assert min(reading.accuracy(placement) for placement in board.every()) > 0.7  # a guess has one in three


@pytest.mark.parametrize("draw", list(Draw))
def test_a_resumed_supernet_equals_one_that_was_not_interrupted(board: Switchboard, draw: Draw, tmp_path: Path) -> None:
    whole, first, second = (trainer_of(board, draw, ema_decay=0.9) for _ in range(3))
    while whole.epoch < 2:
        whole.train_epoch()

    first.train_epoch()
    save_checkpoint(tmp_path / "half", first, identity="supernet", history=[])
    load_checkpoint(tmp_path / "half", second, identity="supernet")
    while second.epoch < 2:
        second.train_epoch()

    assert equal(whole.tensors(), second.tensors())
    scores = [Reading(each, board, separable_data().train, seed=0).accuracy(board.widest) for each in (whole, second)]
    assert scores[0] == scores[1]


def test_statistics_are_those_of_a_pass_and_nothing_leaks_into_the_next_placement(board: Switchboard) -> None:
    trainer = trainer_of(board)
    trainer.train_epoch()
    model = trainer.result
    images = torch.randn(32, 3, 8, 8)

    def statistics(placement: tuple[int, ...]) -> dict[str, Tensor]:
        choose(model, board.widths(placement))
        recompute_statistics(model, images.split(16))
        return {name: value.clone() for name, value in model.named_buffers()}

    first = statistics(board.widest)
    statistics(board.narrowest)
    again = statistics(board.widest)

    assert equal(first, again)
    stem = torch.cat([model.get_submodule("stem")[0](images)])  # type: ignore[index]
    mean = next(value for name, value in first.items() if name.startswith("stem") and name.endswith("running_mean"))
    torch.testing.assert_close(mean, stem.mean((0, 2, 3)), rtol=1e-4, atol=1e-4)


def test_modes_and_momenta_are_as_before_and_dropout_is_off() -> None:
    network = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(3, momentum=0.3), nn.BatchNorm2d(3, momentum=None))
    network.train()
    network[1].eval()
    images = torch.randn(8, 3, 4, 4)

    recompute_statistics(network, [images])

    assert [each.training for each in network] == [True, False, True]
    assert [network[1].momentum, network[2].momentum] == [0.3, None]
    torch.testing.assert_close(network[1].running_mean, images.mean((0, 2, 3)))


def test_placements_are_read_in_any_order_with_the_same_results(board: Switchboard) -> None:
    trainer = trainer_of(board)
    trainer.train_epoch()
    reading = Reading(trainer, board, separable_data().train, seed=0)
    placements = list(board.every())

    forwards = {placement: reading.accuracy(placement) for placement in placements}
    backwards = {placement: reading.accuracy(placement) for placement in reversed(placements)}

    assert forwards == backwards


def test_one_image_too_many_for_a_batch_is_no_batch_of_its_own(board: Switchboard) -> None:
    """Norms cannot compute the variance of one value."""
    trainer = trainer_of(board)
    data = separable_data(train=257)

    assert 0 <= Reading(trainer, board, data.train, seed=0).accuracy(board.widest) <= 1
