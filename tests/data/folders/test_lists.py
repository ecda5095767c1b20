"""Data sets whose files are listed beside the images: CSV files, ImageNet and Places365."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from se_nas.data.image_data import ImageData
from se_nas.data.sources import load_data
from se_nas.errors import InputError


def paint(*files: Path) -> None:
    """Write pictures that all differ."""
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(list(str(file).encode())).integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(file)


def load(source: str) -> ImageData:
    return load_data(source, image_size=8)


def refusal_of(source: str) -> str:
    with pytest.raises(InputError) as refusal:
        load(source)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def counts(data: ImageData) -> tuple[int, ...]:
    return data.inventory().totals


def csv_of(folder: Path, text: str, images: int = 40) -> str:
    """A source: a CSV file of this text beside the images 0.png, 1.png and so on."""
    paint(*(folder / "images" / f"{number}.png" for number in range(images)))
    (folder / "list.csv").write_text(text)
    return f"csv:{folder / 'list.csv'}"


def rows(labels: list[str], separator: str = ",") -> str:
    return "".join(f"images/{number}.png{separator}{label}\n" for number, label in enumerate(labels))


@pytest.mark.parametrize(
    ("header", "separator"),
    [("path,label", ","), ("file;class", ";"), ("\ufefffilename\tcategory", "\t"), (" Image_Path , Target ", ",")],
)
def test_a_list_is_read_whatever_its_columns_and_its_separator_are_called(
    tmp_path: Path, header: str, separator: str
) -> None:
    data = load(csv_of(tmp_path, f"{header}\n" + rows(["cat", "dog"] * 20, separator)))
    assert data.class_names == ("cat", "dog")
    assert sum(counts(data)) == 40
    assert "15 % of each class" in " ".join(data.notes)


def test_the_split_of_each_image_may_be_listed(tmp_path: Path) -> None:
    lines = [
        f"images/{number}.png,{number % 2},{split},x"
        for number, split in enumerate(["train"] * 20 + ["Valid"] * 8 + ["testing"] * 6)
    ]
    data = load(csv_of(tmp_path, "path,label,subset,photographer\n" + "\n".join(lines)))
    assert counts(data) == (20, 8, 6)
    assert "columns that are not read: photographer" in data.notes


def test_numbers_are_sorted_as_numbers_and_all_other_labels_as_texts(tmp_path: Path) -> None:
    assert load(csv_of(tmp_path, "path,label\n" + rows(["10", "9"] * 20))).class_names == ("9", "10")
    assert load(csv_of(tmp_path, "path,label\n" + rows(["10", "9", "x", "y"] * 10))).class_names == (
        "10",
        "9",
        "x",
        "y",
    )


def test_a_row_that_repeats_another_is_left_out_and_counted(tmp_path: Path) -> None:
    text = "path,label\n" + rows(["cat", "dog"] * 20) + "images/0.png,cat\n\n"
    data = load(csv_of(tmp_path, text))
    assert sum(counts(data)) == 40
    assert {each.reason: each.count for each in data.left_out} == {"rows that repeat an earlier row": 1}


def test_a_row_that_names_an_earlier_image_in_another_way_repeats_it(tmp_path: Path) -> None:
    ways = f"./images/0.png,cat\n{tmp_path}/images/0.png,cat\nimages/../images/0.png,cat\n"
    data = load(csv_of(tmp_path, "path,label\n" + rows(["cat", "dog"] * 20) + ways))
    assert sum(counts(data)) == 40
    assert {each.reason: each.count for each in data.left_out} == {"rows that repeat an earlier row": 3}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["1", "01"], "the labels '01' and '1' are one number"),
        (["3", "\u0663"], "the labels '3' and '\\u0663' are one number"),
        (["caf\u00e9", "cafe\u0301"], "the labels 'cafe\\u0301' and 'caf\\xe9' are one name"),
    ],
)
def test_two_spellings_of_one_label_are_refused(tmp_path: Path, labels: list[str], message: str) -> None:
    assert message in refusal_of(csv_of(tmp_path, "path,label\n" + rows([*labels, "2"] * 12)))


def test_a_list_in_the_present_folder_knows_its_images_by_their_full_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv_of(tmp_path, "path,label\n" + rows(["cat", "dog"] * 20) + f"{tmp_path}/images/0.png,cat\n")
    monkeypatch.chdir(tmp_path)
    assert sum(counts(load("csv:list.csv"))) == 40


def test_a_label_of_thousands_of_digits_is_a_name(tmp_path: Path) -> None:
    """Python refuses to read such numbers."""
    long = "1" * 5_000
    assert load(csv_of(tmp_path, "path,label\n" + rows(["2", long] * 20))).class_names == (long, "2")


def test_labels_in_capital_and_small_letters_are_two_classes(tmp_path: Path) -> None:
    """As the letters in EMNIST."""
    assert load(csv_of(tmp_path, "path,label\n" + rows(["A", "a"] * 20))).class_names == ("A", "a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images/0.png,cat\n", "no column path and no column label; expected path,label or path,label,split"),
        ("path,split\n", "no column label"),
        ("path,file,label\n", "the columns 'path' and 'file' both mean the path"),
        ("path,label\n", "no images below the first line"),
        ("", "no column path and no column label"),
        ("path,label\na.png,cat,3\n", "line 2: 3 columns, but the first line names 2"),
        ("path,label\na.png,\n", "line 2: the label is empty"),
        ('path,label\na.png,"cat\n' + "b.png,dog\n" * 20_000, "is a quote not closed?"),
        ("path,label,split\na.png,cat,fold1\n", "line 2: expected the split train, val or test, but got 'fold1'"),
        ("path,label\na.png,cat\nb.png,dog\na.png,dog\n", "line 4: a.png has two labels; the other is in line 2"),
        ("path,label,split\na.png,0,train\na.png,0,test\n", "line 3: a.png has two splits; the other is in line 2"),
        ("path,label,split\na.png,0,train\n./a.png,0,test\n", "line 3: ./a.png has two splits; the other is in line 2"),
        ("path,label\na.png,cat\nb.png,cat\n", "at least two classes are needed, but all labels are 'cat'"),
        ("path,label\na.png,1\nb.png,2\nc.png,3\n", "no two of 3 images have the same"),
        ("path,label,split\na.png,0,val\nb.png,1,val\n", "no training images; expected rows whose split is train"),
        ("path,label,split\na.png,0,train\nb.png,1,test\nc.png,1,test\n", "class '1' has no training images"),
    ],
)
def test_a_list_that_cannot_be_understood_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal_of(csv_of(tmp_path, text, images=0))


def test_a_listed_image_that_does_not_exist_is_named(tmp_path: Path) -> None:
    source = csv_of(tmp_path, "path,label\n" + rows(["cat", "dog"] * 20), images=39)
    assert "39.png" in refusal_of(source)
    data = load_data(source, image_size=8, skip_bad=True)
    assert data.unreadable == 1


def test_a_list_that_is_no_text_or_does_not_exist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\x00")
    assert "not a text in UTF-8" in refusal_of(f"csv:{tmp_path / 'list.csv'}")
    assert "No such file" in refusal_of(f"csv:{tmp_path / 'none.csv'}")


CLASSES = {"n01440764": "tench, Tinca tinca", "n03126707": "crane", "n02012849": "crane, bird"}


def imagenet_of(folder: Path, base: str = ".") -> list[str]:
    """Training and validation images of three classes as distributed; the id of each validation image, in order."""
    for wordnet_id in CLASSES:
        paint(*(folder / base / "train" / wordnet_id / f"{wordnet_id}_{number}.JPEG" for number in range(12)))
    truth = [list(CLASSES)[number % 3] for number in range(9)]
    paint(*(folder / base / "val" / f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, 10)))
    return truth


def with_kit(folder: Path, truth: list[str]) -> None:
    """Write the labels and the names as ILSVRC's development kit does."""
    kit = folder / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O")]
    synsets = [(number, each, words) for number, (each, words) in enumerate(CLASSES.items(), start=1)]
    savemat(kit / "meta.mat", {"synsets": np.array(synsets, dtype=kinds)})
    numbers = {wordnet_id: number for number, wordnet_id, _ in synsets}
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{numbers[each]}\n" for each in truth))


