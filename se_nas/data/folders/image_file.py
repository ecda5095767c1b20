"""Reads one image file of any format into the pixels that a network sees.

Transparent images are put on mid-grey, so that black drawings and white drawings can be seen. Only the first frame or
page of a file is read. A photograph is turned upright by its EXIF data. Colour profiles are not applied.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from se_nas.data.decoding import Decoding
from se_nas.data.folders.file_content import content_of
from se_nas.data.folders.scaled_jpeg import content_digest, decode_scaled, is_jpeg
from se_nas.data.pixels import PixelKind, PixelRange, PixelScale, range_of
from se_nas.data.upper_half import is_numbers, is_upper_half, overflows
from se_nas.errors import InputError
from se_nas.wording import printable

BACKGROUND = (128, 128, 128)
"""The colour behind transparent pixels."""
NOT_READ = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
"""Formats that Pillow knows but cannot decode, or can decode only by starting another program."""
ORIENTATION = 0x0112
"""The tag of TIFF 6.0 and EXIF that says how the camera was held."""
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that turns an image upright, by its orientation; orientation 1 is upright."""
AS_STORED = UPRIGHT | {6: UPRIGHT[8], 8: UPRIGHT[6]}
"""The operation that undoes `UPRIGHT`."""
SIDEWAYS = frozenset({5, 6, 7, 8})
"""The orientations in which width and height are exchanged."""
RIGHT_IS_LEFT, BOTTOM_IS_TOP = frozenset({2, 3, 6, 7}), frozenset({3, 4, 7, 8})
"""The orientations in which the left side, or the top, of the upright image is the right side or the bottom of the
stored image, in either direction."""

CONSTANT = "constant "
"""The beginning of the digest of an image whose pixels are all equal."""
SIGNED, WHITE_IS_ZERO = 2, 0
"""Values of TIFF's tags SampleFormat (339) and PhotometricInterpretation (262)."""


class ImageFacts(NamedTuple):
    """The properties of an opened image file. `digest` is a hash of its pixels, or of a JPEG's compressed content, and
    is equal for equal images. `size` is its width and height after it is turned upright, and `orientation` says how it
    is turned; 1 is upright."""

    range: PixelRange
    transparent: bool
    frames: int
    digest: str
    size: tuple[int, int]
    orientation: int

    @property
    def stored_size(self) -> tuple[int, int]:
        """The width and height of the image as it is stored."""
        return self.size[::-1] if self.orientation in SIDEWAYS else self.size

    @property
    def is_turned_in_its_size(self) -> bool:
        """Whether the image is turned, and is as wide and as high as it is stored."""
        return self.orientation in UPRIGHT and self.size == self.stored_size

    @property
    def has_eight_bits(self) -> bool:
        """Whether the pixels are read without the scale of the data set."""
        return self.range.kind in (PixelKind.EIGHT_BIT, PixelKind.UPPER_HALF)

    @property
    def is_constant(self) -> bool:
        """Whether all pixels are equal."""
        return self.digest.startswith(CONSTANT)

    @property
    def content(self) -> str:
        """The digest without the word that says whether all pixels are equal."""
        return self.digest.removeprefix(CONSTANT)


@cache
def image_formats() -> tuple[str, ...]:
    """The names of the formats that can be read. JPEG is the first: Pillow tries them in this order."""
    Image.init()
    return ("JPEG", *sorted(set(Image.OPEN) - NOT_READ - {"JPEG"}))


@cache
def image_suffixes() -> frozenset[str]:
    """The suffixes of files that count as images, in lower case. Every format that can be read is included."""
    formats = {*image_formats(), "MPO"}  # Pillow's JPEG reader opens MPO files
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in formats)


def read_image(
    file: Path, size: int, *, scale: PixelScale | None = None, decoding: Decoding = Decoding.SCALED
) -> NDArray[np.uint8]:
    """Read the largest centred square and resize it to (size, size, 3).

    `scale` is the scale of the data set; without it, the image's own scale is used. InputError if the file cannot be
    read.
    """
    with warnings.catch_warnings(action="ignore"), _opened(file) as opened:
        upright = _decoded(opened, size if decoding is Decoding.SCALED else None)
        image, _ = _without_alpha(upright.image)
        return _square(upright._replace(image=_rgb(image, scale or PixelScale())), size)


