from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from se_nas.errors import InputError
from se_nas.training.data import EVALUATION_BATCH, DeviceData, DeviceImages, ImageSet
from tests.fakes import image_set, separable_data

CPU = torch.device("cpu")


class TestImageData:
    @pytest.mark.parametrize("part", ["train", "validation", "test"])
    @pytest.mark.parametrize(
        ("images", "says"),
        [
            (np.zeros((3, 8, 9, 3), np.uint8), "must be square RGB, (N, S, S, 3), but are (3, 8, 9, 3)"),
            (np.zeros((3, 8, 8, 1), np.uint8), "must be square RGB, (N, S, S, 3), but are (3, 8, 8, 1)"),
            (np.zeros((3, 8, 8), np.uint8), "must be square RGB, (N, S, S, 3), but are (3, 8, 8)"),
            (np.zeros((3, 8, 8, 3), np.float32), "must be uint8, but are float32"),
            (np.zeros((4, 8, 8, 3), np.uint8), "has 4 images and 3 labels"),
        ],
        ids=["oblong", "grey", "flat", "float", "more images than labels"],
    )
    def test_wrong_images_are_refused_in_a_line_that_names_the_part(
        self, part: str, images: NDArray[np.uint8], says: str
    ) -> None:
        with pytest.raises(InputError) as refusal:
            replace(separable_data(), **{part: ImageSet(images=images, labels=np.arange(3))})

        assert str(refusal.value).startswith(f"separable: {part} ")
        assert str(refusal.value).endswith(says)

    @pytest.mark.parametrize("part", ["train", "validation", "test"])
    @pytest.mark.parametrize("labels", [[0, 1, 3], [0, 1, -1]])
    def test_labels_lie_in_the_classes(self, part: str, labels: list[int]) -> None:
        wrong = replace(image_set(3), labels=np.array(labels))

        with pytest.raises(InputError, match=rf"^separable: {part} labels must lie in 0\.\.2, but reach from"):
            replace(separable_data(), **{part: wrong})

    @pytest.mark.parametrize("part", ["train", "validation", "test"])
    def test_no_part_may_be_empty(self, part: str) -> None:
        with pytest.raises(InputError, match=f"^separable: {part} has 0 images and 0 labels$"):
            replace(separable_data(), **{part: image_set(0)})

    @pytest.mark.parametrize("part", ["validation", "test"])
    def test_all_parts_have_the_size_of_the_training_images(self, part: str) -> None:
        with pytest.raises(InputError, match=rf"train images are \(8, 8\), but {part} images \(6, 6\)"):
            replace(separable_data(), **{part: image_set(9, size=6)})

    def test_images_have_pixels(self) -> None:
        nothing = image_set(9, size=0)

        with pytest.raises(InputError, match=r"^separable: train images"):
            replace(separable_data(), train=nothing, validation=nothing, test=nothing)

    def test_one_class_cannot_be_learned(self) -> None:
        one = replace(image_set(9), labels=np.zeros(9, np.int64))

        with pytest.raises(InputError, match="at least two classes are needed"):
            replace(separable_data(), train=one)

    def test_the_image_size_is_the_pixels_of_a_side(self) -> None:
        assert separable_data().image_size == 8


def numbered(images: int, *, size: int = 16) -> ImageSet:
    """Noise without symmetry; each image's label is its place."""
    pixels = np.random.default_rng(0).integers(1, 256, (images, size, size, 3))
    return ImageSet(images=pixels.astype(np.uint8), labels=np.arange(images))


def on_device(part: ImageSet) -> DeviceImages:
    """Not normalised: mean 0, deviation 1."""
    return DeviceImages(part, mean=torch.zeros(3), deviation=torch.ones(3), device=CPU)


class TestEvaluationBatches:
    def test_every_image_comes_once_in_order_and_as_it_is(self) -> None:
        part = numbered(EVALUATION_BATCH + 3, size=2)

        batches = list(on_device(part).batches())

        assert [len(labels) for _, labels in batches] == [EVALUATION_BATCH, 3]
        assert torch.cat([labels for _, labels in batches]).tolist() == list(range(len(part)))
        images = torch.cat([images for images, _ in batches])
        assert (images.permute(0, 2, 3, 1).numpy() == part.images).all()
        assert all(images.is_contiguous(memory_format=torch.channels_last) for images, _ in batches)
        assert all(images.dtype == torch.float32 for images, _ in batches)


class TestMemory:
    def test_on_a_cpu_images_are_not_copied_even_where_they_may_not_be_written(self) -> None:
        part = numbered(4)
        part.images.setflags(write=False)

        images, _ = on_device(part).take(torch.arange(4))

        assert on_device(part)._images.data_ptr() == part.images.ctypes.data
        assert (images.numpy() == part.images).all()


class TestNormalisation:
    def test_training_images_have_mean_zero_and_deviation_one_in_each_channel(self) -> None:
        data = separable_data()

        device_data = DeviceData.of(data.train, data.validation, mirrored=data.mirrored, device=CPU)

        images = torch.cat([images for images, _ in device_data.train.batches()])
        assert images.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
        assert images.std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], abs=1e-5)

    def test_other_images_are_normalised_by_the_training_images_statistics(self) -> None:
        data = separable_data()
        pixels = data.train.images.astype(float)
        expected = (data.test.images - pixels.mean((0, 1, 2))) / pixels.std((0, 1, 2))

        device_data = DeviceData.of(data.train, data.test, mirrored=data.mirrored, device=CPU)

        images = torch.cat([images for images, _ in device_data.evaluation.batches()])
        assert images.permute(0, 2, 3, 1).numpy() == pytest.approx(expected, abs=1e-4)

    def test_a_channel_without_variation_stays_finite(self) -> None:
        data = separable_data()
        constant = replace(data.train, images=np.full_like(data.train.images, 7))

        device_data = DeviceData.of(constant, data.test, mirrored=False, device=CPU)

        assert all(images.isfinite().all() for images, _ in device_data.evaluation.batches())

    @pytest.mark.parametrize("mirrored", [True, False])
    def test_whether_images_may_be_mirrored_is_the_data_sets_to_say(self, mirrored: bool) -> None:
        data = separable_data(mirrored=mirrored)

        assert DeviceData.of(data.train, data.test, mirrored=data.mirrored, device=CPU).mirrored is mirrored
