"""The understanding of a folder: its splits, its classes, and the files that are not images."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from se_nas.data.folders.image_folder import list_folder
from se_nas.data.image_data import ImageData
from se_nas.data.sources import load_data
from se_nas.errors import InputError


def paint(folder: Path, *names: str, count: int = 20, suffix: str = ".png", seed: int = 0) -> None:
    """Write pictures that all differ into a folder for each class."""
    rng = np.random.default_rng([seed, *map(len, names)])
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            pixels = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index:02d}{suffix}")


def load(folder: Path) -> ImageData:
    return load_data(f"imagefolder:{folder}", image_size=8)


def refusal_of(folder: Path) -> str:
    with pytest.raises(InputError) as refusal:
        load(folder)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def left_out(data: ImageData) -> dict[str, int]:
    return {each.reason: each.count for each in data.left_out}


def sizes(data: ImageData) -> list[int]:
    return [len(data.train), len(data.validation), len(data.test)]


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Train", "Valid", "Test"),
        ("training", "validation", "testing"),
        ("TRAINING", "VALIDATION", "TESTING"),
        ("Training Set", "Validation Set", "Test Set"),
        ("train_images", "dev", "test_images"),
        ("trainset", "valset", "testset"),
        ("Train-Data", "eval", "Test-Data"),
    ],
)
def test_common_names_of_splits_are_understood(tmp_path: Path, train: str, validation: str, test: str) -> None:
    for seed, (name, count) in enumerate(((train, 8), (validation, 3), (test, 5))):
        paint(tmp_path / name, "a", "b", count=count, seed=seed)

    data = load(tmp_path)

    assert (data.class_names, sizes(data)) == (("a", "b"), [16, 6, 10])
    assert data.notes[0] == f"train images from {train}, validation images from {validation}, test images from {test}"


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("seg_train", "seg_test"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("training_set/training_set", "test_set/test_set"),
        ("train/train", "test"),
        ("train2017", "test2017"),
        ("1-Train", "2-Test"),
        ("chestTrainImages", "chestTestImages"),
        ("Cats training set", "Cats test set"),
    ],
)
def test_longer_names_and_nested_folders_of_splits_are_understood(tmp_path: Path, train: str, test: str) -> None:
    paint(tmp_path / train, "a", "b", count=10)
    paint(tmp_path / test, "a", "b", count=5, seed=1)
    paint(tmp_path / "seg_pred", "seg_pred", count=3, seed=2)

    data = load(tmp_path)

    assert (data.class_names, sizes(data)) == (("a", "b"), [18, 2, 10])
    assert data.notes[0] == f"train images from {train}, test images from {test}"
    assert left_out(data) == {"folders beside the splits": 1}


@pytest.mark.parametrize("names", [("train station", "test tube"), ("bus", "test tube"), ("trainer", "tester")])
def test_the_name_of_a_class_may_contain_a_word_for_a_split(tmp_path: Path, names: tuple[str, str]) -> None:
    paint(tmp_path, *names, count=20)

    assert load(tmp_path).class_names == tuple(sorted(names))


@pytest.mark.parametrize(
    "names",
    [
        ("class1", "class2"),
        ("0", "1"),
        ("n01440764", "n01443537"),
        ("part1", "part2"),
        ("grade_1", "grade_2"),
        ("train1", "train2", "bus1"),
        ("part1/left", "part1/right", "part2/left"),
        ("fold0", "cat"),
        ("folded", "split rail 2", "split rail"),
        ("type A", "type B"),
    ],
)
def test_classes_may_be_numbered(tmp_path: Path, names: tuple[str, ...]) -> None:
    paint(tmp_path, *names, count=20)

    assert load(tmp_path).class_names == tuple(sorted({name.partition("/")[0] for name in names}))


@pytest.mark.parametrize(("count", "fits"), [(1, False), (3, False), (12, True)])
def test_a_data_set_too_small_to_hold_images_out_is_refused(tmp_path: Path, count: int, fits: bool) -> None:
    paint(tmp_path / "whole", "a", "b", count=count)
    paint(tmp_path / "split/train", "a", "b", count=count)

    for folder in (tmp_path / "whole", tmp_path / "split"):
        if fits:
            assert min(sizes(load(folder))) > 0
        else:
            assert "too few images to hold validation" in refusal_of(folder)


@pytest.mark.parametrize(
    ("folders", "says"),
    [
        (("train/a", "train/b", "Train/a", "Train/b"), "both mean the train images; keep one of them"),
        (("train/a", "train/b", "val/a", "valid/a"), "'val' and 'valid' both mean the validation images"),
        (("train/a", "train/b", "test/a", "Testing/a"), "both mean the test images"),
        (("test/a", "test/b"), "'test' but no training images; expected a folder 'train' beside it"),
        (("val/a", "val/b", "test/a", "test/b"), "'test', 'val' but no training images"),
        (("train/x", "car/x", "plane/x"), "'train' has the name of a split, but 'car' beside it does not"),
        (("test", "dress"), "'test' has the name of a split, but 'dress' beside it does not"),
        (("cat/train", "cat/test", "dog/train", "dog/test"), "expected PATH/train/CLASS and PATH/test/CLASS"),
        (("data/cat", "data/dog"), "did you mean imagefolder:"),
        (("data/train/cat", "data/train/dog", "data/test/cat"), "did you mean imagefolder:"),
        (("data/set/cat", "data/set/dog"), "/data/set?"),
        (("seg_train/a", "seg_train/b", "seg_test/a", "my test/a"), "both mean the test images; keep one of them"),
        (("Cat", "cat"), "'Cat' and 'cat' differ only in case or Unicode form"),
        (("train/a", "train/b", "test/a", "test/c"), "test: class 'c' has no training images in "),
        (("fold0/a", "fold0/b", "fold1/a", "fold1/b"), "'fold0' and 'fold1' are named as parts of a data set"),
        (("fold_a/a", "fold_a/b", "fold_b/a", "fold_b/b"), "'fold_a' and 'fold_b' are named as parts"),
        (("train_1/a", "train_1/b", "train_2/a"), "'train_1' and 'train_2' are named as parts"),
        (("Split 1/a", "Split 2/b", "other/a"), "'Split 1' and 'Split 2' are named as parts"),
        (("cv1", "cv2", "cv3"), "'cv1' and 'cv2' are named as parts"),
        (("images_001", "images_002"), "if they are classes, rename them"),
        (("data_batch_1", "data_batch_2"), "'data_batch_1' and 'data_batch_2'"),
        (("1st fold", "2nd fold"), "put the parts together as PATH/CLASS, or as PATH/train/CLASS"),
        (("train1", "test1"), "'test1' and 'train1' are named as parts"),
        (("part1/a", "part1/b", "part2/a", "part2/b"), "'part1' and 'part2' are named as parts"),
        (("train/fold0/a", "train/fold1/a", "test/fold0/a"), "train: 'fold0' and 'fold1' are named as parts"),
    ],
)
def test_the_error_for_an_ambiguous_folder_says_what_is_expected(
    tmp_path: Path, folders: tuple[str, ...], says: str
) -> None:
    for folder in folders:
        paint(tmp_path, folder, count=3)

    refusal = refusal_of(tmp_path)

    assert refusal.startswith(f"--data imagefolder:{tmp_path}")
    assert says in refusal


def test_two_unicode_forms_of_a_name_are_refused_in_one_folder_and_matched_across_splits(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    paint(tmp_path / "twice", composed, decomposed, "tea", count=3)
    paint(tmp_path / "once/train", composed, "Tea", count=20)
    paint(tmp_path / "once/test", decomposed, "tea", count=5, seed=1)

    assert "differ only in case or Unicode form" in refusal_of(tmp_path / "twice")
    data = load(tmp_path / "once")
    assert (data.class_names, sizes(data)) == (("Tea", composed), [36, 4, 10])
    assert "test/tea is the class Tea" in data.notes


@pytest.mark.parametrize(
    "name",
    [".ipynb_checkpoints", "__MACOSX", "$RECYCLE.BIN", "@eaDir", "lost+found", ".git", "System Volume Information"],
)
@pytest.mark.parametrize("where", [".", "train", "train/a", "train/a/deep", "test"])
def test_hidden_and_system_folders_are_left_out_at_any_depth_and_counted(tmp_path: Path, where: str, name: str) -> None:
    paint(tmp_path / "train", "a", "b", "a/deep", count=4)
    paint(tmp_path / "test", "a", "b", count=4, seed=1)
    paint(tmp_path / where, name, count=3, seed=2)

    data = load(tmp_path)

    assert (data.class_names, sum(sizes(data))) == (("a", "b"), 20)
    assert left_out(data) == {"hidden or system files": 3}


@pytest.mark.parametrize("name", ["Thumbs.db", "desktop.ini", ".DS_Store", "._00.png", ".hidden.jpg"])
def test_system_files_are_left_out_and_counted(tmp_path: Path, name: str) -> None:
    paint(tmp_path, "a", "b")
    for folder in (tmp_path, tmp_path / "a"):
        (folder / name).write_bytes(b"anything")

    data = load(tmp_path)

    assert (sum(sizes(data)), left_out(data)) == (40, {"hidden or system files": 2})


def test_a_folder_without_images_is_not_a_class_and_is_counted(tmp_path: Path) -> None:
    paint(tmp_path, "a", "b")
    (tmp_path / "empty").mkdir()
    (tmp_path / "c/.hidden").mkdir(parents=True)
    (tmp_path / "c/.hidden/1.png").touch()

    data = load(tmp_path)

    assert data.class_names == ("a", "b")
    assert left_out(data) == {"folders without images": 2, "hidden or system files": 1}


def test_folders_and_files_beside_the_splits_and_the_classes_are_counted(tmp_path: Path) -> None:
    paint(tmp_path / "train", "a", "b")
    paint(tmp_path / "test", "a", "b", seed=1)
    paint(tmp_path, "unlabelled", count=5)
    (tmp_path / "README.md").touch()
    (tmp_path / "train/labels.csv").touch()

    assert left_out(load(tmp_path)) == {
        "folders beside the splits": 1,
        "files beside the splits": 1,
        "files beside the classes": 1,
    }


def test_linked_folders_and_files_inside_a_class_are_followed(tmp_path: Path) -> None:
    paint(tmp_path / "real", "a", "b")
    for name in ("a", "b"):
        (tmp_path / "set" / name / "deep").mkdir(parents=True)
        (tmp_path / "set" / name / "deep" / "batch").symlink_to(tmp_path / "real" / name)
        (tmp_path / "set" / name / "one.png").symlink_to(tmp_path / "real" / name / "00.png")

    assert sum(sizes(load(tmp_path / "set"))) == 2 * 21


@pytest.mark.parametrize("target", ["set/a", "set", ".", "set/a/deep"])
def test_a_link_to_a_parent_folder_is_left_out(tmp_path: Path, target: str) -> None:
    paint(tmp_path / "set", "a", "b", "a/deep")
    (tmp_path / "set/a/deep/loop").symlink_to(tmp_path / target)
    (tmp_path / "set/a/itself").symlink_to("itself")

    data = load(tmp_path / "set")

    assert sum(sizes(data)) == 60
    assert left_out(data)["links to folders that are read already, or that hold the link"] == 1


@pytest.mark.parametrize(
    "suffix",
    [".gif", ".GIF", ".jfif", ".JPEG", ".JPG", ".jpe", ".tif", ".bmp", ".webp", ".jp2", ".tga", ".ppm", ".ico", ".pcx"],
)
def test_every_format_that_pillow_opens_is_an_image(tmp_path: Path, suffix: str) -> None:
    paint(tmp_path, "a", "b", suffix=suffix)

    assert sum(sizes(load(tmp_path))) == 40


def test_only_the_first_frame_of_a_file_is_read_and_a_note_says_so(tmp_path: Path) -> None:
    paint(tmp_path, "a", "b")
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    for name in ("x.gif", "x.tif", "x.webp"):
        frames[0].save(tmp_path / "a" / name, save_all=True, append_images=frames[1:])

    assert "files with several frames or pages: only the first is read (3 images)" in load(tmp_path).notes


@pytest.mark.parametrize("suffix", [".txt", ".npy", ".heic", ".svg", ".pdf", ".eps", ".mpg", ""])
def test_other_suffixes_are_counted_and_a_class_with_no_other_files_is_refused(tmp_path: Path, suffix: str) -> None:
    paint(tmp_path, "a", "b")
    (tmp_path / "a" / f"notes{suffix}").write_bytes(b"%PDF")

    assert left_out(load(tmp_path)) == {f"files whose suffix is not that of an image ({suffix or 'none'})": 1}

    (tmp_path / "c").mkdir()
    (tmp_path / "c" / f"only{suffix}").write_bytes(b"%PDF")
    assert f"class 'c' has 1 file, but none whose suffix is that of an image (e.g. only{suffix})" in refusal_of(
        tmp_path
    )


def test_the_error_mentions_images_outside_class_folders(tmp_path: Path) -> None:
    paint(tmp_path, "train/a", "train/b", "test", count=3)

    refusal = refusal_of(tmp_path)

    assert refusal.startswith(f"--data imagefolder:{tmp_path}/test: no images in class folders found")
    assert "3 images beside them are in no class folder" in refusal


def test_the_error_names_a_folder_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(tmp_path, "a", "b")

    def closed(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", closed)

    assert refusal_of(tmp_path) == f"{tmp_path}: cannot be read (Permission denied)"


def test_a_file_name_that_is_not_valid_text_is_read(tmp_path: Path) -> None:
    paint(tmp_path, "a", "b")
    (tmp_path / "a/00.png").rename(tmp_path / "a" / b"\xff.png".decode("utf-8", "surrogateescape"))

    assert sum(sizes(load(tmp_path))) == 40


WARNINGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "constant": (
        lambda path: Image.new("RGB", (8, 8), (9, 9, 9)).save(path / "train/a/x.png"),
        "1 training image of one colour all over, e.g. train/a/x.png",
    ),
    "equal in another format": (
        lambda path: Image.open(path / "train/a/00.png").save(path / "test/a/x.bmp"),
        "1 test image equal to training images, e.g. test/a/x.bmp and train/a/00.png",
    ),
    "equal in validation": (
        lambda path: Image.open(path / "train/b/00.png").save(path / "val/a/x.png"),
        "1 validation image equal to training images, e.g. val/a/x.png and train/b/00.png",
    ),
    "equal in another class": (
        lambda path: Image.open(path / "train/a/00.png").save(path / "train/b/x.png"),
        "1 training image equal to images of another class, e.g. train/a/00.png (class a) and train/b/x.png (class b)",
    ),
    "one large class": (
        lambda path: paint(path / "train", "a", count=99),
        "90% of the training images are of class a",
    ),
    "no validation images": (lambda path: paint(path / "train", "c", count=9), "no validation images in class c"),
}


@pytest.mark.parametrize("kind", WARNINGS)
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_data_set_that_looks_wrong_causes_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, in_memory: bool
) -> None:
    for seed, part in enumerate(("train", "val", "test")):
        paint(tmp_path / part, "a", "b", count=11, seed=seed)
    if not in_memory:
        monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 0)
    assert load(tmp_path).warnings == ()

    WARNINGS[kind][0](tmp_path)

    assert any(warning.startswith(WARNINGS[kind][1]) for warning in load(tmp_path).warnings)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32])
def test_images_that_are_nearly_black_cause_a_warning(tmp_path: Path, kind: type) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for index in range(20):
            pixels = np.random.default_rng(index).integers(0, 16, (8, 8)).astype(kind)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.tif")

    assert "all pixels lie between 0 and 15 of 255: were they saved in another range?" in load(tmp_path).warnings


def test_a_part_that_is_nearly_black_causes_a_warning(tmp_path: Path) -> None:
    paint(tmp_path / "train", "a", "b")
    for name in ("a", "b"):
        (tmp_path / "test" / name).mkdir(parents=True)
        for index in range(3):
            mask = np.random.default_rng(index).integers(0, 2, (8, 8)).astype(np.uint8)
            Image.fromarray(mask).save(tmp_path / "test" / name / f"{index}.png")

    assert any("all pixels of test images lie between 0 and 1 of 255" in each for each in load(tmp_path).warnings)


def test_a_broken_link_beside_the_classes_is_counted_as_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    paint(tmp_path, "a", "b")
    (tmp_path / "c").symlink_to(tmp_path / "gone")

    assert left_out(load(tmp_path)) == {"links that lead nowhere": 1}


def test_files_are_sorted_by_name_in_any_order_on_the_disk(tmp_path: Path) -> None:
    paint(tmp_path, "a", "b", "a/deep", "a/deep-er", count=3)

    listing = list_folder(tmp_path)

    files = [Path(each.path) for each in listing.parts["whole"] if each.label == 0]
    assert files == sorted(files)