def read_whole_image(
    file: Path, *, size: tuple[int, int], shown: tuple[int, int], scale: PixelScale | None = None
) -> NDArray[np.uint8]:
    """Read the whole image, resized to the width and height `shown`: (height, width, 3).

    `size` is the width and height of the image for which its boxes were drawn. An image is turned upright, unless only
    the stored image has this size. A JPEG is decoded at a fraction of its size if that is enough. InputError if the
    file cannot be read.
    """
    with warnings.catch_warnings(action="ignore"), _opened(file) as opened:
        orientation = _orientation(opened)
        as_stored = orientation in SIDEWAYS and _stored_size(opened) == size and size[0] != size[1]
        opened.draft(None, (max(shown), max(shown)))
        upright = _upright(opened)
        image, _ = _without_alpha(upright.transpose(AS_STORED[orientation]) if as_stored else upright)
        return np.array(_rgb(image, scale or PixelScale()).resize(shown, Image.Resampling.BILINEAR), np.uint8)


def look_at_image(file: Path, decoding: Decoding = Decoding.SCALED) -> ImageFacts:
    """Read the whole file and return the facts about it. InputError if it cannot be read.

    Pillow warns about odd files. The caller must ignore these warnings for the whole process.
    """
    with _opened(file) as opened:
        return _looked_at(opened, file, None, decoding)[0]


def open_image(
    file: Path, size: int, decoding: Decoding = Decoding.SCALED
) -> tuple[ImageFacts, NDArray[np.uint8] | None]:
    """The facts that `look_at_image` returns, and the pixels that `read_image` returns if they have 8 bits a channel.

    Other images must be read again when the scale of their data set is known.
    """
    with _opened(file) as opened:
        facts, upright = _looked_at(opened, file, size if decoding is Decoding.SCALED else None, decoding)
        return facts, None if is_numbers(upright.image) else _square(upright, size)


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """Open the file with Pillow. Any error inside the context becomes an InputError with the file's name."""
    try:
        if file.exists() and not file.is_file():
            raise ValueError("not a file")
        # Given a path, Pillow 13 maps some TIFF files into memory, and garbles those that their orientation turns
        with file.open("rb") as content, Image.open(content, formats=image_formats()) as opened:
            _refuse_what_pillow_misreads(opened)
            yield opened
    except UnidentifiedImageError:
        raise InputError(_refusal(file, f"it is {content_of(file)}")) from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise many kinds of errors
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise InputError(_refusal(file, reason)) from None


def _refusal(file: Path, reason: str) -> str:
    """The line about a file that cannot be read. It ends with the `reason`."""
    return f"{printable(str(file))}: cannot be read as an image ({reason})"


def _refuse_what_pillow_misreads(image: Image.Image) -> None:
    """ValueError for pixel values that Pillow would change without a warning."""
    tags: Any = getattr(image, "tag_v2", {})
    if not is_numbers(image) and SIGNED in tags.get(339, ()):
        raise ValueError("has signed numbers of 8 bits; expected unsigned ones")
    if is_numbers(image) and tags.get(262) == WHITE_IS_ZERO:
        raise ValueError("0 is white in it (TIFF's WhiteIsZero); with more than 8 bits, expected 0 as black")
    if overflows(image):
        raise ValueError("JPEG 2000 in colour with more than 8 bits a channel; save it with 8 bits, or as PNG or TIFF")


class _Decoded(NamedTuple):
    """An image that is decoded and turned upright. Its width and height are a `fraction` of those of its file, `whole`.

    If the fraction of a side is no whole number of pixels, the decoder rounds it up. `origin` is the place (x, y) in
    pixels at which the picture begins inside the decoded image.
    """

    image: Image.Image
    fraction: float
    whole: tuple[int, int]
    origin: tuple[float, float] = (0.0, 0.0)


def _decoded(opened: Image.Image, size: int | None) -> _Decoded:
    """Decode the image, and turn it upright. If a `size` in pixels is wanted, a JPEG is decoded at the fraction of its
    size that is enough."""
    stored = opened.size
    fraction = 1.0 if size is None else decode_scaled(opened, size)
    upright = _upright(opened)
    if fraction == 1:
        return _Decoded(upright, 1.0, upright.size)
    orientation = _orientation(opened)
    width, height = stored[::-1] if orientation in SIDEWAYS else stored
    left = upright.width - width * fraction if orientation in RIGHT_IS_LEFT else 0.0
    top = upright.height - height * fraction if orientation in BOTTOM_IS_TOP else 0.0
    return _Decoded(upright, fraction, (width, height), (left, top))


