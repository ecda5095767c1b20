import http.client
import io
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from se_nas.data import sources
from se_nas.data.folders.image_file import read_image
from se_nas.data.image_data import ImageData, ImageFiles, ImageSet
from se_nas.data.sources import load_data
from se_nas.errors import InputError

PARTS = ("train", "validation", "test")


def parts(data: ImageData) -> list[ImageSet]:
    return [data.train, data.validation, data.test]


def refusal_of(source: str) -> str:
    """The message, one line, that refuses a source."""
    with pytest.raises(InputError) as refusal:
        load_data(source, image_size=8)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def same(one: ImageData, other: ImageData) -> bool:
    pairs = zip(parts(one), parts(other), strict=True)
    return all((a.images == b.images).all() and (a.labels == b.labels).all() for a, b in pairs)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("digit", "did you mean digits?"),
        ("cifar-10", "did you mean cifar10?"),
        ("image_folder:pictures", "imagefolder:PATH"),
        ("xyz", "known: digits, cifar10, cifar100, fashion_mnist, npz:PATH, imagefolder:PATH"),
        ("", "known: digits"),
        ("npz", "npz:PATH"),
        ("npz:", "needs a path, e.g. npz:PATH"),
        ("imagefolder:", "needs a path, e.g. imagefolder:PATH"),
        ("npz:~nobody-of-this-name/x.npz", "~nobody-of-this-name"),
    ],
)
def test_the_error_for_an_unknown_source_suggests_a_known_name(source: str, hint: str) -> None:
    refusal = refusal_of(source)

    assert refusal.startswith("--data ")
    assert hint in refusal


class TestDigits:
    @pytest.fixture(scope="class")
    @classmethod
    def digits(cls) -> ImageData:
        return load_data("digits", image_size=99)

    def test_the_parts_have_each_of_the_1797_digits_once(self, digits: ImageData) -> None:
        shipped = load_digits()
        grey = np.round(shipped.images * 255 / 16).astype(np.uint8)

        ours = Counter(
            (image[..., 0].tobytes(), int(label))
            for part in parts(digits)
            for image, label in zip(part.images, part.labels, strict=True)
        )

        assert ours == Counter((image.tobytes(), int(label)) for image, label in zip(grey, shipped.target, strict=True))
        assert ours.total() == 1797

    def test_three_fifths_of_each_digit_train_and_a_fifth_each_is_validation_and_test(self, digits: ImageData) -> None:
        whole = np.bincount(load_digits().target)
        for part, share in zip(parts(digits), (0.6, 0.2, 0.2), strict=True):
            assert np.bincount(part.labels) == pytest.approx(share * whole, abs=1.01)

    def test_the_split_is_always_the_same(self, digits: ImageData) -> None:
        assert same(digits, load_data("digits", image_size=99))

    def test_the_digits_are_the_same_if_their_file_lies_elsewhere(
        self, digits: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            sources, "distribution", lambda _: SimpleNamespace(locate_file=lambda name: tmp_path / name)
        )

        assert same(digits, load_data("digits", image_size=99))

    def test_digits_are_grey_with_8_pixels_and_are_not_mirrored(self, digits: ImageData) -> None:
        assert (digits.image_size, digits.classes, digits.mirrored) == (8, 10, False)
        assert all((part.images == part.images[..., :1]).all() for part in parts(digits))
        assert (digits.train.images.min(), digits.train.images.max()) == (0, 255)


RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (60, 8, 8)).astype(np.uint8)
LABELS = np.arange(60) % 3


def arrays(*names: str) -> dict[str, NDArray[Any]]:
    """Arrays with MedMNIST's keys: each part has 60 grey images of three classes."""
    return {f"{name}_{what}": array for name in names for what, array in (("images", GREY), ("labels", LABELS))}


@pytest.fixture
def npz(tmp_path: Path) -> Callable[..., str]:
    """A function that writes arrays and returns the name of the source."""

    def write(**content: NDArray[Any]) -> str:
        np.savez(tmp_path / "set.npz", **content)
        return f"npz:{tmp_path / 'set.npz'}"

    return write


