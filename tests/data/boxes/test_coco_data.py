"""Data sets in COCO's format: their layouts, and what is left out of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from se_nas.data.boxes.boxed_batches import Reading, evaluation_batches, in_image_pixels, training_batches
from se_nas.data.boxes.boxed_images import BoxedData
from se_nas.data.boxes.coco_data import load_boxes
from se_nas.data.decoding import Decoding
from se_nas.data.folders import opened_files
from se_nas.data.folders.image_file import ImageFacts
from se_nas.data.pixels import EIGHT_BIT
from se_nas.errors import InputError
from tests.coco_files import CATEGORIES, SIZE, content, paint, write_coco, write_json

NAMES = [f"{number}.png" for number in range(10)]
READING = Reading(short_side=80, scale=EIGHT_BIT)


def load(folder: Path) -> BoxedData:
    return load_boxes(f"coco:{folder}")


def refusal_of(source: str) -> str:
    with pytest.raises(InputError) as refusal:
        load_boxes(source)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def left_out(data: BoxedData) -> dict[str, int]:
    return {each.reason: each.count for each in data.left_out}


def one_file(folder: Path, **changes: Any) -> Path:
    """A folder with one annotation file, with these changes, beside its ten images."""
    for number, name in enumerate(NAMES):
        paint(folder / name, number)
    write_json(folder / "boxes.json", {**content(NAMES), **changes})
    return folder


def with_annotation(folder: Path, **changes: Any) -> Path:
    """The same with these changes in the first annotation."""
    first, *others = content(NAMES)["annotations"]
    return one_file(folder, annotations=[{**first, **changes}, *others])


def test_cocos_own_layout_is_read(tmp_path: Path) -> None:
    data = load(write_coco(tmp_path))

    assert (len(data.train), len(data.validation)) == (6, 4)
    assert (data.class_names, data.category_ids) == (("bright", "dark"), (3, 7))
    assert data.train[1].boxes.tolist() == [[5, 6, 19, 18], [26, 19, 42, 35]]
    assert data.train[1].labels.tolist() == [0, 1]
    assert data.left_out == ()


@pytest.mark.parametrize("layout", ["roboflow", "short names", "images in a folder"])
def test_other_usual_layouts_are_read(tmp_path: Path, layout: str) -> None:
    for part, first in (("train", 0), ("valid", 6)):
        names = [f"{number}.png" for number in range(first, first + 4)]
        file, images = {
            "roboflow": (tmp_path / part / "_annotations.coco.json", tmp_path / part),
            "short names": (tmp_path / "annotations" / f"{part}.json", tmp_path / "images" / part),
            "images in a folder": (tmp_path / f"instances_{part}.json", tmp_path / "images"),
        }[layout]
        write_json(file, content(names, first=first))
        for number, name in enumerate(names, start=first):
            paint(images / name, number)

    data = load(tmp_path)

    assert [image.number for image in data.train] == [0, 1, 2, 3]
    assert [image.number for image in data.validation] == [6, 7, 8, 9]


def test_one_annotation_file_is_split_and_always_in_the_same_way(tmp_path: Path) -> None:
    data, by_file = load(one_file(tmp_path)), load(tmp_path / "boxes.json")

    assert (len(data.train), len(data.validation)) == (8, 2)
    assert data.fingerprint() == by_file.fingerprint()
    assert "20 % of the images are held out as validation images, always the same" in data.notes


def test_the_test_images_validate_if_there_are_no_others(tmp_path: Path) -> None:
    write_coco(tmp_path)
    (tmp_path / "annotations" / "instances_val2017.json").rename(tmp_path / "annotations" / "instances_test2017.json")
    (tmp_path / "val2017").rename(tmp_path / "test2017")
    data = load(tmp_path)
    assert len(data.validation) == 4
    assert any("AP is measured on the test images" in note for note in data.notes)


def test_a_file_of_no_named_split_has_the_training_images_of_a_validation_file(tmp_path: Path) -> None:
    write_coco(tmp_path)
    (tmp_path / "annotations" / "instances_train2017.json").rename(tmp_path / "boxes.json")
    (tmp_path / "train2017").rename(tmp_path / "images")
    data = load(tmp_path)
    assert (len(data.train), len(data.validation)) == (6, 4)
    assert "train images from boxes.json" in data.notes


def test_a_file_of_no_named_split_beside_training_images_is_named_as_not_read(tmp_path: Path) -> None:
    write_coco(tmp_path)
    write_json(tmp_path / "all.json", content(NAMES))
    data = load(tmp_path)
    assert len(data.train) == 6
    assert "not read, because the name has none of the words train, val and test: all.json" in data.notes


def test_hidden_files_and_folders_are_not_looked_at(tmp_path: Path) -> None:
    one_file(tmp_path)
    write_json(tmp_path / ".vscode" / "settings.json", {})
    write_json(tmp_path / ".cache.json", {})
    assert len(load(tmp_path).train) == 8


@pytest.mark.parametrize("images", ["train", "images/train", "images/train2017", "Training Set"])
def test_images_are_found_in_a_folder_whose_name_means_the_part(tmp_path: Path, images: str) -> None:
    for number, name in enumerate(NAMES):
        paint(tmp_path / images / name, number)
    write_json(tmp_path / "annotations" / "train_annotations.json", content(NAMES))
    assert len(load(tmp_path).train) == 8


def test_a_validation_image_that_is_also_trained_on_is_warned_of(tmp_path: Path) -> None:
    write_coco(tmp_path)
    paint(tmp_path / "val2017" / "0007.png", 2)
    warning = "Warning: 1 validation image has the pixels of a training image, e.g. 0007.png; the AP is too high"
    assert load(tmp_path).notes[-1] == warning


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image_id": 99}, "boxes of an image that is not listed"),
        ({"category_id": 99}, "boxes of a category that is not listed"),
        ({"category_id": "bright"}, "boxes of a category that is not listed"),
        ({"bbox": [1, 2, 3]}, "annotations without a box of four numbers"),
        ({"bbox": None}, "annotations without a box of four numbers"),
        ({"bbox": [1, 2, float("nan"), 3]}, "annotations without a box of four numbers"),
        ({"bbox": [1, 2, 0, 3]}, "boxes without an area"),
        ({"bbox": [1, 2, -3, 3]}, "boxes without an area"),
        ({"bbox": [SIZE[0] + 1, 2, 3, 3]}, "boxes outside their image"),
        ({"bbox": [1, 2, 10**400, 3]}, "annotations without a box of four numbers"),
        ({"bbox": [1, 2, True, 3]}, "annotations without a box of four numbers"),
        ({"iscrowd": "maybe"}, "boxes whose iscrowd is neither 0 nor 1"),
        ({"iscrowd": 2}, "boxes whose iscrowd is neither 0 nor 1"),
        ({"iscrowd": [0]}, "boxes whose iscrowd is neither 0 nor 1"),
    ],
)
def test_a_box_that_cannot_be_used_is_left_out_and_counted(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    data = load(with_annotation(tmp_path, **changes))

    assert left_out(data) == {reason: 1}
    assert sum(len(image.boxes) for image in (*data.train, *data.validation)) == 19


def test_a_box_beyond_the_edge_is_cut_and_counted(tmp_path: Path) -> None:
    data = load(with_annotation(tmp_path, bbox=[-4, 30, 20, 30]))
    (cut,) = [image.boxes[0].tolist() for image in (*data.train, *data.validation) if image.number == 0]
    assert cut == [0, 30, 16, SIZE[1]]
    assert left_out(data) == {"boxes that reach beyond their image, and are cut at its edge": 1}


@pytest.mark.parametrize("mark", ["0", False, None])
def test_a_box_of_one_object_may_be_marked_in_other_ways(tmp_path: Path, mark: object) -> None:
    assert left_out(load(with_annotation(tmp_path, iscrowd=mark))) == {}


def test_an_area_that_no_float_holds_is_computed_from_the_box(tmp_path: Path) -> None:
    data = load(with_annotation(tmp_path, area=10**400))
    (image,) = [image for image in (*data.train, *data.validation) if image.number == 0]
    assert image.areas[0] == 14 * 12


def test_a_listed_name_that_no_file_can_have_is_counted_as_missing(tmp_path: Path) -> None:
    whole = content(NAMES)
    whole["images"][0]["file_name"] = 300 * "a"
    whole["images"][1]["file_name"] = "a\0b"
    data = load(one_file(tmp_path, images=whole["images"]))
    assert left_out(data) == {"listed images that are missing": 2}


@pytest.mark.parametrize("mark", [1, "1", True])
def test_a_crowd_is_kept_for_the_evaluation_and_not_trained_on(tmp_path: Path, mark: object) -> None:
    data = load(with_annotation(tmp_path, iscrowd=mark))
    (image,) = [image for image in (*data.train, *data.validation) if image.number == 0]
    assert image.crowd.tolist() == [True, False]
    (batch,) = evaluation_batches([image], READING, batch_size=1)
    assert batch[0].labels.tolist() == [2]
    assert sum(left_out(data).values()) == 1


def spoil_missing(folder: Path) -> None:
    (folder / "3.png").unlink()


def spoil_content(folder: Path) -> None:
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:200])


def spoil_emptied(folder: Path) -> None:
    (folder / "3.png").write_bytes(b"")


def spoil_size(folder: Path) -> None:
    Image.new("RGB", (30, 30)).save(folder / "3.png")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_missing, "listed images that are missing"),
        (spoil_content, "files that cannot be read as images"),
        (spoil_emptied, "files that cannot be read as images"),
        (spoil_size, "images of another size than is listed"),
    ],
)
def test_an_image_that_cannot_be_used_is_left_out_and_counted(
    tmp_path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(one_file(tmp_path))
    data = load(tmp_path)
    assert len(data.train) + len(data.validation) == 9
    assert [(each.reason, each.examples) for each in data.left_out] == [(reason, ("3.png",))]


def test_a_training_image_without_boxes_is_counted_and_a_validation_image_without_boxes_stays(tmp_path: Path) -> None:
    write_coco(tmp_path)
    for part in ("train2017", "val2017"):
        file = tmp_path / "annotations" / f"instances_{part}.json"
        first = 0 if part == "train2017" else 6
        names = [f"{number:04d}.png" for number in range(first, first + (6 if first == 0 else 4))]
        whole = content(names, first=first)
        write_json(file, {**whole, "annotations": whole["annotations"][2:]})
    data = load(tmp_path)
    assert (len(data.train), len(data.validation)) == (5, 4)
    assert left_out(data) == {"training images without a box, which are not trained on": 1}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"images": None}, "expected the lists images, annotations and categories, but images is missing"),
        ({"images": [], "annotations": []}, "no training image with a box can be used (there are no annotations)"),
        ({"annotations": []}, "no training image with a box can be used (training images without a box"),
        ({"categories": []}, "no categories; expected at least one"),
        ({"categories": [*CATEGORIES, CATEGORIES[0]]}, "two categories have the id 3"),
        ({"categories": [{"id": 3}, CATEGORIES[1]]}, "category 3: expected a name"),
        ({"images": [{"id": "a"}]}, "image 0 of the list: expected a whole number as id, but got 'a'"),
        ({"images": [{"id": 1, "width": 4, "height": 4}]}, "image 1: expected a file_name, but got None"),
        ({"images": [{"id": 1, "file_name": "0.png"}]}, "expected its width and height in pixels, but got None"),
        (
            {"images": [{"id": 1, "file_name": "0.png", "width": 10**400, "height": 40}]},
            "expected its width and height in pixels, but got 1000000000000000000000000000000000000... and 40",
        ),
        ({"annotations": [7]}, "annotation 0 of the list: expected an object, but got '7'"),
    ],
)
def test_a_file_that_is_not_in_cocos_format_is_refused(tmp_path: Path, changes: dict[str, Any], line: str) -> None:
    assert line in refusal_of(f"coco:{one_file(tmp_path, **changes)}")


def test_a_path_without_annotations_is_refused(tmp_path: Path) -> None:
    assert "no such folder; expected annotations/instances_train2017.json" in refusal_of(f"coco:{tmp_path / 'x'}")
    assert "no annotation file (JSON) in it" in refusal_of(f"coco:{tmp_path}")
    (tmp_path / "a.tar").write_bytes(b"")
    assert "a file that is no JSON; unpack it" in refusal_of(f"coco:{tmp_path / 'a.tar'}")
    (tmp_path / "a.json").write_text("")
    assert "a.json: not a JSON file" in refusal_of(f"coco:{tmp_path}")
    (tmp_path / "b.json").write_text("{}")
    assert "two annotation files of no known split, a.json and b.json" in refusal_of(f"coco:{tmp_path}")
    assert "expected coco:PATH" in refusal_of("coco:")
    assert "cannot be read (File name too long)" in refusal_of(f"coco:{300 * 'a'}")


def test_parts_with_other_categories_are_refused(tmp_path: Path) -> None:
    write_coco(tmp_path)
    names = [f"{number:04d}.png" for number in range(6, 10)]
    other = {**content(names, first=6), "categories": [*CATEGORIES, {"id": 9, "name": "grey"}]}
    write_json(tmp_path / "annotations" / "instances_val2017.json", other)
    assert "have other categories: only one of them has 9 as 'grey'" in refusal_of(f"coco:{tmp_path}")


def test_boxes_follow_their_image_when_it_is_resized_and_mirrored(tmp_path: Path) -> None:
    data = load(write_coco(tmp_path))
    for batch in training_batches(data.train, READING, batch_size=4, seed=0, epoch=0):
        for each in batch:
            assert each.pixels.shape == (3, 80, 96)
            for (left, top, right, bottom), label in zip(each.boxes.round().int().tolist(), each.labels, strict=True):
                inside = each.pixels[:, top + 2 : bottom - 2, left + 2 : right - 2]
                assert inside.mean() > 0.9 if label == 1 else inside.mean() < 0.1


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    data = load(write_coco(tmp_path))

    def order(seed: int, epoch: int) -> list[tuple[int, float]]:
        batches = training_batches(data.train, READING, batch_size=2, seed=seed, epoch=epoch)
        return [(each.image.number, float(each.boxes[0, 0])) for batch in batches for each in batch]

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(*each)) for each in ((0, 0), (0, 1), (1, 0))}) == 3


def test_found_boxes_return_to_the_pixels_of_the_file(tmp_path: Path) -> None:
    image = load(write_coco(tmp_path)).validation[0]
    (batch,) = evaluation_batches([image], READING, batch_size=1)
    np.testing.assert_allclose(in_image_pixels(batch[0].boxes, image, READING).numpy(), image.boxes, rtol=1e-6)


def saved_turned(
    folder: Path, pixels: NDArray[np.uint8], *, suffix: str, orientation: int, size: Sequence[int]
) -> Path:
    """A folder whose first image has these stored pixels and this orientation, and is listed with this size."""
    one_file(folder)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(folder / f"turned.{suffix}", exif=exif, quality=95)
    whole = content(NAMES)
    whole["images"][0] |= {"width": size[0], "height": size[1], "file_name": f"turned.{suffix}"}
    write_json(folder / "boxes.json", whole)
    return folder


def test_each_image_is_opened_once_in_all_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    look = opened_files.look_at_image

    def noted(file: Path, decoding: Decoding) -> ImageFacts:
        seen.append(file.name)
        return look(file, decoding)

    monkeypatch.setattr(opened_files, "look_at_image", noted)
    one_file(tmp_path)
    first, second = load(tmp_path), load(tmp_path)
    assert sorted(seen) == sorted(NAMES)
    assert first.fingerprint() == second.fingerprint()


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_photograph_is_turned_as_its_boxes_were_drawn(tmp_path: Path, suffix: str, orientation: int) -> None:
    stored = np.zeros((48, 40, 3), np.uint8)
    stored[:10] = 255
    bright = {}
    for size in ((40, 48), (48, 40)):
        data = load(saved_turned(tmp_path / str(size), stored, suffix=suffix, orientation=orientation, size=size))
        (image,) = [each for each in (*data.train, *data.validation) if each.number == 0]
        (batch,) = evaluation_batches([image], READING, batch_size=1)
        pixels = batch[0].pixels[0]
        edges = {"top": pixels[:10], "bottom": pixels[-10:], "left": pixels[:, :10], "right": pixels[:, -10:]}
        bright[size] = [side for side, edge in edges.items() if edge.mean() > 0.9]
    assert bright == {(40, 48): ["top"], (48, 40): ["left" if orientation in (5, 8) else "right"]}


@pytest.mark.parametrize(
    ("orientation", "shape"), [(2, (40, 48, 3)), (3, (40, 48, 3)), (4, (40, 48, 3)), (6, (48, 48, 3))]
)
def test_a_turned_image_whose_size_does_not_show_it_is_counted(
    tmp_path: Path, orientation: int, shape: tuple[int, ...]
) -> None:
    size = shape[1::-1]
    folder = saved_turned(tmp_path, np.zeros(shape, np.uint8), suffix="jpg", orientation=orientation, size=size)
    assert [(each.count, each.examples) for each in load(folder).left_out] == [(1, ("turned.jpg",))]
