"""Measures a latency table: finds the parts of a space's networks, measures each once, and a few whole networks."""

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import torch

from se_nas.errors import ImageTooSmallError, InputError
from se_nas.models.cost import measure_cost
from se_nas.models.parts import Part, parts_of
from se_nas.space.architecture import Architecture
from se_nas.space.design_space import DesignSpace
from se_nas.training.known_latency.runtimes import RUNTIMES, OnRound, Timed, undisturbed
from se_nas.training.known_latency.table import LatencyTable, Setting, fitted_correction, times_of
from se_nas.training.trainer import build_initial_model

NETWORKS = 16
"""The number of whole networks that are measured beside the parts."""
SPREAD = 200
"""The number of drawn networks of which these are chosen, evenly spread over their FLOPs."""
WITHOUT_NEWS, FOR_EACH_PART = 200, 8
"""All parts count as found after this number of draws in a row without a new part: the first, and at least the second
for each known part."""
MOST_SECONDS = 60.0
"""The processor time after which the search for parts ends although draws still find new parts, as in RegNet's law."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceParts:
    """The distinct parts of a space's networks, and a few of these networks that differ in size, each with its parts.

    `contexts` are networks, as the names of their parts, in which each part occurs. `covered` is the fraction of the
    last draws, at most `SPREAD`, that had no new part.
    """

    parts: tuple[Part, ...]
    contexts: tuple[tuple[str, ...], ...]
    networks: tuple[tuple[Architecture, tuple[Part, ...]], ...]
    covered: float


def find_parts(
    space: DesignSpace,
    *,
    image_size: int,
    num_classes: int,
    clock: Callable[[], float] = time.process_time,
) -> SpaceParts:
    """Draw networks that keep the bounds on counted costs, until no draw has a new part. InputError if none keeps them.

    A network for which the images are too small is passed over.
    """
    rng, ends = Random(0), clock() + MOST_SECONDS
    parts: dict[str, Part] = {}
    networks: dict[str, tuple[int, Architecture, tuple[Part, ...]]] = {}
    contexts: list[tuple[str, ...]] = []
    without_news = 0
    news: deque[bool] = deque(maxlen=SPREAD)
    for _ in itertools.count():
        architecture = space.decode(space.sample(rng))
        without_news += 1
        try:
            cost = measure_cost(architecture, image_size=image_size, num_classes=num_classes)
            if space.cost_violation(cost.as_dict()) is None:
                own = parts_of(architecture, image_size=image_size, num_classes=num_classes)
                is_new = any(part.name not in parts for part in own)
                news.append(is_new)
                without_news = 0 if is_new else without_news
                parts |= {part.name: part for part in own}
                if is_new:
                    contexts.append(tuple(part.name for part in own))
                if len(networks) < SPREAD:
                    networks[architecture.fingerprint()] = cost.flops, architecture, own
        except ImageTooSmallError:
            pass
        if without_news >= max(WITHOUT_NEWS, FOR_EACH_PART * len(parts)) or clock() > ends:
            break
    if not parts:
        raise InputError(
            f"space '{space.name}': no drawn network keeps its bounds at {image_size} px, so there is "
            "no part to measure: adapt the bounds, or the space"
        )
    return SpaceParts(
        parts=tuple(parts.values()),
        contexts=_needed(contexts),
        networks=_spread(sorted(networks.values(), key=lambda network: network[0])),
        covered=1 - sum(news) / len(news),
    )


def _needed(contexts: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """The contexts without those whose parts all occur in others. The first contexts brought the most common parts."""
    counts = Counter(name for names in contexts for name in set(names))
    needed = []
    for names in contexts:
        if all(counts[name] > 1 for name in names):
            counts.subtract(set(names))
        else:
            needed.append(names)
    return tuple(needed)


def _spread(
    networks: Sequence[tuple[int, Architecture, tuple[Part, ...]]],
) -> tuple[tuple[Architecture, tuple[Part, ...]], ...]:
    """At most `NETWORKS` of these, evenly spread and with both ends."""
    count = min(NETWORKS, len(networks))
    places = [round(index * (len(networks) - 1) / max(1, count - 1)) for index in range(count)]
    return tuple((networks[place][1], networks[place][2]) for place in places)


def measure_table(
    found: SpaceParts,
    *,
    runtime: str,
    batch: int,
    threads: int,
    classes: int,
    image_size: int,
    on_round: OnRound = lambda done, rounds: None,
) -> LatencyTable:
    """Measure the parts and the networks. InputError if this machine lacks something for the runtime."""
    device = RUNTIMES[runtime]
    if (problem := device.problem()) is not None:
        raise InputError(f"runtime {runtime}: {problem}")
    with torch.random.fork_rng(devices=()):
        modules: list[Timed] = [
            (part.build().eval(), (batch, part.channels, part.size, part.size)) for part in found.parts
        ]
    index_of = {part.name: index for index, part in enumerate(found.parts)}
    groups = [[index_of[name] for name in names] for names in found.contexts]
    for architecture, _ in found.networks:
        side = architecture.image_size or image_size
        model = build_initial_model(architecture, num_classes=classes, seed=0)
        groups.append([len(modules)])
        modules.append((model.eval(), (batch, 3, side, side)))
    milliseconds = [
        1000 * undisturbed(seconds) / batch
        for seconds in device.measure(modules, groups, threads=threads, on_round=on_round)
    ]
    of_parts = {part.name: own for part, own in zip(found.parts, milliseconds, strict=False)}
    of_networks = [times_of((part.name for part in own), of_parts) for _, own in found.networks]
    return LatencyTable(
        setting=Setting(
            runtime=runtime,
            device=device.device_name(),
            batch=batch,
            threads=threads,
            classes=classes,
            image_size=image_size,
        ),
        milliseconds=of_parts,
        correction=fitted_correction(of_networks, milliseconds[len(found.parts) :]),
        networks=len(found.networks),
    )
