from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from se_nas.data.batches.device_data import EVALUATION_BATCH, DeviceData, DeviceImages, place
from se_nas.data.image_data import ImageFiles, ImageSet
from se_nas.errors import InputError
from se_nas.training.recipe import Recipe
from se_nas.training.trainer import Trainer, build_initial_model
from tests.fakes import separable_data, tiny_architecture

CPU = torch.device("cpu")
Placed = Callable[[ImageSet], DeviceImages]


def numbered(images: int, *, size: int = 16) -> ImageSet:
    """Images of noise, without symmetry. The label of each image is its index."""
    pixels = np.random.default_rng(0).integers(1, 256, (images, size, size, 3))
    return ImageSet(images=pixels.astype(np.uint8), labels=np.arange(images))


def on_disk(part: ImageSet, folder: Path) -> ImageFiles:
    """The same images as files."""
    for number, image in enumerate(part.images):
        np.save(folder / f"{number}.npy", image)
    files = tuple(str(folder / f"{number}.npy") for number in range(len(part)))
    return ImageFiles(files=files, labels=part.labels, image_size=part.image_size, read=read)


def read(file: Path, size: int) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = np.load(file)
    assert image.shape == (size, size, 3)
    return image


@pytest.fixture(params=["in memory", "on disk"])
def placed(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[ImageSet], DeviceImages]:
    def put(part: ImageSet) -> DeviceImages:
        return place(part if request.param == "in memory" else on_disk(part, tmp_path), CPU, loaders=2)

    return put


class TestBatches:
    def test_batches_yield_every_image_once_in_order_and_unchanged(self, placed: Placed) -> None:
        part = numbered(EVALUATION_BATCH + 3, size=2)

        batches = list(placed(part).batches())

        assert 1 < len(batches) < len(part)
        assert torch.cat([labels for _, labels in batches]).tolist() == list(range(len(part)))
        assert (torch.cat([images for images, _ in batches]).numpy() == part.images).all()

    def test_the_batches_of_an_epoch_are_the_chosen_images(self, placed: Placed) -> None:
        part, chosen = numbered(12), torch.tensor([[3, 1], [0, 11], [3, 4]])
        images = placed(part)

        for _ in range(2):  # epochs
            images.begin(chosen)
            for places in chosen:
                images.advance()
                pixels, labels = images.take(places)

                assert labels.tolist() == places.tolist()
                assert (pixels.numpy() == part.images[places]).all()

    def test_streamed_batches_use_the_same_memory_for_cuda_graphs(self, tmp_path: Path) -> None:
        images = place(on_disk(numbered(8), tmp_path), CPU)
        images.begin(torch.arange(8).reshape(4, 2))
        where = set()
        for _ in range(4):
            images.advance()
            where.add(tuple(each.data_ptr() for each in images.take(torch.arange(2))))

        assert len(where) == 1

    def test_the_error_for_an_unreadable_file_is_one_line_with_its_name(self, tmp_path: Path) -> None:
        def refuse(file: Path, size: int) -> NDArray[np.uint8]:
            raise InputError(f"{file}: cannot be read as an image (truncated)")

        images = place(replace(on_disk(numbered(4), tmp_path), read=refuse), CPU)
        images.begin(torch.arange(4).reshape(2, 2))

        for read_on in (images.advance, lambda: next(iter(images.batches()))):
            with pytest.raises(InputError) as refusal:
                read_on()
            assert str(refusal.value) == f"{tmp_path / '0.npy'}: cannot be read as an image (truncated)"

    def test_loading_batches_keeps_the_global_random_state(self, placed: Placed) -> None:
        images, before = placed(numbered(8)), torch.get_rng_state()
        images.begin(torch.arange(8).reshape(4, 2))
        images.advance()

        assert torch.equal(torch.get_rng_state(), before)

    def test_read_only_images_in_memory_are_not_copied_on_a_cpu(self) -> None:
        part = numbered(4)
        part.images.setflags(write=False)

        (images, _), *_ = place(part, CPU).batches()

        assert images.data_ptr() == part.images.ctypes.data


def test_training_from_disk_equals_training_from_memory(tmp_path: Path) -> None:
    data = separable_data()
    files = on_disk(data.train, tmp_path)

    curves = []
    for train in (data.train, files):
        device_data = DeviceData.of(train, data.validation, mirrored=True, device=CPU)
        model = build_initial_model(tiny_architecture(), num_classes=3, seed=0)
        trainer = Trainer(model, device_data, Recipe(epochs=2), seed=0, device=CPU)
        curves.append([(result.loss, result.accuracy) for result in (trainer.run_epoch(), trainer.run_epoch())])

    assert curves[0] == curves[1]


class TestNormalisation:
    def test_normalised_training_images_have_mean_0_and_deviation_1_in_each_channel(self) -> None:
        data = separable_data()

        device_data = DeviceData.of(data.train, data.validation, mirrored=data.mirrored, device=CPU)

        images = device_data.normalised(torch.cat([images for images, _ in device_data.train.batches()]))
        assert images.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
        assert images.std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
        assert images.is_contiguous(memory_format=torch.channels_last)

    def test_other_images_are_normalised_by_the_statistics_of_the_training_images(self) -> None:
        data = separable_data()
        pixels = data.train.images.astype(float)
        expected = (data.test.images - pixels.mean((0, 1, 2))) / pixels.std((0, 1, 2))

        device_data = DeviceData.of(data.train, data.test, mirrored=data.mirrored, device=CPU)

        images = device_data.normalised(torch.cat([images for images, _ in device_data.evaluation.batches()]))
        assert images.permute(0, 2, 3, 1).numpy() == pytest.approx(expected, abs=1e-4)

    def test_a_channel_without_variation_stays_finite(self) -> None:
        data = separable_data()
        constant = replace(data.train, images=np.full_like(data.train.images, 7))

        device_data = DeviceData.of(constant, data.test, mirrored=False, device=CPU)

        assert all(device_data.normalised(images).isfinite().all() for images, _ in device_data.evaluation.batches())

    @pytest.mark.parametrize("mirrored", [True, False])
    def test_the_data_set_decides_whether_images_are_mirrored(self, mirrored: bool) -> None:
        data = separable_data(mirrored=mirrored)

        assert DeviceData.of(data.train, data.test, mirrored=data.mirrored, device=CPU).mirrored is mirrored


@pytest.mark.parametrize("size", [8, 24], ids=["smaller", "larger"])
def test_images_are_resized_on_the_device_with_antialiasing(tmp_path: Path, size: int) -> None:
    part = numbered(20)
    wanted = F.interpolate(
        torch.from_numpy(part.images).permute(0, 3, 1, 2).float(), (size, size), mode="bilinear", antialias=True
    )
    chosen = torch.arange(20).view(2, 10)

    for source in (part, on_disk(part, tmp_path)):
        placed = place(source, CPU, image_size=size)
        placed.begin(chosen)
        placed.advance()
        trained, _ = placed.take(chosen[0])
        evaluated = torch.cat([images for images, _ in placed.batches()])

        assert placed.image_size == size
        assert evaluated.dtype == trained.dtype == torch.uint8
        assert (evaluated.permute(0, 3, 1, 2) - wanted).abs().max() <= 0.5
        assert torch.equal(trained, evaluated[:10])


def test_images_of_the_wanted_size_stay_as_they_are() -> None:
    part = numbered(5)
    (images, _), *_ = place(part, CPU, image_size=16).batches()

    assert torch.equal(images, torch.from_numpy(part.images))
