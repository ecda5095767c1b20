from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from se_nas.data.batches.device_data import CHANGED_ALIKE, DeviceImages, ResidentImages, place
from se_nas.data.batches.rand_augment import RandAugment
from se_nas.data.image_data import ImageFiles
from tests.fakes import image_set
from tests.training.test_trainer import curve, trainer_of

CPU = torch.device("cpu")
IMAGES = image_set(80, size=16, seed=5)


def change(seed: int = 1) -> RandAugment:
    return RandAugment(operations=2, magnitude=9, seed=seed)


def read(file: Path, _size: int) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = IMAGES.images[int(file.name)]
    return image


@pytest.fixture(params=["in memory", "on disk"])
def images(request: pytest.FixtureRequest) -> DeviceImages:
    if request.param == "in memory":
        return place(IMAGES, CPU)
    files = ImageFiles(files=tuple(map(str, range(80))), labels=IMAGES.labels, image_size=16, read=read)
    return place(files, CPU, loaders=1)


def epoch(images: DeviceImages, seed: int) -> torch.Tensor:
    chosen = torch.arange(80).reshape(10, 8)
    images.begin(chosen, change(seed))
    batches = []
    for places in chosen:
        images.advance()
        batches.append(images.take(places)[0].clone())
    return torch.cat(batches)


def test_seed_and_number_decide_the_random_operations() -> None:
    batch, before = torch.from_numpy(IMAGES.images[:8]), torch.get_rng_state()

    first, again, otherwise = change()(batch, 3), change()(batch, 3), change()(batch, 4)

    assert torch.equal(first, again)
    assert not torch.equal(first, otherwise)
    assert (first.shape, first.dtype) == (batch.shape, torch.uint8)
    assert torch.equal(torch.get_rng_state(), before)


def test_each_epoch_has_its_own_changed_images(images: DeviceImages) -> None:
    first, second = epoch(images, 1), epoch(images, 2)

    original = torch.from_numpy(IMAGES.images)
    changed = [not torch.equal(one, other) for one, other in zip(first, original, strict=True)]
    assert sum(changed) > 20
    assert not torch.equal(first, second)
    assert torch.equal(epoch(images, 1), first)


def test_changed_images_use_the_same_memory_for_cuda_graphs() -> None:
    images = place(IMAGES, CPU)
    assert isinstance(images, ResidentImages)
    held = []
    for seed in (1, 2):
        epoch(images, seed)
        assert images._changed is not None
        held.append(images._changed.data_ptr())

    assert held[0] == held[1]


def test_several_processes_divide_the_images_to_evaluate(images: DeviceImages) -> None:
    whole = sum(len(labels) for _, labels in images.batches())
    parts = [sum(len(labels) for _, labels in images.batches(rank, 3)) for rank in range(3)]

    assert whole == sum(parts) == 80


def test_images_with_the_same_random_operations_come_in_different_batches() -> None:
    images = place(image_set(CHANGED_ALIKE * 4), CPU)
    calls: list[torch.Tensor] = []

    def note(batch: torch.Tensor, number: int) -> torch.Tensor:
        calls.append(torch.full((len(batch),), number))
        return torch.full_like(batch, number)

    chosen = torch.arange(CHANGED_ALIKE * 4).reshape(CHANGED_ALIKE, 4)
    images.begin(chosen, note)

    for places in chosen:
        assert sorted(images.take(places)[0][:, 0, 0, 0].tolist()) == [0, 1, 2, 3]
    assert [len(call) for call in calls] == [CHANGED_ALIKE] * 4


def test_validation_images_stay_unchanged(images: DeviceImages) -> None:
    epoch(images, 1)

    assert torch.equal(torch.cat([batch for batch, _ in images.batches()]), torch.from_numpy(IMAGES.images))


def test_a_training_with_rand_augment_is_reproducible_and_differs_from_one_without() -> None:
    plain, first, again = (
        [trainer.run_epoch() for _ in range(2)]
        for trainer in (
            trainer_of(),
            trainer_of(rand_augment_operations=2),
            trainer_of(rand_augment_operations=2),
        )
    )

    assert curve(first) == curve(again) != curve(plain)
