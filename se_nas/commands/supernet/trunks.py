"""The trunks that a request for supernets names, with the names of their files."""

from collections.abc import Callable
from dataclasses import dataclass

from se_nas.commands.run_loading import pick_trial
from se_nas.errors import InputError
from se_nas.process.invocation import invocation
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord
from se_nas.space.decisions import Role
from se_nas.space.design_space import DesignSpace
from se_nas.space.placements import without_se
from se_nas.space.switches import Switchboard, find_switches, has_one_trunk, switches_of_space

FRONT = "front"
"""The name that means every trunk of the front."""
NAME = "supernet"
"""The start of the names of the files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """The switches of a trunk. `name` is the start of the names of its files. `pick` names its network in the run."""

    name: str
    board: Switchboard
    pick: str


def check_one_trunk(space: DesignSpace) -> None:
    """Check that a supernet of this space needs no network to name its trunk. InputError if it does."""
    if not has_one_trunk(space):
        other = next(name for name, decision in space.decisions.items() if decision.role is not Role.ATTENTION)
        raise InputError(
            f"space '{space.name}' also decides on {other}, but a supernet has one trunk; take that of a network of a "
            f"search: {invocation('supernet')} RUN_DIR:knee"
        )
    switches_of_space(space)


def named_trunks(
    space: DesignSpace, folder: RunFolder, progress: SearchProgress, pick: str, print_line: Callable[[str], None]
) -> list[Trunk]:
    """The trunks that `pick` names. A network decides on the site of SE in its trunk."""
    if has_one_trunk(space) and pick in ("", FRONT):
        return [Trunk(name=NAME, board=switches_of_space(space), pick="knee")]
    if pick == FRONT:
        return _of_front(space, folder, progress, print_line)
    if not pick:
        raise InputError(
            f"{folder.path}: its space has several trunks; say which network's trunk, e.g. {folder.path}:knee, or "
            f"{folder.path}:{FRONT} for each trunk of the front"
        )
    return [_of_trial(space, folder, progress, pick_trial(progress, pick, folder, also=(FRONT,)))]


def _of_front(
    space: DesignSpace, folder: RunFolder, progress: SearchProgress, print_line: Callable[[str], None]
) -> list[Trunk]:
    """Each trunk of the front once. A line names each network without a supernet."""
    records = list(progress.front.members)
    if not records:
        raise InputError(f"{folder.path}: no network is trained in full yet, so there is no front")
    found: dict[str, Trunk] = {}
    for record in records:
        try:
            trunk = _of_trial(space, folder, progress, record)
        except InputError as error:
            print_line(f"left out  trial {record.number}: {error}")
        else:
            found.setdefault(trunk.board.trunk, trunk)
    if not found:
        raise InputError(f"{folder.path}: no network of the front has a trunk with a supernet")
    return list(found.values())


def _of_trial(space: DesignSpace, folder: RunFolder, progress: SearchProgress, record: TrialRecord) -> Trunk:
    """The trunk of a trial. Its files have the number of the first trial with the same supernet."""
    board = find_switches(space, folder.load_network(record))
    own = board.switched.fingerprint()
    pick = str(record.number)
    if has_one_trunk(space) and switches_of_space(space).switched.fingerprint() == own:
        return Trunk(name=NAME, board=board, pick=pick)
    for other in sorted(progress.records, key=lambda each: each.number):
        if other.number >= record.number:
            break
        if _supernet_of(space, folder, other, board.trunk) == own:
            return Trunk(name=f"{NAME}-{other.number:04d}", board=board, pick=pick)
    return Trunk(name=f"{NAME}-{record.number:04d}", board=board, pick=pick)


def _supernet_of(space: DesignSpace, folder: RunFolder, record: TrialRecord, trunk: str) -> str | None:
    """The fingerprint of the supernet of a trial; None if it has another trunk, or cannot be read."""
    try:
        network = folder.load_network(record)
        if without_se(network).fingerprint() != trunk:
            return None
        return find_switches(space, network).switched.fingerprint()
    except InputError:
        return None