def with_kaggle(folder: Path, truth: list[str]) -> None:
    """Write the labels and the names as Kaggle does."""
    boxes = [
        f"ILSVRC2012_val_{number:08d},{each} 1 2 3 4 {each} 5 6 7 8\n" for number, each in enumerate(truth, start=1)
    ]
    (folder / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + "".join(reversed(boxes)))
    (folder / "LOC_synset_mapping.txt").write_text("".join(f"{each} {words}\n" for each, words in CLASSES.items()))


@pytest.mark.parametrize(("base", "labels"), [(".", with_kit), ("ILSVRC/Data/CLS-LOC", with_kaggle)])
def test_imagenet_is_read_as_distributed(tmp_path: Path, base: str, labels: object) -> None:
    truth = imagenet_of(tmp_path, base)
    assert callable(labels)
    labels(tmp_path, truth)
    (tmp_path / base / "test").mkdir()
    data = load(f"imagenet:{tmp_path}")
    assert data.class_names == ("tench", "crane (n02012849)", "crane (n03126707)")
    assert counts(data) == (33, 3, 9)
    order = sorted(CLASSES)
    assert data.test.labels.tolist() == [order.index(each) for each in truth]


def test_validation_images_of_imagenet_may_be_sorted_into_classes(tmp_path: Path) -> None:
    truth = imagenet_of(tmp_path)
    for number, wordnet_id in enumerate(truth, start=1):
        file = tmp_path / "val" / f"ILSVRC2012_val_{number:08d}.JPEG"
        (tmp_path / "val" / wordnet_id).mkdir(exist_ok=True)
        file.rename(tmp_path / "val" / wordnet_id / file.name)
    data = load(f"imagenet:{tmp_path}")
    assert data.class_names == tuple(sorted(CLASSES))
    assert np.bincount(data.test.labels).tolist() == [3, 3, 3]


