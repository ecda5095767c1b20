"""JPEGs are decoded at a fraction of their size, look the same, and are known by their compressed content."""

from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from se_nas.data.decoding import Decoding
from se_nas.data.folders.image_file import look_at_image, open_image, read_image
from se_nas.errors import InputError

PHOTOGRAPHS = ("china.jpg", "flower.jpg")
"""Photographs of 640×427 pixels in scikit-learn."""


def photograph(name: str) -> Path:
    return Path(str(distribution("scikit-learn").locate_file(f"sklearn/datasets/images/{name}")))


def saved(file: Path, pixels: NDArray[np.uint8], orientation: int = 1, **options: object) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(file, exif=exif, **options)  # type: ignore[arg-type]
    return file


@cache
def large_photograph(width: int = 1001, height: int = 667) -> NDArray[np.uint8]:
    with Image.open(photograph("flower.jpg")) as opened:
        return np.asarray(opened.resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("size", [16, 32, 64, 200])
def test_a_photograph_looks_as_if_all_of_it_were_decoded(name: str, size: int) -> None:
    whole = read_image(photograph(name), size, decoding=Decoding.WHOLE).astype(int)
    scaled = read_image(photograph(name), size)

    assert np.abs(scaled - whole).mean() < 1.5
    assert (scaled.mean(axis=(0, 1)) - whole.mean(axis=(0, 1))) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize(
    ("orientation", "options"),
    [*((orientation, {}) for orientation in range(1, 9)), (6, {"progressive": True}), (1, {"subsampling": 0})],
)
def test_a_photograph_of_odd_size_is_turned_and_cut_as_if_all_of_it_were_decoded(
    tmp_path: Path, orientation: int, options: dict[str, object]
) -> None:
    file = saved(tmp_path / "photo.jpg", large_photograph(), orientation, quality=95, **options)

    whole_facts, whole = open_image(file, 48, Decoding.WHOLE)
    facts, scaled = open_image(file, 48)

    assert whole is not None
    assert scaled is not None
    assert np.abs(scaled.astype(int) - whole).mean() < 2
    assert (facts.size, facts.orientation) == (whole_facts.size, whole_facts.orientation)
    assert np.array_equal(read_image(file, 48), scaled)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_photographs_look_as_if_all_of_them_were_decoded(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "photo.jpg"
    Image.fromarray(large_photograph()).convert(mode).save(file)

    assert np.abs(read_image(file, 48).astype(int) - read_image(file, 48, decoding=Decoding.WHOLE)).mean() < 1.5


def test_an_image_that_is_not_larger_than_wanted_is_decoded_as_a_whole(tmp_path: Path) -> None:
    file = saved(tmp_path / "photo.jpg", large_photograph(90, 70))

    for size in (36, 64, 100):
        assert np.array_equal(read_image(file, size), read_image(file, size, decoding=Decoding.WHOLE))


def test_a_digest_is_that_of_the_image_at_every_size_and_with_other_metadata(tmp_path: Path) -> None:
    with Image.open(photograph("china.jpg")) as opened:
        opened.save(tmp_path / "one.jpg", comment="a")
        opened.save(tmp_path / "two.jpg", comment="something else", dpi=(72, 72))
        opened.save(tmp_path / "other.jpg", quality=60)
        opened.transpose(Image.Transpose.ROTATE_180).save(tmp_path / "turned.jpg")

    digests = {name: look_at_image(tmp_path / f"{name}.jpg").content for name in ("one", "two", "other", "turned")}

    assert digests["one"] == digests["two"]
    assert len(set(digests.values())) == 3
    assert {open_image(tmp_path / "one.jpg", size)[0].content for size in (8, 64, 400)} == {digests["one"]}


def test_a_photograph_that_is_turned_by_its_metadata_is_another_image(tmp_path: Path) -> None:
    pixels = large_photograph(64, 48)
    files = [saved(tmp_path / f"{orientation}.jpg", pixels, orientation) for orientation in (1, 3, 6)]

    assert len({look_at_image(file).digest for file in files}) == 3


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_photograph_that_is_cut_off_is_refused_although_a_fraction_is_decoded(tmp_path: Path, kept: float) -> None:
    file = saved(tmp_path / "photo.jpg", large_photograph())
    file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])

    with pytest.raises(InputError, match="cannot be read as an image"):
        open_image(file, 32)