class TestNpz:
    def test_the_parts_of_an_npz_are_read_unchanged(self, npz: Callable[..., str]) -> None:
        content = arrays("train", "val", "test")
        content["val_images"], content["test_images"] = GREY[::-1], GREY // 2

        data = load_data(npz(**content), image_size=99)

        for part, name in zip(parts(data), ("train", "val", "test"), strict=True):
            assert (part.images[..., 1] == content[f"{name}_images"]).all()
            assert (part.labels == LABELS).all()
            assert (part.images.dtype, part.labels.dtype) == (np.uint8, np.int64)
        assert (data.name, data.classes, data.image_size) == ("set", 3, 8)

    @pytest.mark.parametrize("shape", [(60, 8, 8), (60, 8, 8, 1), (60, 8, 8, 3)])
    def test_grey_and_colour_images_become_rgb(self, npz: Callable[..., str], shape: tuple[int, ...]) -> None:
        images = RNG.integers(0, 256, shape).astype(np.uint8)

        data = load_data(npz(**{**arrays("train", "val", "test"), "train_images": images}), image_size=8)

        channels = images if images.ndim == 4 else images[..., None]
        assert (data.train.images == np.broadcast_to(channels, (60, 8, 8, 3))).all()

    @pytest.mark.parametrize(
        "labels", [LABELS[:, None], LABELS.astype(np.uint8), LABELS.astype(np.int32)[:, None], LABELS.astype(float)]
    )
    def test_labels_may_be_a_column_of_any_integer_type(self, npz: Callable[..., str], labels: NDArray[Any]) -> None:
        data = load_data(npz(**{**arrays("train", "val", "test"), "train_labels": labels}), image_size=8)

        assert (data.train.labels == LABELS).all()

    def test_without_val_a_fixed_tenth_of_each_training_class_is_held_out(self, npz: Callable[..., str]) -> None:
        source = npz(**arrays("train", "test"))

        data = load_data(source, image_size=8)

        assert np.bincount(data.validation.labels).tolist() == [2, 2, 2]
        held_out, kept = ({image.tobytes() for image in part.images} for part in (data.validation, data.train))
        assert len(held_out) + len(kept) == len(held_out | kept) == 60
        assert same(data, load_data(source, image_size=8))

    @pytest.mark.parametrize(
        ("key", "array", "says"),
        [
            ("train_images", GREY.astype(np.complex64), "not a readable .npz of plain arrays"),
            ("test_images", np.zeros((60, 8, 8, 4), np.uint8), "test_images must be (N, H, W[, 1 or 3])"),
            ("val_images", np.zeros((60, 64), np.uint8), "val_images must be (N, H, W[, 1 or 3])"),
            ("train_images", np.array([None] * 60), "not a readable .npz of plain arrays"),
            ("train_images", np.zeros((60, 8, 9), np.uint8), "must be square"),
            ("test_images", np.zeros((60, 9, 9), np.uint8), "train images are 8 px, but test images 9 px"),
            ("train_images", GREY[:0], "train has 0 images and 60 labels"),
            ("test_images", GREY[:0], "test has 0 images and 60 labels"),
            ("train_labels", LABELS / 2, "train_labels must be whole numbers"),
            ("train_labels", np.eye(3, dtype=int)[LABELS], "train_labels must be whole numbers, (N,) or (N, 1)"),
            ("train_labels", np.array(1), "train_labels must be whole numbers, (N,) or (N, 1)"),
            ("train_labels", LABELS[:50], "train has 60 images and 50 labels"),
            ("train_labels", LABELS - 1, "train labels must be 0 or more, but reach from -1 to 1"),
            ("train_labels", LABELS * 0 + 2, "at least two classes"),
            ("test_labels", LABELS + 1, "test images have the label 3, which no training image has"),
            ("val_labels", LABELS - 1, "validation images have the label -1, which no training image has"),
        ],
    )
    def test_a_wrong_array_is_refused(self, npz: Callable[..., str], key: str, array: NDArray[Any], says: str) -> None:
        assert says in refusal_of(npz(**{**arrays("train", "val", "test"), key: array}))

    @pytest.mark.parametrize(
        ("key", "array"), [("train_images", GREY[:0]), ("train_labels", LABELS[:50]), ("train_images", GREY[:50])]
    )
    def test_a_wrong_training_array_is_refused_before_validation_images_are_held_out(
        self, npz: Callable[..., str], key: str, array: NDArray[Any]
    ) -> None:
        assert "images and" in refusal_of(npz(**{**arrays("train", "test"), key: array}))

    @pytest.mark.parametrize("key", ["train_images", "train_labels", "test_images", "test_labels", "val_labels"])
    def test_the_error_names_a_missing_array(self, npz: Callable[..., str], key: str) -> None:
        content = arrays("train", "val", "test")
        del content[key]

        assert key in refusal_of(npz(**content))

    def test_an_npz_too_small_to_hold_out_validation_images_is_refused(self, npz: Callable[..., str]) -> None:
        refusal = refusal_of(npz(**{**arrays("test"), "train_images": GREY[:9], "train_labels": LABELS[:9]}))

        assert "validation" in refusal

    def test_the_error_names_a_missing_file(self, tmp_path: Path) -> None:
        assert refusal_of(f"npz:{tmp_path}/none.npz") == f"--data npz:{tmp_path}/none.npz: no such file"


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def compressed() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays("train", "val", "test"))
    return buffer.getvalue()


