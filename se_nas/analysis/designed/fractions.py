"""Two-level factorial designs and their regular fractions, in an order whose beginnings are designs too.

A design of 2^p points is a linear code: its points are the vectors of p base factors over GF(2), and each other factor
is a product of base factors. In the order here, each beginning of 2^j points is a fraction with the highest resolution
that a chain of such fractions allows. So an experiment that stops early is balanced.

Box and Hunter, "The 2^(k-p) Fractional Factorial Designs", Technometrics 3, 1961; Montgomery, "Design and Analysis of
Experiments", 8th edition, table 8.14, for the generators.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

MOST_IN_A_FULL_DESIGN = 4
"""A design of at most this number of factors is a full factorial: 16 points."""

MOST_FACTORS = 32
"""The number of factors that 64 points take at resolution IV."""

FULL = 100
"""The resolution of a full factorial: no effect is aliased with another."""

RESOLUTION_FIVE: dict[int, tuple[str, ...]] = {
    5: ("ABCD",),
    6: ("ABCDE",),
    7: ("ABCDEF",),
    8: ("ABCD", "ABEF"),
}
"""The generators of the factors after the base factors, by the number of factors: resolution V or higher in at most 64
points (Montgomery, table 8.14)."""

Point = tuple[bool, ...]
"""One run: whether each factor is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """The points of a design for `factors` factors, in the order of training. The first point has all factors off.

    At resolution V, main effects and two-way interactions are not aliased with each other. At resolution IV, two-way
    interactions are aliased with each other, but not with main effects.
    """

    factors: int
    points: tuple[Point, ...]
    resolution: int

    @property
    def separates_interactions(self) -> bool:
        """Whether no two-way interaction is aliased with another."""
        return self.resolution >= 5

    def is_reached(self, point: Point) -> bool:
        """Whether the design predicts this point: it does so for all points if it separates interactions."""
        return self.separates_interactions or point in self.points


def design_for(factors: int) -> Design:
    """The design for a number of factors. ValueError below 1 and above `MOST_FACTORS`.

    Up to 4 factors it is a full factorial, up to 8 a fraction of resolution V or higher in at most 64 points, and above
    that a fraction of resolution IV in 32 or 64 points.

    >>> [len(design_for(count).points) for count in (1, 2, 3, 4, 5, 6, 7, 8, 9, 17)]
    [2, 4, 8, 16, 16, 32, 64, 64, 32, 64]
    """
    if not 1 <= factors <= MOST_FACTORS:
        raise ValueError(f"a design has 1 to {MOST_FACTORS} factors, but got {factors}")
    columns, base = _columns(factors)
    words = words_by_product(columns, base)
    order = _nested_order(words, base)
    points = tuple(tuple(bool((run & column).bit_count() % 2) for column in columns) for run in order)
    defining = [length for length, products in enumerate(words) if length and products[0]]
    return Design(factors=factors, points=points, resolution=defining[0] if defining else FULL)


def words_by_product(columns: Sequence[int], base: int) -> list[list[int]]:
    """The number of sets of factors that have each product: `[length][product]`. A product is a set of base factors.

    Sets whose product is empty (0) are the defining relation.
    """
    counts = [[0] * 2**base for _ in range(len(columns) + 1)]
    counts[0][0] = 1
    for column in columns:
        for length in range(len(columns), 0, -1):
            shorter = counts[length - 1]
            counts[length] = [own + shorter[product ^ column] for product, own in enumerate(counts[length])]
    return counts


def _columns(factors: int) -> tuple[list[int], int]:
    """Each factor as a set of base factors (bits), and the number of base factors."""
    if factors <= MOST_IN_A_FULL_DESIGN:
        return [1 << index for index in range(factors)], factors
    if factors in RESOLUTION_FIVE:
        generators = RESOLUTION_FIVE[factors]
        base = factors - len(generators)
        return [*(1 << index for index in range(base)), *map(_product, generators)], base
    base = 5 if factors <= 16 else 6
    return list(_odd_products(base))[:factors], base


def _product(word: str) -> int:
    return sum(1 << "ABCDEFGH".index(letter) for letter in word)


def _odd_products(base: int) -> Iterator[int]:
    """Yield the products of an odd number of base factors, the short ones first. Together they have resolution IV."""
    for length in range(1, base + 1, 2):
        for letters in combinations(range(base), length):
            yield sum(1 << letter for letter in letters)


def _nested_order(words: Sequence[Sequence[int]], base: int) -> list[int]:
    """The runs of the base factors (bits), so that each half, quarter and so on of the order is a fraction.

    The half that comes first has the best defining relation, by its numbers of words of each length (minimum
    aberration: Fries and Hunter, Technometrics 22, 1980). So has its first half among all of its halves, and so on.
    """
    splits: list[int] = []
    span = {0}
    for _ in range(base):
        others = [product for product in range(1, 2**base) if product not in span]
        best = min(others, key=lambda other: _pattern(words, span | {other ^ known for known in span}))
        splits.append(best)
        span |= {best ^ known for known in span}
    return sorted(range(2**base), key=lambda run: [(run & split).bit_count() % 2 for split in splits])


def _pattern(words: Sequence[Sequence[int]], defining: set[int]) -> list[int]:
    """The number of words of each length, from 1 on, whose product is among `defining`."""
    return [sum(products[product] for product in defining) for products in words[1:]]
