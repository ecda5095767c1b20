"""The understanding of arrays in an `.npz` file: keys, channels and labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from se_nas.data.image_data import ImageData
from se_nas.data.sources import load_data
from se_nas.errors import InputError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (60, 8, 8)).astype(np.uint8)
LABELS = np.arange(60) % 3


def load(folder: Path, **arrays: NDArray[Any]) -> ImageData:
    np.savez(folder / "set.npz", **arrays)
    return load_data(f"npz:{folder / 'set.npz'}", image_size=8)


def of_labels(folder: Path, train: NDArray[Any], test: NDArray[Any] | None = None, **more: NDArray[Any]) -> ImageData:
    test = train if test is None else test
    return load(folder, train_images=GREY, train_labels=train, test_images=GREY, test_labels=test, **more)


@pytest.mark.parametrize(
    ("numbers", "names"),
    [
        ((0, 1, 2), ("0", "1", "2")),
        ((1, 2, 3), ("1", "2", "3")),
        ((0, 1, 5), ("0", "1", "5")),
        ((7, 70, 700), ("7", "70", "700")),
    ],
)
def test_exactly_the_labels_that_occur_are_classes(
    tmp_path: Path, numbers: tuple[int, ...], names: tuple[str, ...]
) -> None:
    data = of_labels(tmp_path, np.array(numbers)[LABELS])

    assert data.class_names == names
    assert np.unique(data.train.labels).tolist() == [0, 1, 2]
    assert np.array_equal(data.test.labels, LABELS)
    assert any(note.startswith("the labels are 3 of the numbers") for note in data.notes) == (numbers != (0, 1, 2))


@pytest.mark.parametrize(
    ("given", "expected"), [(["x", "y", "z"], ("x", "y", "z")), (["none", "x", "y", "z"], ("x", "y", "z"))]
)
def test_class_names_belong_to_the_classes_or_to_all_numbers(
    tmp_path: Path, given: list[str], expected: tuple[str, ...]
) -> None:
    assert of_labels(tmp_path, LABELS + 1, class_names=np.array(given)).class_names == expected


@pytest.mark.parametrize("test", [LABELS, LABELS + 2])
def test_a_label_that_no_training_image_has_is_refused(tmp_path: Path, test: NDArray[Any]) -> None:
    with pytest.raises(InputError, match=r"test images have the label \d, which no training image has"):
        of_labels(tmp_path, LABELS + 1, test)


def test_labels_that_are_not_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no two of 60 images have the same label"):
        of_labels(tmp_path, RNG.permutation(60))


@pytest.mark.parametrize(
    "keys",
    [
        ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"),
        ("X_train", "y_train", "X_valid", "y_valid", "X_test", "y_test"),
        ("train_x", "train_y", "dev_x", "dev_y", "test_x", "test_y"),
        (
            "training_images",
            "training_labels",
            "validation_images",
            "validation_labels",
            "testing_images",
            "testing_labels",
        ),
    ],
)
def test_common_names_of_keys_are_understood(tmp_path: Path, keys: tuple[str, ...]) -> None:
    halves = (GREY, LABELS, GREY[:30], LABELS[:30], GREY[:45], LABELS[:45])

    data = load(tmp_path, **dict(zip(keys, halves, strict=True)))

    assert [len(data.train), len(data.validation), len(data.test)] == [60, 30, 45]


def test_two_arrays_with_one_meaning_are_refused_and_other_arrays_are_counted(tmp_path: Path) -> None:
    data = of_labels(tmp_path, LABELS, ids=LABELS)

    assert [(each.reason, each.examples) for each in data.left_out] == [("arrays of other names", ("ids",))]
    with pytest.raises(InputError, match="train_images and x_train are both the train images; keep one"):
        of_labels(tmp_path, LABELS, x_train=GREY)


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_may_come_first(tmp_path: Path, channels: int) -> None:
    images = RNG.integers(0, 256, (60, channels, 8, 8)).astype(np.uint8)

    data = load(
        tmp_path,
        train_images=images,
        train_labels=LABELS,
        test_images=GREY,
        test_labels=LABELS,
        val_images=images,
        val_labels=LABELS,
    )

    assert (data.train.images == np.broadcast_to(np.moveaxis(images, 1, 3), (60, 8, 8, 3))).all()  # type: ignore[union-attr]
    assert "train_images: read as (N, channels, H, W)" in data.notes


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.array(["cat", "dog", "cow"])[LABELS], r"train_labels holds <U3; expected numbers of classes"),
        (np.array([b"cat", b"dog", b"cow"])[LABELS], r"train_labels holds \|S3; expected numbers of classes"),
        (np.eye(3)[LABELS], r"\(60, 3\); for one-hot labels, expected labels.argmax\(axis=1\)"),
        (LABELS + 0.5, r"train_labels must be whole numbers"),
        (np.where(LABELS == 1, np.nan, LABELS), r"train_labels must be whole numbers"),
        (np.where(LABELS == 1, np.inf, LABELS), r"train_labels must be whole numbers"),
    ],
)
def test_the_error_for_labels_that_are_not_class_numbers_says_what_is_expected(
    tmp_path: Path, labels: NDArray[Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        of_labels(tmp_path, labels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.bool_])
def test_whole_labels_of_any_type_are_read(tmp_path: Path, dtype: type) -> None:
    data = of_labels(tmp_path, (LABELS % 2).astype(dtype))

    assert (data.class_names, (data.test.labels == LABELS % 2).all()) == (("0", "1"), True)


@pytest.mark.parametrize("shape", [(60, 8, 8, 4), (60, 8, 8, 2), (60, 4, 8, 8)])
def test_the_error_for_an_alpha_channel_says_what_is_expected(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = np.zeros(shape, np.uint8)

    with pytest.raises(InputError, match="compose images with an alpha channel on a background first"):
        load(tmp_path, train_images=images, train_labels=LABELS, test_images=images, test_labels=LABELS)


def test_the_error_for_missing_keys_names_the_keys_that_were_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing test_images, .* found Xtrain, ytrain beside them"):
        load(tmp_path, Xtrain=GREY, ytrain=LABELS)


def test_two_classes_with_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="class_names has x for two classes; rename one"):
        of_labels(tmp_path, LABELS, class_names=np.array(["x", "x", "y"]))
