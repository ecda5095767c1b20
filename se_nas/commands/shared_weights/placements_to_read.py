"""The placements that are read from a supernet: all of them, or those that evolution on the supernet proposes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from random import Random

from se_nas.searching.objectives import Objectives
from se_nas.searching.propose.evolution import Evolution
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Assignment
from se_nas.space.switches import Placement, Switchboard

ALL_UP_TO = 1_024
"""The most placements of which all are read: those of ten switches that are on or off."""
EVOLVED = 400
"""The number of placements that are read if there are more."""
PATIENCE = 200
"""The proposals in a row that were read before, after which evolution ends."""

Read = Callable[[Placement], float]


def read_placements(
    board: Switchboard, first: Iterable[Placement], most: int | None, read: Read, cost: Callable[[Placement], float]
) -> Iterator[tuple[Placement, float]]:
    """Yield each placement with its accuracy, once: those of `first`, then the others, at most `most` in all.

    Without `most`, all placements are read if they are few.

    `cost` are the parameters of a placement. `read` is called in the same order with and without an interruption.
    """
    limit = usual_reading(board) if most is None else most
    seen: dict[Placement, float] = {}
    rest = board.every() if board.count <= limit else _evolved(board, seen, cost)
    for placement in chain([board.narrowest, board.widest, *first], rest):
        if len(seen) >= max(limit, 2):
            return
        if placement not in seen:
            seen[placement] = read(placement)
            yield placement, seen[placement]


def usual_reading(board: Switchboard) -> int:
    """The number of placements that are read if nobody names another: all of them if they are few."""
    return board.count if board.count <= ALL_UP_TO else EVOLVED


def _evolved(
    board: Switchboard, seen: Mapping[Placement, float], cost: Callable[[Placement], float]
) -> Iterator[Placement]:
    """Placements by aging evolution for accuracy and parameters. The caller reads each before it asks for the next."""
    names = [switch.name for switch in board.switches]

    def sample(rng: Random) -> Assignment:
        return {switch.name: rng.randrange(len(switch.options)) for switch in board.switches}

    def neighbours(assignment: Assignment) -> Iterator[Assignment]:
        for switch in board.switches:
            for option in range(len(switch.options)):
                if option != assignment[switch.name]:
                    yield {**assignment, switch.name: option}

    strategy = Evolution(
        sample=sample, neighbours=neighbours, objectives=Objectives(("params",)), seed=derive_seed(0, "placements")
    )
    told: set[Placement] = set()
    repeated = 0
    while repeated < PATIENCE:
        for placement in [each for each in seen if each not in told]:
            assignment = dict(zip(names, placement, strict=True))
            strategy.tell(_record(len(told), assignment, placement, seen[placement], cost(placement)))
            told.add(placement)
        asked = strategy.ask().assignment
        proposed = tuple(int(asked[name]) for name in names)
        repeated = repeated + 1 if proposed in seen else 0
        if not repeated:
            yield proposed


def _record(number: int, assignment: Assignment, placement: Placement, accuracy: float, params: float) -> TrialRecord:
    return TrialRecord(
        number=number,
        status=TrialStatus.COMPLETE,
        assignment=assignment,
        fingerprint=str(placement),
        se=(),
        cost={"params": params},
        curve=(accuracy,),
    )