def _looked_at(opened: Image.Image, file: Path, size: int | None, decoding: Decoding) -> tuple[ImageFacts, _Decoded]:
    """The facts about a file, and its image on the background."""
    frames, upper_half = getattr(opened, "n_frames", 1), is_upper_half(opened)  # known only before Pillow loads it
    orientation = _orientation(opened)
    by_content = decoding is Decoding.SCALED and is_jpeg(opened)
    upright = _decoded(opened, size)
    image, transparent = _without_alpha(upright.image)
    pixels = np.asarray(image)
    values, is_constant = _range(pixels, is_numbers=is_numbers(image))
    if upper_half:
        values = replace(values, kind=PixelKind.UPPER_HALF)
    turned = orientation if orientation in UPRIGHT else 1
    digest = f"{content_digest(file.read_bytes())} {turned}" if by_content else _pixel_digest(pixels, image.size)
    name = f"{CONSTANT if is_constant else ''}{digest}"
    facts = ImageFacts(values, transparent, frames, name, upright.whole, turned)
    return facts, upright._replace(image=image)


def _upright(image: Image.Image) -> Image.Image:
    """Turn the image by its EXIF orientation; leave it unchanged if the orientation cannot be read. Pillow's
    `exif_transpose` fails if any other EXIF entry is odd.

    Pillow itself turns a TIFF when it loads it, and then removes the orientation.
    """
    image.load()
    orientation = _orientation(image)
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def _stored_size(sideways: Image.Image) -> tuple[int, int]:
    """The width and height as they are stored, of an image that is stored sideways. Pillow gives a TIFF its upright
    size."""
    return sideways.size[::-1] if sideways.format == "TIFF" else sideways.size


def _orientation(image: Image.Image) -> Any:
    """The orientation in the EXIF data; None if there is none, or if it cannot be read."""
    try:
        return image.getexif().get(ORIENTATION)
    except Exception:  # noqa: BLE001 - damaged EXIF data raises many kinds of errors; the pixels are still good
        return None


def _without_alpha(image: Image.Image) -> tuple[Image.Image, bool]:
    """The image in colour on the background, and whether the background shows. Pixels that do not have 8 bits stay
    unchanged."""
    if is_numbers(image):
        return image, False
    if not _has_alpha(image):
        return image if image.mode == "RGB" else image.convert("RGB"), False
    layered = image.convert("RGBA")
    least_opaque, _ = layered.getchannel("A").getextrema()
    if least_opaque == 255:
        return layered.convert("RGB"), False
    return Image.alpha_composite(Image.new("RGBA", layered.size, (*BACKGROUND, 255)), layered).convert("RGB"), True


def _has_alpha(image: Image.Image) -> bool:
    by_palette = image.palette is not None and image.palette.mode.endswith("A")
    return image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info or by_palette


def _range(pixels: NDArray[Any], *, is_numbers: bool) -> tuple[PixelRange, bool]:
    """The range of the pixels, and whether all of them are equal. Much faster than Pillow's `getextrema`."""
    if is_numbers:
        found = range_of(pixels)
        return found, found.lowest == found.highest
    first = pixels[0, 0]
    is_constant = bool((pixels[0] == first).all() and (pixels == first).all())
    lowest, highest = int(pixels.min()), int(pixels.max())
    return PixelRange(kind=PixelKind.EIGHT_BIT, lowest=lowest, highest=highest), is_constant


def _pixel_digest(pixels: NDArray[Any], size: tuple[int, int]) -> str:
    digest = sha1(np.ascontiguousarray(pixels).data, usedforsecurity=False)  # fast where processors have SHA
    digest.update(str(size).encode())
    return digest.hexdigest()[:16]


def _rgb(image: Image.Image, scale: PixelScale) -> Image.Image:
    if is_numbers(image):
        return Image.fromarray(scale.eight_bit(np.asarray(image))).convert("RGB")
    return image


def _square(decoded: _Decoded, size: int) -> NDArray[np.uint8]:
    """The largest centred square of the file's image, resized with antialiasing."""
    width, height = decoded.whole
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    x, y, fraction = *decoded.origin, decoded.fraction
    box = (x + left * fraction, y + top * fraction, x + (left + side) * fraction, y + (top + side) * fraction)
    square = decoded.image.resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.array(square, np.uint8)
