from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from se_nas.data.image_data import ImageFiles, ImageSet
from se_nas.errors import InputError
from tests.fakes import image_set, separable_data


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
    def test_the_error_for_wrong_images_names_the_part(self, part: str, images: NDArray[np.uint8], says: str) -> None:
        with pytest.raises(InputError) as refusal:
            replace(separable_data(), **{part: ImageSet(images=images, labels=np.arange(3))})

        assert str(refusal.value).startswith(f"separable: {part} ")
        assert str(refusal.value).endswith(says)

    @pytest.mark.parametrize("part", ["train", "validation", "test"])
    @pytest.mark.parametrize("labels", [[0, 1, 3], [0, 1, -1]])
    def test_labels_outside_the_classes_are_refused(self, part: str, labels: list[int]) -> None:
        wrong = replace(image_set(3), labels=np.array(labels))

        with pytest.raises(InputError, match=rf"^separable: {part} labels must lie in 0\.\.2, but reach from"):
            replace(separable_data(), **{part: wrong})

    @pytest.mark.parametrize("part", ["train", "validation", "test"])
    def test_an_empty_part_is_refused(self, part: str) -> None:
        with pytest.raises(InputError, match=f"^separable: {part} has 0 images and 0 labels$"):
            replace(separable_data(), **{part: image_set(0)})

    @pytest.mark.parametrize("part", ["validation", "test"])
    def test_a_part_with_another_image_size_is_refused(self, part: str) -> None:
        with pytest.raises(InputError, match=rf"train images are 8 px, but {part} images 6 px"):
            replace(separable_data(), **{part: image_set(9, size=6)})

    def test_images_without_pixels_are_refused(self) -> None:
        nothing = image_set(9, size=0)

        with pytest.raises(InputError, match=r"^separable: train images"):
            replace(separable_data(), train=nothing, validation=nothing, test=nothing)

    def test_a_data_set_with_one_class_is_refused(self) -> None:
        one = replace(image_set(9), labels=np.zeros(9, np.int64))

        with pytest.raises(InputError, match="at least two classes are needed"):
            replace(separable_data(), train=one)

    def test_the_image_size_is_the_side_in_pixels(self) -> None:
        assert separable_data().image_size == 8


class TestFingerprint:
    def test_only_equal_data_sets_have_equal_fingerprints(self) -> None:
        first = separable_data()

        assert first.fingerprint() == separable_data().fingerprint()
        assert first.fingerprint() != separable_data(train=99).fingerprint()
        assert first.fingerprint() != replace(first, class_names=("a", "b", "c")).fingerprint()
        changed = ImageSet(images=first.test.images.copy(), labels=first.test.labels)
        changed.images[0, 0, 0, 0] ^= 1
        assert first.fingerprint() != replace(first, test=changed).fingerprint()

    def test_the_fingerprint_of_files_uses_their_names_and_sizes(self, tmp_path: Path) -> None:
        def part() -> ImageFiles:
            return ImageFiles(files=(str(tmp_path / "x"),), labels=np.zeros(1, np.int64), image_size=8, read=read)

        def read(_file: Path, _size: int) -> NDArray[np.uint8]:
            return np.zeros((8, 8, 3), np.uint8)

        data = separable_data()
        (tmp_path / "x").write_bytes(b"one")
        before = replace(data, test=part()).fingerprint()
        (tmp_path / "x").write_bytes(b"other")

        assert replace(data, test=part()).fingerprint() != before
