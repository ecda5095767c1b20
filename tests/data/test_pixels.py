import base64
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from se_nas.data.folders.image_file import read_image
from se_nas.data.image_data import ImageData, ImageSet
from se_nas.data.pixels import PixelScale
from se_nas.data.sources import load_data
from se_nas.errors import InputError

GREYS = np.arange(1, 251, 3, dtype=np.float64)
"""The shade of each image in 8 bits."""

NUMBERS: dict[str, tuple[str, Callable[[float], NDArray[Any]]]] = {
    "float32 from 0 to 1": (".tif", lambda grey: np.full((8, 8), grey / 255, np.float32)),
    "float32 from 0 to 255": (".tif", lambda grey: np.full((8, 8), grey + 0.25, np.float32)),
    "whole numbers as float32": (".tif", lambda grey: np.full((8, 8), grey, np.float32)),
    "12 bits as float32": (".tif", lambda grey: np.full((8, 8), grey * 16, np.float32)),
    "8 bits in int32": (".tif", lambda grey: np.full((8, 8), grey, np.int32)),
    "16 bits in int32": (".tif", lambda grey: np.full((8, 8), grey * 257, np.int32)),
    "8 bits in uint16": (".png", lambda grey: np.full((8, 8), grey, np.uint16)),
    "10 bits in uint16": (".png", lambda grey: np.full((8, 8), grey * 4, np.uint16)),
    "12 bits in uint16": (".png", lambda grey: np.full((8, 8), grey * 16, np.uint16)),
    "14 bits in uint16": (".tif", lambda grey: np.full((8, 8), grey * 64, np.uint16)),
    "16 bits in uint16": (".png", lambda grey: np.full((8, 8), grey * 257, np.uint16)),
}


def folder_of(path: Path, save: Callable[[float, Path], object], *, suffix: str = ".png") -> str:
    """Write two classes with an image for each grey, and return the name of the source."""
    for index, grey in enumerate(GREYS):
        file = path / ("cat", "dog")[index % 2] / f"{index:03d}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        save(float(grey), file)
    return f"imagefolder:{path}"


def shades(data: ImageData) -> list[int]:
    parts = (data.train, data.validation, data.test)
    return sorted(round(float(image.mean())) for part in parts if isinstance(part, ImageSet) for image in part.images)


@pytest.mark.parametrize("kind", NUMBERS)
def test_pixels_of_any_type_keep_every_shade(tmp_path: Path, kind: str) -> None:
    suffix, pixels = NUMBERS[kind]

    data = load_data(
        folder_of(tmp_path, lambda grey, file: Image.fromarray(pixels(grey)).save(file), suffix=suffix), image_size=8
    )

    assert shades(data) == GREYS.astype(int).tolist()


@pytest.mark.parametrize("kind", NUMBERS)
def test_pixels_of_any_type_keep_every_shade_in_an_npz(tmp_path: Path, kind: str) -> None:
    images = np.stack([NUMBERS[kind][1](grey) for grey in GREYS])
    labels = np.arange(len(images)) % 2
    arrays = {f"{part}_images": images for part in ("train", "val", "test")}
    np.savez(tmp_path / "set.npz", **arrays, **{f"{part}_labels": labels for part in ("train", "val", "test")})

    data = load_data(f"npz:{tmp_path / 'set.npz'}", image_size=8)

    assert shades(data) == sorted(3 * GREYS.astype(int).tolist())


def test_a_dark_image_stays_darker_than_a_light_one(tmp_path: Path) -> None:
    for number, grey in enumerate([100, 4000] * 10):
        for name in ("cat", "dog"):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(np.full((8, 8), grey, np.uint16)).save(tmp_path / name / f"{number}.png")

    assert set(shades(load_data(f"imagefolder:{tmp_path}", image_size=8))) == {100 >> 4, 4000 >> 4}


