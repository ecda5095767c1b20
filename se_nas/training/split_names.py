"""The names that people give to the splits of a data set."""

import re

SPLITS = {
    "train": ("train", "training", "trn"),
    "validation": ("val", "valid", "validation", "validate", "dev", "eval", "evaluation"),
    "test": ("test", "testing", "tst"),
}
"""The names of each split, as `split_named` compares them: without case, without `set` and the like at the end."""
ENDINGS = ("set", "data", "images", "imgs", "split")


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
    """The split that the first or the last word of a longer name means; the name of a class may have such a word too.

    >>> split_in("seg_train"), split_in("val2017"), split_in("2-test"), split_in("trainer"), split_in("a test tube")
    ('train', 'validation', 'test', None, None)
    """
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    while len(words) > 1 and words[-1].lower() in ENDINGS:
        words.pop()
    meant = {split for word in (words[0], words[-1]) if (split := split_named(word))} if words else set()
    return meant.pop() if len(meant) == 1 else None
