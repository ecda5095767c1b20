"""One image file, whatever its format, as the pixels that networks are given."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from se_nas.errors import InputError

ORIENTATION = 0x0112
"""The tag of TIFF 6.0 and EXIF that says how a camera was held."""
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns an image upright, by its orientation; 1 is upright."""


def read_image(file: Path, size: int) -> NDArray[np.uint8]:
    """The largest centred square, resized, (size, size, 3); turned as its EXIF data say that the camera was."""
    try:
        if file.exists() and not file.is_file():
            raise ValueError("not a file")
        with Image.open(file) as opened:
            image = _eight_bit(_upright(opened)).convert("RGB")
    except Exception as error:  # noqa: BLE001 - each of Pillow's decoders fails in its own ways
        raise InputError(f"{file}: cannot be read as an image ({' '.join(str(error).split())})") from None
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    return np.array(square, np.uint8)


def _upright(image: Image.Image) -> Image.Image:
    """Turned by its EXIF orientation; as it lies where that cannot be read. Pillow's own `exif_transpose` fails on
    images any of whose other notes is odd."""
    try:
        with warnings.catch_warnings(action="ignore"):  # once for each odd image
            orientation = image.getexif().get(ORIENTATION)
    except Exception:  # noqa: BLE001 - as above, of a few bytes that say nothing of the pixels
        return image
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey scaled to 8 bits, which Pillow would clip; any other image as it is."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
