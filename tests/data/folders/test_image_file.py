"""Image files that are turned by their orientation, and files that are no images."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from se_nas.data.folders.image_file import look_at_image, read_image
from se_nas.errors import InputError

ORIENTATION = 274
LYING = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.swapaxes(0, 1),
    6: np.rot90,
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}
"""The stored pixels for each value of the orientation (TIFF 6.0)."""
FORMATS = {
    "tif": {},
    "lzw.tif": {"compression": "tiff_lzw"},
    "deflate.tif": {"compression": "tiff_deflate"},
    "png": {},
    "webp": {"lossless": True},
}


@pytest.fixture
def upright() -> NDArray[np.uint8]:
    """A landscape of 16×32 pixels whose central square has four different sides."""
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:5] = 250
    pixels[:, 8:11] = 100
    return pixels


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("square", [True, False])
def test_an_image_of_any_format_is_turned_upright_once(
    tmp_path: Path, upright: NDArray[np.uint8], kind: str, orientation: int, square: bool
) -> None:
    scene = upright[:, 8:24] if square else upright
    notes = Image.Exif()
    notes[ORIENTATION] = orientation
    file = tmp_path / f"image.{kind}"
    Image.fromarray(np.ascontiguousarray(LYING[orientation](scene))).save(file, exif=notes, **FORMATS[kind])

    assert np.array_equal(read_image(file, 16), upright[:, 8:24])


@pytest.mark.parametrize("orientation", LYING)
def test_whole_numbers_in_wider_types_are_turned_upright_too(tmp_path: Path, orientation: int) -> None:
    scene = np.arange(16 * 32, dtype=np.uint16).reshape(16, 32) * 128
    notes = Image.Exif()
    notes[ORIENTATION] = orientation
    file = tmp_path / "image.tif"
    Image.fromarray(np.ascontiguousarray(LYING[orientation](scene))).save(file, exif=notes)

    assert np.array_equal(read_image(file, 16)[..., 0], (scene[:, 8:24] // 256).astype(np.uint8))


NO_IMAGES = {
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 12\n",
    "a web page": b"<!DOCTYPE html><html><body>403 Forbidden</body></html>",
    "a drawing in SVG": b"\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "a HEIC photograph": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99),
    "a PDF document": b"%PDF-1.7\n",
    "a ZIP archive": b"PK\3\4" + bytes(99),
    "an array of NumPy": b"\x93NUMPY\1\0v\0{'descr': '|u1'}",
    "empty": b"",
    "filled with zeros": bytes(999),
    "in no format that Pillow decodes": b"garbage",
}


@pytest.mark.parametrize("kind", NO_IMAGES)
def test_the_error_says_what_stands_in_the_place_of_an_image(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(NO_IMAGES[kind])

    with pytest.raises(InputError) as refusal:
        look_at_image(file)

    assert str(refusal.value).startswith(f"{file}: cannot be read as an image (it is {kind}")
