"""The names that people give to the splits of a data set, and to its numbered parts."""

import re

SPLITS = {
    "train": ("train", "training", "trn"),
    "validation": ("val", "valid", "validation", "validate", "dev", "eval", "evaluation"),
    "test": ("test", "testing", "tst"),
}
"""The names of each split as `split_named` compares them: in lower case, without the `ENDINGS`."""
ENDINGS = ("set", "data", "images", "imgs", "split")
PARTS = frozenset(
    {"fold", "folds", "kfold", "cv", "split", "partition", "subset", "shard", "chunk", "dataset", "data", "batch"}
    | {"images", "imgs", "archive"}
)
"""Words that, with a number, name a part of a data set; no class has such a name."""
PARTS_OR_CLASSES = frozenset({"part", "set", "group", "section", "session", "run", "volume", "folder", "dir", "disk"})
"""Words that name a part if the numbered folders contain folders of the same names."""
NUMBERED = re.compile(
    r"(?P<before>\d+(st|nd|rd|th)?)?(?P<words>[^\d]*?)(?P<after>\d+(\W?of\W?\d+)?|(?<=[\W_])[A-Ha-h])?"
)


def split_named(name: str) -> str | None:
    """The split that a name means.

    >>> split_named("Training Set"), split_named("valid"), split_named("test_images"), split_named("trainer")
    ('train', 'validation', 'test', None)
    """
    plain = "".join(letter for letter in name.casefold() if letter.isalnum())
    for ending in ENDINGS:
        plain = plain.removesuffix(ending)
    return next((split for split, names in SPLITS.items() if plain in names), None)


def split_in(name: str) -> str | None:
    """The split that the first or the last word of a longer name means. The name of a class may have such a word too.

    >>> split_in("seg_train"), split_in("val2017"), split_in("2-test"), split_in("trainer"), split_in("a test tube")
    ('train', 'validation', 'test', None, None)
    """
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    while len(words) > 1 and words[-1].lower() in ENDINGS:
        words.pop()
    meant = {split for word in (words[0], words[-1]) if (split := split_named(word))} if words else set()
    return meant.pop() if len(meant) == 1 else None


def numbered_part(name: str) -> str | None:
    """The word by which a name with a number, or with a letter in its place, names a part of a data set.

    >>> numbered_part("fold0"), numbered_part("train_1"), numbered_part("cv-fold 2"), numbered_part("split_a")
    ('fold', 'train', 'fold', 'split')
    >>> numbered_part("class1"), numbered_part("7"), numbered_part("n01440764"), numbered_part("fold")
    (None, None, None, None)
    """
    found = NUMBERED.fullmatch(name.strip())
    if found is None or not (found["before"] or found["after"]):
        return None
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", found["words"])]
    for word in reversed([*words[:1], *words[-1:]]):
        if word in PARTS or word in PARTS_OR_CLASSES or split_named(word):
            return str(word)
    return None
