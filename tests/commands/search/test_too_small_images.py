"""A search passes over the networks of its space for which the images are too small."""

import pytest

from se_nas.commands.preflight import cost_on, draw_networks
from se_nas.data.sources import load_data
from se_nas.errors import InputError
from se_nas.models.cost import map_sizes
from se_nas.searching.objectives import parse_objectives
from se_nas.searching.propose.screening import build_screened_strategy
from se_nas.space.files.loading import load_design_space

SPACE = """
image_size: 8
stem: {{width: 8, stride: {strides}}}
tail: {{norm: true}}
stages:
  - {{family: dense, depth: [1, 2], width: [4, 8]}}
  - segments: [{{family: transition, width: 1}}, {{family: dense, depth: [1, 2], width: 4}}]
  - segments: [{{family: transition, width: 1}}, {{family: dense, depth: [1, 2], width: 4}}]
"""


@pytest.fixture
def space(tmp_path):
    def space(strides):
        path = tmp_path / "space.yaml"
        path.write_text(SPACE.format(strides=strides))
        return load_design_space(path)

    return space


@pytest.mark.parametrize("strategy", ["random", "front"])
def test_no_network_is_proposed_for_which_the_images_are_too_small(space, strategy):
    some_fit = space([1, 2, 4])
    data = load_data("digits", image_size=8)
    drawn = draw_networks(some_fit, data, cost_on(data))
    asked = build_screened_strategy(
        strategy, space=some_fit, objectives=parse_objectives("accuracy,flops"), cost_of=cost_on(data), seed=0
    )

    networks = [architecture for architecture, _ in drawn.networks]
    networks += [some_fit.decode(asked.ask().assignment) for _ in range(5)]

    assert {network.stem.stride for network in networks} == {1, 2}
    assert min(map_sizes(network, image_size=8)[-1] for network in networks) == 1


def test_a_space_of_which_no_network_fits_the_images_gets_one_clear_line(space):
    data = load_data("digits", image_size=8)

    with pytest.raises(InputError, match="8 px images: the image is too small for the strides") as caught:
        draw_networks(space(4), data, cost_on(data))

    assert "\n" not in str(caught.value)