@pytest.mark.parametrize("kind", ["imagenet", "places365", "imagefolder"])
def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, kind: str) -> None:
    source = f"{kind}:{tmp_path / 'none'}"
    assert refusal_of(source) == f"--data {source}: no such folder"


def test_images_with_boxes_are_sent_to_detect(tmp_path: Path) -> None:
    assert "use `detect` on a retrained network" in refusal_of(f"coco:{tmp_path}")


def test_what_imagenet_lacks_is_named(tmp_path: Path) -> None:
    assert "expected the folders train and val" in refusal_of(f"imagenet:{tmp_path}")
    (tmp_path / "ILSVRC2012_img_train.tar").touch()
    assert "unpack ILSVRC2012_img_train.tar first" in refusal_of(f"imagenet:{tmp_path}")
    truth = imagenet_of(tmp_path)
    assert "the classes of the images in val are unknown; put ILSVRC2012_validation_ground_truth.txt" in refusal_of(
        f"imagenet:{tmp_path}"
    )
    with_kit(tmp_path, truth[:-1])
    assert "has 8 labels, but val has 9 images" in refusal_of(f"imagenet:{tmp_path}")
    (tmp_path / "train" / "n01440764.tar").touch()
    assert "n01440764.tar is still packed" in refusal_of(f"imagenet:{tmp_path}")