@pytest.mark.parametrize("value", [True, 1])
def test_pixels_with_two_values_are_black_and_white(tmp_path: Path, value: bool | int) -> None:
    kind = np.bool_ if value is True else np.int32
    suffix = ".png" if value is True else ".tif"

    def save(grey: float, file: Path) -> None:
        Image.fromarray(np.full((8, 8), grey > 120, kind)).save(file)

    assert set(shades(load_data(folder_of(tmp_path, save, suffix=suffix), image_size=8))) == {0, 255}


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (np.full((8, 8), -5, np.int32), "has negative values, -5 to -5"),
        (np.full((8, 8), -0.5, np.float32), "has negative values, -0.5 to -0.5"),
        (np.full((8, 8), 70_000, np.int32), "has values up to 70000; expected at most 65,535"),
        (np.full((8, 8), np.nan, np.float32), "infinite or not a number"),
        (np.full((8, 8), np.inf, np.float32), "infinite or not a number"),
    ],
)
def test_the_error_for_values_outside_every_scale_names_the_file(tmp_path: Path, odd: NDArray[Any], says: str) -> None:
    source = folder_of(
        tmp_path, lambda grey, file: Image.fromarray(np.full((8, 8), grey, odd.dtype)).save(file), suffix=".tif"
    )
    Image.fromarray(odd).save(tmp_path / "dog" / "odd.tif")

    with pytest.raises(InputError) as refusal:
        load_data(source, image_size=8)

    assert str(refusal.value).startswith(f"{tmp_path}/dog/odd.tif: cannot be read as an image (")
    assert says in str(refusal.value)


