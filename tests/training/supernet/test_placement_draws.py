from pathlib import Path
from random import Random

import numpy as np
import pytest

from se_nas.space.files.loading import parse_design_space
from se_nas.space.switches import Switchboard, find_switches
from se_nas.space.yaml_file import parse_yaml
from se_nas.training.supernet.placement_draws import Draw, draw_placements

SPACE = b"""\
# Question: for tests.
name: switched
image_size: 8
stem: {width: 8, stride: 1}
every_stage: {depth: 1, width: 16, stride: 1, group_width: 8}
stages:
  - {se: {present: [false, true], reduction: [1, 2, 4]}}
  - {se: {present: [false, true]}}
  - {se: {present: true, reduction: [1, 2, 4]}}
"""


@pytest.fixture(scope="module")
def board() -> Switchboard:
    space = parse_design_space(parse_yaml(Path("switched.yaml"), SPACE))
    return find_switches(space, space.decode(space.sample(Random(0))))


@pytest.mark.parametrize("steps", [60, 61, 1, 2])
def test_a_sandwich_has_each_switch_on_in_two_of_four_passes(board: Switchboard, steps: int) -> None:
    drawn = draw_placements(board, Draw.SANDWICH, steps=steps, seed=0, epoch=0)

    assert len(drawn) == steps
    for step in drawn:
        assert step[:2] == [board.narrowest, board.widest]
        on = np.array(step)[:, :2] > 0
        assert (on.sum(axis=0) == 2).all()


@pytest.mark.parametrize("draw", list(Draw))
def test_each_width_is_drawn_equally_often(board: Switchboard, draw: Draw) -> None:
    drawn = draw_placements(board, draw, steps=60, seed=3, epoch=1)
    random = np.array([placement for step in drawn for placement in (step[2:] if draw is Draw.SANDWICH else step)])

    counts = [np.bincount(random[:, switch]) for switch in range(3)]
    assert counts[0][0] == counts[1][0] == len(random) / 2
    assert np.ptp(counts[0][1:]) <= 2
    assert np.ptp(counts[2]) <= 2


def test_the_draws_depend_on_seed_and_epoch_alone(board: Switchboard) -> None:
    def drawn(seed: int, epoch: int) -> object:
        return draw_placements(board, Draw.ONE, steps=40, seed=seed, epoch=epoch)

    assert drawn(0, 1) == drawn(0, 1)
    assert len({str(drawn(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_two_switches_are_drawn_independently(board: Switchboard) -> None:
    drawn = draw_placements(board, Draw.ONE, steps=400, seed=0, epoch=0)
    on = np.array([step[0] for step in drawn])[:, :2] > 0

    assert abs(np.corrcoef(on.T)[0, 1]) < 0.2
