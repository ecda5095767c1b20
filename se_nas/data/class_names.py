"""Names of classes: two classes of one name could not be told apart."""

from collections import Counter
from collections.abc import Sequence


def name_of_two(names: Sequence[str]) -> str | None:
    """The first name, in alphabetical order, that two classes have; None if all names differ.

    >>> name_of_two(["boat", "airfield", "boat"])
    'boat'
    """
    return min((name for name, count in Counter(names).items() if count > 1), default=None)