def png_in_colour(file: Path, pixels: NDArray[np.uint16], *, colour_type: int) -> None:
    """Write a PNG with 16 bits a channel, (H, W, channels). Pillow cannot write it."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    framed = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(framed))


def tiff(file: Path, pixels: NDArray[Any], *, sample_format: int = 1, photometric: int = 1) -> None:
    """Write a little-endian TIFF of any type of numbers, (H, W) or (H, W, 3). Pillow cannot write all of them."""
    height, width, channels = (*pixels.shape, 1)[:3]
    bits, data = pixels.dtype.itemsize * 8, np.ascontiguousarray(pixels).tobytes()
    start = 8 + 2 + 12 * 10 + 4
    several = struct.pack("<6H", *[bits] * 3, *[sample_format] * 3)
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, bits if channels == 1 else start)]
    tags += [(259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, start + len(several)), (277, 3, 1, channels)]
    tags += [(278, 4, 1, height), (279, 4, 1, len(data))]
    tags += [(339, 3, channels, sample_format if channels == 1 else start + 6)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    file.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + several + data)


def ppm(file: Path, pixels: NDArray[np.uint16]) -> None:
    """A PPM in colour with 65,535 as white, which Pillow cannot write."""
    header = f"P6 {pixels.shape[1]} {pixels.shape[0]} 65535\n".encode()
    file.write_bytes(header + np.repeat(pixels[..., None], 3, 2).astype(">u2").tobytes())


def sgi(file: Path, pixels: NDArray[np.uint16]) -> None:
    """An SGI image in colour, uncompressed, whose values need 16 bits; Pillow writes 8 of them."""
    header = struct.pack(">hBBHHHH", 474, 0, 2, 3, pixels.shape[1], pixels.shape[0], 3)
    file.write_bytes(header.ljust(512, b"\0") + np.repeat(pixels[None, ::-1], 3, 0).astype(">u2").tobytes())


IN_COLOUR: dict[str, Callable[[Path, NDArray[np.uint16]], object]] = {
    "rgb.png": lambda file, pixels: png_in_colour(file, np.repeat(pixels[..., None], 3, 2), colour_type=2),
    "rgba.png": lambda file, pixels: png_in_colour(
        file, np.dstack([pixels, pixels, pixels, np.full_like(pixels, 65535)]), colour_type=6
    ),
    "la.png": lambda file, pixels: png_in_colour(file, np.dstack([pixels, np.full_like(pixels, 65535)]), colour_type=4),
    "rgb.tif": lambda file, pixels: tiff(file, np.repeat(pixels[..., None], 3, 2), photometric=2),
    "rgb.ppm": ppm,
    "rgb.sgi": sgi,
}


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("kind", IN_COLOUR)
def test_colour_with_16_bits_is_read_by_its_upper_half_or_refused_if_that_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 0)

    def saved(name: str, step: int) -> str:
        return folder_of(
            tmp_path / name,
            lambda grey, file: IN_COLOUR[kind](file, np.full((8, 8), grey * step, np.uint16)),
            suffix=Path(kind).suffix,
        )

    data = load_data(saved("16 bits", 257), image_size=8)

    assert "colour with 16 bits a channel: only the upper 8 bits are read (84 images)" in data.notes
    if in_memory:
        assert shades(data) == GREYS.astype(int).tolist()
    for bits in (8, 10, 12, 14)[: 3 if kind == "rgb.ppm" else 4]:
        most = bits + (kind == "rgb.ppm")  # Pillow rounds there
        with pytest.raises(InputError, match=f"use at most the lower {most}; save them with 8 bits a channel"):
            load_data(saved(f"{bits} bits", 2 ** (bits - 8)), image_size=8)


START_OF_JPEG_2000 = (
    b"|4;u>051Rl000040000400000000000000400004000000000000R#J0S^HI4*>!HQUDA90003200aa80smY81VDiQWB?@q0Yh?SVRU6=AYyqSPjF"
    b">!N>D{dAa-SPb7^mGATlmBE;Rp;015yA0000"
)
JPEG_2000 = {
    65535: START_OF_JPEG_2000 + b"w00IA#-}sR*5l@Bv-`VTb;2M$O*H;PF`r2JvORH&hZ7!{))wH^{msZm1+JAt6|Je",
    4095: START_OF_JPEG_2000 + b"Z00IA#-}sPt5l@G^zRzB#0N?}Ps6YXLfdAP",
}
"""JPEG 2000 codestreams of 4x4 pixels in colour with 16 bits a channel: the left half is 0, the right half the key.
OpenJPEG 2.5 wrote them (Python's package imagecodecs)."""


@pytest.mark.parametrize("largest", JPEG_2000)
def test_jpeg_2000_in_colour_with_16_bits_is_refused_since_pillow_turns_its_white_black(
    tmp_path: Path, largest: int
) -> None:
    source = folder_of(tmp_path, lambda grey, file: Image.new("L", (8, 8), int(grey)).save(file))
    (tmp_path / "dog/odd.j2k").write_bytes(base64.b85decode(JPEG_2000[largest]))

    with pytest.raises(InputError) as refusal:
        load_data(source, image_size=8)

    assert str(refusal.value).startswith(
        f"{tmp_path}/dog/odd.j2k: cannot be read as an image (JPEG 2000 in colour with"
    )


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_other_jpeg_2000_is_read(tmp_path: Path, mode: str) -> None:
    def save(grey: np.uint8, file: Path) -> None:
        image = (
            Image.fromarray(np.full((8, 8), 257 * int(grey), np.uint16))
            if mode == "I;16"
            else Image.new(mode, (8, 8), (int(grey),) * len(mode))
        )
        image.save(file)

    data = load_data(folder_of(tmp_path, save, suffix=".jp2"), image_size=8)

    assert shades(data) == GREYS.astype(int).tolist()


@pytest.mark.parametrize(
    ("pixels", "tags", "says"),
    [
        (np.full((8, 8), -3, np.int8), {"sample_format": 2}, "has signed numbers of 8 bits; expected unsigned ones"),
        (np.full((8, 8), 3, np.uint16), {"photometric": 0}, "0 is white in it"),
        (np.full((8, 8), 0.3, np.float32), {"sample_format": 3, "photometric": 0}, "0 is white in it"),
        (np.full((8, 8), -3, np.int16), {"sample_format": 2}, "has negative values, -3 to -3"),
    ],
)
def test_pixels_that_pillow_would_misread_are_refused(
    tmp_path: Path, pixels: NDArray[Any], tags: dict[str, int], says: str
) -> None:
    source = folder_of(tmp_path, lambda grey, file: Image.new("L", (8, 8), int(grey)).save(file))
    tiff(tmp_path / "dog/odd.tif", pixels, **tags)

    with pytest.raises(InputError) as refusal:
        load_data(source, image_size=8)

    assert str(refusal.value).startswith(f"{tmp_path}/dog/odd.tif: cannot be read as an image ({says}")


def test_a_tiff_with_8_bits_and_0_as_white_is_inverted(tmp_path: Path) -> None:
    tiff(tmp_path / "x.tif", np.full((8, 8), 3, np.uint8), photometric=0)

    assert read_image(tmp_path / "x.tif", 8).mean() == 252


@pytest.mark.parametrize(
    ("dtype", "top", "says"),
    [
        (np.float32, 1.7, "real numbers up to 1.7 are ambiguous; expected 0 to 1, 0 to 255"),
        (np.float32, 12.5, "real numbers up to 12.5 are ambiguous"),
        (np.float64, 3000.5, "real numbers up to 3000.5 are ambiguous"),
        (np.float64, 1e6, "has values up to 1e+06; expected at most 65,535"),
        (np.float32, -1, "has negative values"),
        (np.int16, -1, "has negative values, -1 to "),
        (np.int64, 10**6, "has values up to 1e+06"),
    ],
)
def test_an_ambiguous_range_is_refused(tmp_path: Path, dtype: Any, top: float, says: str) -> None:
    images = np.linspace(0, 0.9, 60)[:, None, None] * np.ones((60, 8, 8))
    images[0] = top
    arrays = {f"{part}_images": images.astype(dtype) for part in ("train", "test")}
    np.savez(tmp_path / "set.npz", **arrays, train_labels=np.arange(60) % 3, test_labels=np.arange(60) % 3)

    with pytest.raises(InputError, match=r"npz:.*set\.npz: train_images") as refusal:
        load_data(f"npz:{tmp_path / 'set.npz'}", image_size=8)

    assert says in str(refusal.value)


def test_the_error_for_an_image_up_to_1_among_images_up_to_255_names_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.random((8, 8))
    source = folder_of(
        tmp_path, lambda grey, file: Image.fromarray((noise * 255).astype(np.float32)).save(file), suffix=".tif"
    )
    Image.fromarray(noise.astype(np.float32)).save(tmp_path / "cat" / "other.tif")

    with pytest.raises(InputError, match=r"cat/other\.tif: real numbers up to 0\.\d+, but .* above 1"):
        load_data(source, image_size=8)


def shape_in_alpha(mode: str, colour: int) -> Image.Image:
    """A square that is visible only in the alpha channel."""
    alpha = np.zeros((8, 8), np.uint8)
    alpha[2:6, 2:6] = 255
    grey = np.full((8, 8), colour, np.uint8)
    if mode == "LA":
        return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))
    image = Image.merge("RGBA", [*[Image.fromarray(grey)] * 3, Image.fromarray(alpha)])
    if mode == "RGBA":
        return image
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([99, 99, 99, colour, colour, colour])
    palette.paste(1, (2, 2, 6, 6))
    palette.info["transparency"] = 0
    return palette


