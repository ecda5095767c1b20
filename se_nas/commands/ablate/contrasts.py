"""The networks of an ablation, and the comparisons between them."""

from dataclasses import dataclass, replace

from se_nas.space.architecture import Architecture
from se_nas.space.habit import published_names
from se_nas.space.placements import has_se, switched, with_published_se, without_se

FOUND, NOWHERE = "as found", "nowhere"


@dataclass(frozen=True, slots=True)
class Contrast:
    """A comparison of two networks, by their names. The first has SE at `where`. The second has no SE there, or has SE
    at `over` instead."""

    where: str
    over: str
    with_se: str
    without: str


def plan_ablation(found: Architecture) -> tuple[dict[str, Architecture], list[Contrast]]:
    """The networks to train, by name, and the comparisons that are of interest. Each occurs once."""
    _, published = published_names(found)
    everywhere = f"everywhere ({published})"
    networks = {FOUND: found, NOWHERE: without_se(found), everywhere: with_published_se(found)}
    contrasts = [
        Contrast(FOUND, NOWHERE, FOUND, NOWHERE),
        Contrast(everywhere, NOWHERE, everywhere, NOWHERE),
        Contrast(everywhere, FOUND, everywhere, FOUND),
    ]
    for index in range(len(found.stages)):
        name = f"switched in stage {index + 1}"
        networks[name] = switched(found, index)
        with_se, without = (FOUND, name) if has_se(found, index) else (name, FOUND)
        is_all = without == name and networks[name] == networks[NOWHERE]
        contrasts.append(Contrast(f"in stage {index + 1}{f' ({FOUND})' if is_all else ''}", "", with_se, without))
    first: dict[str, str] = {}  # by fingerprint, the name under which a network is trained
    names = {name: first.setdefault(network.fingerprint(), name) for name, network in networks.items()}
    renamed = [replace(each, with_se=names[each.with_se], without=names[each.without]) for each in contrasts]
    told_last = [*renamed[2::-1], *renamed[3:]]  # if a comparison has two names, the clearer name wins
    distinct = {(each.with_se, each.without): each for each in told_last if each.with_se != each.without}
    return {name: networks[name] for name in first.values()}, sorted(distinct.values(), key=renamed.index)