DAMAGED = {
    "empty": b"",
    "text": b"label,pixel\n0,1\n",
    "half": compressed()[: len(compressed()) // 2],
    "bytes lost inside": compressed()[:200] + compressed()[260:],
    "bytes overwritten inside": compressed()[:100] + b"\xff" * 60 + compressed()[160:],
    "members are no arrays": zipped(**dict.fromkeys(arrays("train", "test"), b"abc")),
    "pickle": b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94.",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "set.npz").write_bytes(content)

    assert refusal_of(f"npz:{tmp_path}/set.npz").startswith(f"--data npz:{tmp_path}/set.npz: not a readable .npz")


@pytest.mark.parametrize("is_file", [True, False], ids=["npz", "digits"])
def test_a_folder_for_decoded_images_that_arrays_do_not_need_is_named_in_a_note(tmp_path: Path, is_file: bool) -> None:
    labels = np.arange(8) % 2
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)
    arrays = {f"{part}_{name}": value for part in PARTS for name, value in (("images", images), ("labels", labels))}
    np.savez(tmp_path / "made.npz", **arrays)
    source = f"npz:{tmp_path / 'made.npz'}" if is_file else "digits"

    without = load_data(source, image_size=8)
    data = load_data(source, image_size=8, cache=tmp_path / "cache")

    assert [note for note in data.notes if note not in without.notes] == [
        "--cache is not used: these images are arrays and need no decoding"
    ]
    assert not (tmp_path / "cache").exists()


def test_a_folder_or_a_single_array_is_not_an_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", GREY)

    for path in (tmp_path, tmp_path / "one.npy"):
        assert "not a readable .npz" in refusal_of(f"npz:{path}")


def paint(file: Path, colour: tuple[int, ...] = (200, 100, 50), *, size: tuple[int, int] = (12, 12)) -> None:
    """Save a picture of one colour."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new({1: "L", 3: "RGB", 4: "RGBA"}[len(colour)], size, colour if len(colour) > 1 else colour[0]).save(file)


def paint_classes(folder: Path, images: int) -> None:
    """Save two classes of pictures. Every picture has its own grey."""
    for label, name in enumerate(("cat", "dog")):
        for number in range(images):
            paint(folder / name / f"{number:02}.png", (5 * number + label,))


def greys(part: ImageSet) -> set[int]:
    return {int(image[0, 0, 0]) for image in part.images}


class TestImageFolder:
    def test_a_flat_folder_has_a_fixed_split_in_every_class(self, tmp_path: Path) -> None:
        paint_classes(tmp_path, 40)

        data = load_data(f"imagefolder:{tmp_path}", image_size=8)

        # 6 of 40 images are test images, and 5 of the other 34 are validation images.
        assert [np.bincount(part.labels).tolist() for part in parts(data)] == [[29, 29], [5, 5], [6, 6]]
        assert sum(len(greys(part)) for part in parts(data)) == len(set.union(*map(greys, parts(data)))) == 80
        assert (data.name, data.classes, data.image_size) == (tmp_path.name, 2, 8)
        assert same(data, load_data(f"imagefolder:{tmp_path}", image_size=8))

    def test_a_photograph_is_turned_upright_by_its_exif_orientation_and_damaged_exif_is_ignored(
        self, tmp_path: Path
    ) -> None:
        upright = np.zeros((8, 8, 3), np.uint8)
        upright[:4] = 255  # light at the top, dark at the bottom
        upright[:, 0] = 100  # the left and the right side differ
        lying = {
            1: upright,
            2: np.fliplr(upright),
            3: np.rot90(upright, 2),
            4: np.flipud(upright),
            5: upright.swapaxes(0, 1),
            6: np.rot90(upright),  # must be turned clockwise
            7: np.rot90(upright, 2).swapaxes(0, 1),
            8: np.rot90(upright, -1),
        }
        for value, pixels in lying.items():
            # TIFF 6.0: the orientation is a short number; the resolution is a text, which is not valid.
            entries = struct.pack(">HHHIHxx", 2, 0x0112, 3, 1, value) + struct.pack(">HHI4s", 0x011A, 2, 4, b"odd")
            notes = b"Exif\0\0MM\0*" + struct.pack(">I", 8) + entries + struct.pack(">I", 0)
            Image.fromarray(pixels).save(tmp_path / f"{value}.png", exif=notes)
        Image.fromarray(upright).save(tmp_path / "damaged.png", exif=b"no TIFF header")
        cut_off = b"Exif\0\0MM\0*" + struct.pack(">I", 8) + struct.pack(">HHHIHxx", 5, 0x0112, 3, 1, 6)
        Image.fromarray(lying[6]).save(tmp_path / "cut_off.png", exif=cut_off)

        for name in (*(f"{value}.png" for value in lying), "damaged.png", "cut_off.png"):
            assert np.array_equal(read_image(tmp_path / name, 8), upright), name

    def test_train_val_and_test_folders_are_read_unchanged(self, tmp_path: Path) -> None:
        for name, images in (("train", 8), ("val", 3), ("test", 5)):
            paint_classes(tmp_path / name, images)

        data = load_data(f"imagefolder:{tmp_path}", image_size=8)

        assert [np.bincount(part.labels).tolist() for part in parts(data)] == [[8, 8], [3, 3], [5, 5]]

    def test_a_class_without_training_images_is_refused(self, tmp_path: Path) -> None:
        for name in ("train", "val"):
            paint_classes(tmp_path / name, 3)
        paint(tmp_path / "val" / "unicorn" / "1.png")

        assert refusal_of(f"imagefolder:{tmp_path}").endswith(
            f"val: class 'unicorn' has no training images in {tmp_path / 'train'}"
        )

    def test_images_too_large_for_memory_stay_on_disk_and_are_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paint_classes(tmp_path, 40)
        in_memory = load_data(f"imagefolder:{tmp_path}", image_size=8)
        size = 3 * 8 * 8 * 80

        monkeypatch.setattr(sources, "memory_bytes", lambda: size / sources.MEMORY_SHARE)
        assert all(isinstance(part, ImageSet) for part in parts(load_data(f"imagefolder:{tmp_path}", image_size=8)))

        monkeypatch.setattr(sources, "memory_bytes", lambda: size / sources.MEMORY_SHARE - 1)
        on_disk = load_data(f"imagefolder:{tmp_path}", image_size=8)
        for part, other in zip(parts(on_disk), parts(in_memory), strict=True):
            assert isinstance(part, ImageFiles)
            assert part.labels.tolist() == other.labels.tolist()
            assert (part.loaded(range(len(part))).images == other.images).all()

    @pytest.mark.parametrize("held_out", ["val", "test"])
    def test_a_single_held_out_folder_is_the_test_part_and_a_tenth_of_train_validates(
        self, tmp_path: Path, held_out: str
    ) -> None:
        paint_classes(tmp_path / "train", 20)
        paint_classes(tmp_path / held_out, 3)

        data = load_data(f"imagefolder:{tmp_path}", image_size=8)

        assert [len(part) for part in parts(data)] == [36, 4, 6]
        assert greys(data.test) == {0, 5, 10, 1, 6, 11}

    def test_validation_and_test_images_are_held_out_of_a_train_folder_alone(self, tmp_path: Path) -> None:
        paint_classes(tmp_path / "train", 20)

        data = load_data(f"imagefolder:{tmp_path}", image_size=8)

        # a tenth of 20, then a tenth of 18
        assert [len(part) for part in parts(data)] == [32, 4, 4]

    def test_classes_are_numbered_by_their_sorted_names_and_read_at_any_depth(self, tmp_path: Path) -> None:
        for name in ("train", "val", "test"):
            paint(tmp_path / name / "b" / "deep" / "1.JPG", (0, 0, 250))
            paint(tmp_path / name / "a" / "1.png", (250, 0, 0, 255))
            (tmp_path / name / "a" / "notes.txt").write_text("not an image")

        data = load_data(f"imagefolder:{tmp_path}", image_size=8)

        assert data.train.labels.tolist() == [0, 1]
        assert data.train.images[:, 4, 4].argmax(axis=1).tolist() == [0, 2]

    def test_an_image_is_cropped_to_its_largest_centred_square(self, tmp_path: Path) -> None:
        paint_classes(tmp_path, 20)
        wide = np.zeros((10, 30, 3), np.uint8)
        wide[:, 10:20] = 255
        for turned, name in ((wide, "wide"), (wide.swapaxes(0, 1), "tall")):
            for number in range(20):
                Image.fromarray(turned).save(tmp_path / "cat" / f"{name}{number}.png")

        data = load_data(f"imagefolder:{tmp_path}", image_size=10)

        white = [(image == 255).all() for image in data.train.images[data.train.labels == 0]]
        assert sum(white) > 20

    @pytest.mark.parametrize(
        ("files", "says"),
        [
            ([], "expected a folder for each of two or more classes, found 0"),
            (["a/1.png"], "expected a folder for each of two or more classes, found 1"),
            (["train/a/1.png"], "expected a folder for each of two or more classes, found 1"),
            (["a/1.txt", "b/1.txt"], "class 'a' has 1 file, but none whose suffix is that of an image (e.g. 1.txt)"),
            (["train/a/1.png", "train/b/1.png", "val/a/1.txt"], "class 'a' has 1 file, but none whose suffix"),
        ],
    )
    def test_a_folder_without_classes_or_images_is_refused(self, tmp_path: Path, files: list[str], says: str) -> None:
        for file in files:
            paint(tmp_path / file) if file.endswith("png") else write(tmp_path / file, b"")

        refusal = refusal_of(f"imagefolder:{tmp_path}")

        assert refusal.startswith(f"--data imagefolder:{tmp_path}")
        assert says in refusal

    @pytest.mark.parametrize("path", ["none", "file"])
    def test_a_path_that_is_not_a_folder_is_refused(self, tmp_path: Path, path: str) -> None:
        (tmp_path / "file").write_text("")

        assert refusal_of(f"imagefolder:{tmp_path}/{path}") == f"--data imagefolder:{tmp_path}/{path}: no such folder"

    @pytest.mark.parametrize(
        "damage",
        [
            lambda _: b"no image",
            lambda _: b"",
            lambda png: png[: len(png) // 2],
            lambda png: png[: png.index(b"IDAT") - 1] + b"\x04" + png[png.index(b"IDAT") :],
            lambda png: png.replace(b"IDAT", b"IDOT"),
        ],
        ids=["text", "empty", "half", "wrong length", "no data"],
    )
    def test_the_error_for_a_corrupt_image_names_it(self, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
        paint_classes(tmp_path, 20)
        corrupt = tmp_path / "dog" / "07.png"
        write(corrupt, damage(corrupt.read_bytes()))

        assert refusal_of(f"imagefolder:{tmp_path}").startswith(f"{corrupt}: cannot be read as an image (")


def write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


class TestTorchvision:
    """Tests without a network: torchvision's classes are replaced, or find their files in their folder."""

    @pytest.fixture(autouse=True)
    def _own_cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sources, "user_cache_path", lambda _: tmp_path)

    @pytest.mark.parametrize(
        ("source", "name", "classes"),
        [("cifar10", "CIFAR10", 10), ("cifar100", "CIFAR100", 100), ("fashion_mnist", "FashionMNIST", 10)],
    )
    def test_a_tenth_of_the_training_images_is_the_validation_part(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str, classes: int
    ) -> None:
        class Fake:
            """Grey tensors as in FashionMNIST, or colour arrays and a list of labels as in CIFAR."""

            def __init__(self, root: Path, *, train: bool, download: bool) -> None:
                assert download
                assert root == tmp_path / "datasets"
                images = (20 if train else 2) * classes
                self.classes = [f"class {number}" for number in range(classes)]
                self.targets: Any = [number % classes for number in range(images)]
                self.data: Any = np.full((images, 8, 8, 3), 10 if train else 20, np.uint8)
                if name == "FashionMNIST":
                    self.targets, self.data = torch.tensor(self.targets), torch.tensor(self.data[..., 0])

        monkeypatch.setattr(torchvision.datasets, name, Fake)

        data = load_data(source, image_size=99)

        assert [len(part) // classes for part in parts(data)] == [18, 2, 2]
        assert [int(part.images.max()) for part in parts(data)] == [10, 10, 20]
        assert (data.name, data.classes, data.mirrored, data.train.images.shape[1:]) == (
            source,
            classes,
            True,
            (8, 8, 3),
        )

    @pytest.mark.parametrize(
        "error",
        [
            OSError("<urlopen error [Errno -2] Name or service not known>"),
            RuntimeError("Error downloading train.gz:\nTried http://one, got:\nHTTP Error 503"),
            http.client.BadStatusLine("a proxy's page"),
            TimeoutError(),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_the_error_for_a_failed_download_says_what_else_is_possible(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(torchvision.datasets, "CIFAR10", fail)

        refusal = refusal_of("cifar10")

        assert refusal.startswith("--data cifar10: could not be downloaded (")
        assert str(tmp_path / "datasets") in refusal
        assert "npz:PATH, imagefolder:PATH or digits" in refusal

    @pytest.mark.parametrize("content", [b"", b"\x00\x00\x08\x01\x00\x00\x00\x09\x01"], ids=["empty", "cut"])
    def test_the_error_for_half_unpacked_files_names_their_folder(self, tmp_path: Path, content: bytes) -> None:
        for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
            write(tmp_path / "datasets" / "FashionMNIST" / "raw" / f"{name}-ubyte", content)

        assert str(tmp_path / "datasets") in refusal_of("fashion_mnist")

    def test_a_download_prints_nothing(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def chatter(*_: object, **__: object) -> None:
            print("100.0%")  # noqa: T201 - as torchvision does
            raise OSError

        monkeypatch.setattr(torchvision.datasets, "CIFAR10", chatter)

        refusal_of("cifar10")

        assert capsys.readouterr() == ("", "")


def test_sixteen_bit_grey_keeps_its_shades(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(20):
            shades = np.full((8, 8), 256 * number * 10, np.uint16)
            Image.fromarray(shades).save(tmp_path / label / f"{number:02d}.png")

    data = load_data(f"imagefolder:{tmp_path}", image_size=8)

    shades = {int(image.mean()) for part in (data.train, data.validation, data.test) for image in part.images}
    assert shades == {number * 10 for number in range(20)}
