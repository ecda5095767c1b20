"""ImageNet (ILSVRC 2012) as distributed: `train/n01440764/*.JPEG` and `val/*.JPEG`, with the names of the classes.

All validation images lie in one folder. Their classes stand in the development kit, or in Kaggle's
`LOC_val_solution.csv`. Validation images that were sorted into a folder for each class are read too.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from se_nas.data.folders.folder_walk import Leavings, folders_in, images_below
from se_nas.data.folders.listing import LabelledFile, Listing, require_folder, text_of, whole_number
from se_nas.errors import InputError
from se_nas.wording import printable

IMAGES = (".", "ILSVRC/Data/CLS-LOC")
"""The folders that may hold `train` and `val`: ILSVRC's own layout, and Kaggle's."""
KIT = ("ILSVRC2012_devkit_t12/data", "data", ".")
"""The folders that may hold the files of the development kit."""
KAGGLE_LABELS, KAGGLE_NAMES = "LOC_val_solution.csv", "LOC_synset_mapping.txt"
TRUTH, META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"


def list_imagenet(path: Path) -> Listing:
    """List the training and the validation images. InputError says what is missing, e.g. the validation labels."""
    source = f"imagenet:{path}"
    base = _base(path, source)
    leavings = Leavings(path)
    ids = tuple(folder.name for folder in folders_in(base / "train", leavings))
    leavings.add_beside(base / "train", "classes")
    numbers = {wordnet_id: number for number, wordnet_id in enumerate(ids)}
    train = [
        LabelledFile(file, number)
        for wordnet_id, number in numbers.items()
        for file in images_below(base / "train" / wordnet_id, leavings)[0]
    ]
    files = images_below(base / "val", leavings)[0]
    known = _development_kit(path, source)
    held = []
    for file, wordnet_id in zip(files, _validation_ids(path, base / "val", files, known, source), strict=True):
        if wordnet_id not in numbers:
            raise InputError(f"--data {source}: val has images of {wordnet_id}, but train has no folder {wordnet_id}")
        held.append(LabelledFile(file, numbers[wordnet_id]))
    return Listing(
        source=source,
        root=path,
        class_names=_class_names(path, ids, known, source),
        parts={"train": train, "validation": held},
        notes=("training images from train, validation images from val",),
        left_out=leavings.all(),
    )


def _base(path: Path, source: str) -> Path:
    """The folder that holds `train` and `val`. InputError if there is none, or if archives are still packed."""
    require_folder(path, source)
    base = next((path / each for each in IMAGES if (path / each / "train").is_dir()), None)
    if base is None or not (base / "val").is_dir():
        archive = next(path.glob("ILSVRC2012_img_*.tar"), None)
        hint = f"; unpack {archive.name} first" if archive else ""
        raise InputError(f"--data {source}: expected the folders train and val{hint}")
    if archive := next((base / "train").glob("*.tar"), None):
        raise InputError(
            f"--data {source}: {archive.name} is still packed; unpack each class into a folder of its name"
        )
    return base


@dataclass(frozen=True, slots=True)
class _Synset:
    """A class in the development kit: its number in ILSVRC 2012, its WordNet id, and its names."""

    number: int
    wordnet_id: str
    words: str


def _development_kit(path: Path, source: str) -> tuple[_Synset, ...]:
    """The classes in `meta.mat` (the kit's readme.txt, section 2.2.1); none without it. InputError if it is damaged."""
    file = next((path / each / META for each in KIT if (path / each / META).is_file()), None)
    if file is None:
        return ()
    from scipy.io import loadmat  # slow to import

    try:
        synsets = loadmat(file, squeeze_me=True)["synsets"]
        return tuple(_Synset(int(row["ILSVRC2012_ID"]), str(row["WNID"]), str(row["words"])) for row in synsets)
    except Exception as error:  # noqa: BLE001 - for a damaged file, scipy raises many kinds of errors
        raise InputError(
            f"--data {source}: {file.relative_to(path)} cannot be read ({type(error).__name__}: {error}); "
            f"unpack the development kit again"
        ) from None


def _validation_ids(
    path: Path, val: Path, files: Sequence[str], known: Sequence[_Synset], source: str
) -> Sequence[str]:
    """The WordNet id of each validation image."""
    if folders_in(val, Leavings(path)):
        if loose := next((Path(file).name for file in files if Path(file).parent == val), None):
            raise InputError(f"--data {source}: {printable(loose)} lies in val beside the folders of the classes")
        return [Path(file).relative_to(val).parts[0] for file in files]
    if (path / KAGGLE_LABELS).is_file():
        labels = _kaggle_labels(path / KAGGLE_LABELS, source)
        if missing := next((file for file in files if Path(file).stem not in labels), None):
            raise InputError(f"--data {source}: {KAGGLE_LABELS} has no line for {printable(Path(missing).stem)}")
        return [labels[Path(file).stem] for file in files]
    truth = next((path / each / TRUTH for each in KIT if (path / each / TRUTH).is_file()), None)
    if truth is None or not known:
        raise InputError(
            f"--data {source}: the classes of the images in val are unknown; put {TRUTH} and {META} of the development "
            f"kit, or {KAGGLE_LABELS}, into {path}, or sort the images into a folder for each class"
        )
    of_number = {synset.number: synset.wordnet_id for synset in known}
    lines = text_of(truth, source).split()
    if wrong := next((line for line in lines if whole_number(line) not in of_number), None):
        raise InputError(f"--data {source}: {TRUTH}: {wrong[:80]!r} is not the number of a class in {META}")
    numbers = [int(line) for line in lines]
    if len(numbers) != len(files):
        raise InputError(f"--data {source}: {TRUTH} has {len(numbers)} labels, but val has {len(files)} images")
    return [of_number[number] for number in numbers]  # in the order of the files' names


def _kaggle_labels(file: Path, source: str) -> Mapping[str, str]:
    """The WordNet id of each image by its name. A prediction is `n01440764 255 142 327 499`: the id, and a box."""
    reader = csv.DictReader(StringIO(text_of(file, source), newline=""))
    try:
        if not {"ImageId", "PredictionString"} <= {*(reader.fieldnames or ())}:
            raise InputError(f"--data {source}: {file.name}: expected the columns ImageId and PredictionString")
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"--data {source}: {file.name}: {error}; is a quote not closed?") from None
    return {row["ImageId"]: row["PredictionString"].partition(" ")[0] for row in rows if row["PredictionString"]}


def _class_names(path: Path, ids: Sequence[str], known: Sequence[_Synset], source: str) -> tuple[str, ...]:
    """The first name of each class, or its WordNet id if it has none. Classes of equal names keep their ids too."""
    words = {synset.wordnet_id: synset.words for synset in known}
    if (path / KAGGLE_NAMES).is_file():
        lines = text_of(path / KAGGLE_NAMES, source).splitlines()
        words = {wordnet_id: text for wordnet_id, _, text in (line.partition(" ") for line in lines)}
    names = [words.get(each, each).partition(",")[0] for each in ids]
    return tuple(f"{name} ({each})" if names.count(name) > 1 else name for name, each in zip(names, ids, strict=True))