@pytest.mark.parametrize("colour", [0, 255])
@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("RGBA", ".png"), ("LA", ".png"), ("P", ".png"), ("P", ".gif"), ("RGBA", ".webp"), ("RGBA", ".tif")],
)
def test_a_shape_in_the_alpha_channel_is_drawn_on_mid_grey(tmp_path: Path, mode: str, suffix: str, colour: int) -> None:
    shape_in_alpha(mode, colour).save(tmp_path / f"x{suffix}", **({"lossless": True} if suffix == ".webp" else {}))

    image = read_image(tmp_path / f"x{suffix}", 8)

    assert image[0, 0].tolist() == [128] * 3
    assert image[4, 4].tolist() == [colour] * 3


def test_opaque_pixels_stay_unchanged(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 4)).astype(np.uint8)
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(tmp_path / "x.png")

    assert (read_image(tmp_path / "x.png", 8) == pixels[..., :3]).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr"])
def test_other_modes_are_read_as_colours(tmp_path: Path, mode: str) -> None:
    colour = (255, 0, 0) if mode not in ("1", "L") else (255, 255, 255)
    suffix = ".tif" if mode in ("CMYK", "YCbCr") else ".png"
    Image.new("RGB", (8, 8), colour).convert(mode).save(tmp_path / f"x{suffix}")

    assert read_image(tmp_path / f"x{suffix}", 8)[4, 4].tolist() == pytest.approx(colour, abs=4)


def test_an_image_is_read_by_the_scale_of_its_data_set(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 200, np.uint16)).save(tmp_path / "dark.png")
    Image.fromarray(np.full((8, 8), 5000, np.uint16)).save(tmp_path / "other.png")
    twelve_bits = PixelScale(white_of_whole=4095)

    assert read_image(tmp_path / "dark.png", 8, scale=twelve_bits)[0, 0, 0] == 200 >> 4
    assert read_image(tmp_path / "dark.png", 8)[0, 0, 0] == 200
    with pytest.raises(InputError, match="values up to 5000, but those of its data set end at 4095"):
        read_image(tmp_path / "other.png", 8, scale=twelve_bits)