def test_a_damaged_development_kit_of_imagenet_is_one_line(tmp_path: Path) -> None:
    truth = imagenet_of(tmp_path)
    with_kit(tmp_path, truth)
    kit = tmp_path / "ILSVRC2012_devkit_t12" / "data"
    whole = (kit / "meta.mat").read_bytes()
    for content in (b"", b"no such file", whole[: len(whole) // 2]):
        (kit / "meta.mat").write_bytes(content)
        assert "ILSVRC2012_devkit_t12/data/meta.mat cannot be read" in refusal_of(f"imagenet:{tmp_path}")
    savemat(kit / "meta.mat", {"other": 1})
    assert "unpack the development kit again" in refusal_of(f"imagenet:{tmp_path}")
    (kit / "meta.mat").write_bytes(whole)
    for text in ("n01440764\n" * 9, "1\n" * 8 + "7\n"):
        (kit / "ILSVRC2012_validation_ground_truth.txt").write_text(text)
        assert "is not the number of a class in meta.mat" in refusal_of(f"imagenet:{tmp_path}")
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_bytes(b"\xff\xfe\x00")
    assert "ground_truth.txt cannot be read" in refusal_of(f"imagenet:{tmp_path}")
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("1" * 5_000)
    assert "is not the number of a class in meta.mat" in refusal_of(f"imagenet:{tmp_path}")


@pytest.mark.parametrize("name", ["LOC_val_solution.csv", "LOC_synset_mapping.txt"])
def test_damaged_lists_of_kaggle_are_one_line(tmp_path: Path, name: str) -> None:
    with_kaggle(tmp_path, imagenet_of(tmp_path))
    (tmp_path / name).write_bytes(b"\xff\xfe\x00")
    assert f"{name} cannot be read" in refusal_of(f"imagenet:{tmp_path}")


def test_a_list_of_kaggle_with_an_open_quote_or_without_rows_is_one_line(tmp_path: Path) -> None:
    with_kaggle(tmp_path, imagenet_of(tmp_path))
    (tmp_path / "LOC_val_solution.csv").write_text('ImageId,PredictionString\n"a,b' + "x" * 200_000)
    assert "LOC_val_solution.csv: field larger than field limit" in refusal_of(f"imagenet:{tmp_path}")
    (tmp_path / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n")
    assert "has no line for ILSVRC2012_val_00000001" in refusal_of(f"imagenet:{tmp_path}")


def test_an_image_of_imagenet_beside_the_folders_of_the_classes_is_named(tmp_path: Path) -> None:
    imagenet_of(tmp_path)
    (tmp_path / "val" / "n01440764").mkdir()
    assert "ILSVRC2012_val_00000001.JPEG lies in val beside the folders" in refusal_of(f"imagenet:{tmp_path}")


def test_validation_images_of_imagenet_need_a_class_with_training_images_and_a_line(tmp_path: Path) -> None:
    truth = imagenet_of(tmp_path)
    with_kaggle(tmp_path, [*truth[:-1], "n99999999"])
    assert "val has images of n99999999, but train has no folder n99999999" in refusal_of(f"imagenet:{tmp_path}")
    with_kaggle(tmp_path, truth[:-1])
    assert "LOC_val_solution.csv has no line for ILSVRC2012_val_00000009" in refusal_of(f"imagenet:{tmp_path}")
    (tmp_path / "LOC_val_solution.csv").write_text("ImageId,PredictionString\nILSVRC2012_val_00000001\n")
    assert "LOC_val_solution.csv has no line for ILSVRC2012_val_00000001" in refusal_of(f"imagenet:{tmp_path}")
    (tmp_path / "LOC_val_solution.csv").write_text("id,label\n1,2\n")
    assert "expected the columns ImageId and PredictionString" in refusal_of(f"imagenet:{tmp_path}")


def places_of(folder: Path, size: str, held: str) -> None:
    """Two classes of Places365 with images, as torchvision unpacks them."""
    (folder / "categories_places365.txt").write_text("/a/airfield 0\n/a/apartment_building/outdoor 1\n")
    names = [f"/a/airfield/{number:08d}.jpg 0" for number in range(12)]
    names += [f"/a/apartment_building/outdoor/{number:08d}.jpg 1" for number in range(12)]
    (folder / "places365_train_standard.txt").write_text("\n".join(names))
    (folder / "places365_val.txt").write_text(
        "".join(f"Places365_val_{number:08d}.jpg {number % 2}\n" for number in range(6))
    )
    paint(*(folder / f"data_{size}_standard" / name.split()[0].lstrip("/") for name in names))
    paint(*(folder / held / f"Places365_val_{number:08d}.jpg" for number in range(6)))


@pytest.mark.parametrize(("size", "held"), [("256", "val_256"), ("large", "val_large")])
def test_places365_is_read_as_torchvision_unpacks_it(tmp_path: Path, size: str, held: str) -> None:
    places_of(tmp_path, size, held)
    data = load(f"places365:{tmp_path}")
    assert data.class_names == ("airfield", "apartment_building/outdoor")
    assert counts(data) == (22, 2, 6)
    assert data.test.labels.tolist() == [0, 1] * 3


def test_what_places365_lacks_is_named(tmp_path: Path) -> None:
    assert "expected places365_train_standard.txt" in refusal_of(f"places365:{tmp_path}")
    places_of(tmp_path, "256", "val_256")
    (tmp_path / "places365_val.txt").write_text("Places365_val_00000000.jpg 7\n")
    assert "Places365_val_00000000.jpg has the label 7 of 2 classes" in refusal_of(f"places365:{tmp_path}")
    (tmp_path / "places365_val.txt").write_text("Places365_val_00000000.jpg\n")
    assert "places365_val.txt, line 1: expected a name and a number" in refusal_of(f"places365:{tmp_path}")
    (tmp_path / "places365_val.txt").write_text("Places365_val_00000000.jpg " + "1" * 5_000)
    assert "places365_val.txt, line 1: expected a name and a number" in refusal_of(f"places365:{tmp_path}")
    (tmp_path / "categories_places365.txt").unlink()
    assert "categories_places365.txt cannot be read (No such file" in refusal_of(f"places365:{tmp_path}")


def test_lists_that_begin_with_the_mark_of_windows_are_read(tmp_path: Path) -> None:
    """Otherwise the mark would be a part of the first class's name, or of the first column's."""
    for name in ("places", "imagenet"):
        (tmp_path / name).mkdir()
    places_of(tmp_path / "places", "256", "val_256")
    with_kaggle(tmp_path / "imagenet", imagenet_of(tmp_path / "imagenet"))
    for file in (tmp_path / "places" / "categories_places365.txt", tmp_path / "imagenet" / "LOC_val_solution.csv"):
        file.write_text("\ufeff" + file.read_text(), encoding="utf-8")

    assert load(f"places365:{tmp_path}/places").class_names[0] == "airfield"
    assert sum(counts(load(f"imagenet:{tmp_path}/imagenet"))) > 0


@pytest.mark.parametrize("numbers", [(0, 7), (0, 0), (1, 2)])
def test_the_classes_of_places365_have_the_numbers_from_0_on(tmp_path: Path, numbers: tuple[int, int]) -> None:
    """Otherwise a name would belong to the images of another class."""
    places_of(tmp_path, "256", "val_256")
    (tmp_path / "categories_places365.txt").write_text(f"/a/airfield {numbers[0]}\n/b/boat {numbers[1]}\n")
    assert "expected the numbers 0 to 1, each once, but /" in refusal_of(f"places365:{tmp_path}")


def test_two_classes_of_places365_with_one_name_are_refused(tmp_path: Path) -> None:
    places_of(tmp_path, "256", "val_256")
    (tmp_path / "categories_places365.txt").write_text("/a/airfield 0\nairfield 1\n")
    assert "categories_places365.txt has airfield for two classes" in refusal_of(f"places365:{tmp_path}")
