"""A portion of the images: which images it has, and what is said about it."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from se_nas.data.image_data import ImageData, ImageSet
from se_nas.data.portion import ALL, Portion
from se_nas.data.sources import load_data
from se_nas.errors import InputError


def part(counts: list[int]) -> ImageSet:
    """Images of one pixel, of which the value is the index."""
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None] * np.ones(3, np.uint8)
    return ImageSet(images=images, labels=labels)


def members(images: ImageSet) -> set[int]:
    return set(images.images[:, 0, 0, 0].tolist())


def counts(images: ImageSet) -> list[int]:
    return np.bincount(images.labels).tolist()


@pytest.mark.parametrize(
    ("portion", "train", "validation"),
    [
        (Portion(fraction=0.5), [50, 20, 5], [10, 4, 1]),
        (Portion(fraction=0.1), [10, 4, 1], [2, 1, 1]),
        (Portion(fraction=0.001), [1, 1, 1], [1, 1, 1]),
        (Portion(images=75), [50, 20, 5], [10, 4, 1]),
        (Portion(images=10), [7, 3, 1], [1, 1, 1]),
        (Portion(images=3), [2, 1, 1], [1, 1, 1]),
        (Portion(images=150), [100, 40, 10], [20, 8, 2]),
    ],
)
def test_each_class_keeps_the_same_fraction_and_at_least_one_image(
    portion: Portion, train: list[int], validation: list[int]
) -> None:
    kept, held = portion.taken(part([100, 40, 10]), part([20, 8, 2]))
    assert (counts(kept), counts(held)) == (train, validation)


def test_a_smaller_portion_is_a_part_of_a_larger_one_and_always_the_same() -> None:
    whole = part([100, 40, 10]), part([20, 8, 2])
    sizes = [Portion(fraction=fraction).taken(*whole)[0] for fraction in (0.1, 0.3, 0.9, 1.0)]
    for small, large in pairwise(sizes):
        assert members(small) < members(large)
    assert members(Portion(fraction=0.3).taken(*whole)[0]) == members(sizes[1])


@pytest.mark.parametrize("images", [2, 151])
def test_more_images_than_there_are_or_fewer_than_classes_are_refused(images: int) -> None:
    with pytest.raises(InputError, match=rf"--images {images}: expected 3 \(one for each class\) to 150 \(all"):
        Portion(images=images).taken(part([100, 40, 10]), part([20, 8, 2]))


def folder_of(path: Path, split: str) -> str:
    rng = np.random.default_rng(0)
    for name in "ab":
        (path / split / name).mkdir(parents=True)
        for index in range(40):
            pixels = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(path / split / name / f"{index}.png")
    return f"imagefolder:{path}"


def npz_of(path: Path) -> str:
    rng = np.random.default_rng(0)
    arrays = {
        f"{name}_{what}": rng.integers(0, high, shape)
        for name, count in (("train", 64), ("val", 8), ("test", 8))
        for what, high, shape in (("images", 256, (count, 8, 8)), ("labels", 2, (count,)))
    }
    np.savez(path / "images.npz", **arrays)
    return f"npz:{path / 'images.npz'}"


def portion_of(source: str, portion: Portion) -> ImageData:
    return load_data(source, image_size=8, portion=portion)


def test_every_kind_of_source_gives_a_portion_leaves_the_test_images_alone_and_says_so(tmp_path: Path) -> None:
    for source in ("digits", npz_of(tmp_path), folder_of(tmp_path / "folder", ".")):
        whole, some = portion_of(source, ALL), portion_of(source, Portion(fraction=0.25))
        assert len(some.train) == pytest.approx(len(whole.train) / 4, abs=6)
        assert len(some.test) == len(whole.test)
        assert some.fingerprint() != whole.fingerprint()
        line = f"{len(some.train):,} of {len(whole.train):,} training images"
        assert line in " ".join(some.notes)
        assert "portion" not in " ".join(whole.notes)


def test_files_outside_of_the_portion_are_not_opened(tmp_path: Path) -> None:
    source = folder_of(tmp_path, ".")
    totals: set[int] = set()
    portion = Portion(fraction=0.1)
    some = load_data(source, image_size=8, portion=portion, on_opened=lambda _, total: totals.add(total))
    assert totals == {len(some.train) + len(some.validation) + len(some.test)}
    assert max(totals) < 30
