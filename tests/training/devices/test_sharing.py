from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor

from se_nas.models.cost import measure_cost
from se_nas.space.architecture import Architecture
from se_nas.space.files.loading import load_design_space
from se_nas.training.devices.sharing import MOST, PROCESS_BYTES, training_bytes, trainings_on_a_gpu
from se_nas.training.trainer import build_initial_model

SPACES = Path(__file__).parents[3] / "search_spaces"
GIB = 1 << 30


def bytes_kept_for_the_backward_pass(architecture: Architecture, *, image_size: int, batch_size: int) -> int:
    model = build_initial_model(architecture, num_classes=10, seed=0)
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.zeros(batch_size, 3, image_size, image_size)).sum()
    return sum(size for storage, size in kept.items() if storage not in weights)


@pytest.mark.parametrize("space_name", ["small", "cifar", "imagenet"])
def test_the_estimate_covers_the_memory_of_the_backward_pass_and_not_much_more(space_name: str) -> None:
    space = load_design_space(SPACES / f"{space_name}.yaml")
    architecture = space.decode(space.sample(Random(0)))
    cost = measure_cost(architecture, image_size=space.image_size, num_classes=10).as_dict()

    kept = bytes_kept_for_the_backward_pass(architecture, image_size=space.image_size, batch_size=2)
    estimate = training_bytes(cost, batch_size=2) - training_bytes({**cost, "activations": 0}, batch_size=2)

    assert 1.2 * kept < estimate < 1.7 * kept


@pytest.mark.parametrize(
    ("free", "each", "processors", "expected"),
    [
        (78 * GIB, GIB // 8, 16, MOST),
        (8 * GIB, 3 * GIB, 16, 2),
        (78 * GIB, GIB // 8, 2, 2),
        (2 * GIB, 3 * GIB, 16, 1),
        (78 * GIB, GIB // 8, 0, 1),
        (2 * (PROCESS_BYTES + GIB), GIB, 16, 2),
    ],
)
def test_memory_and_processors_decide_the_number_of_trainings(
    free: int, each: int, processors: int, expected: int
) -> None:
    assert trainings_on_a_gpu(free_bytes=free, bytes_each=each, processors=processors) == expected
