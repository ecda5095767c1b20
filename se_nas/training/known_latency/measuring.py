"""Measures a latency table: finds the parts of a space's networks, and measures each part and a few whole networks."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch

from se_nas.errors import ImageTooSmallError, InputError
from se_nas.models.cost import measure_cost
from se_nas.models.parts import Part, parts_of
from se_nas.space.architecture import Architecture
from se_nas.space.design_space import DesignSpace
from se_nas.space.placements import without_se
from se_nas.training.known_latency.runtimes import RUNTIMES, OnRound, Timed, undisturbed
from se_nas.training.known_latency.table import LatencyTable, Setting, fitted_correction, times_of
from se_nas.training.trainer import build_initial_model

NETWORKS = 16
"""The number of whole networks that are measured beside the parts. Each is measured without its attention too."""
SPREAD = 200
"""The number of drawn networks from which the whole networks are chosen, evenly over their FLOPs."""
WITHOUT_NEWS, FOR_EACH_PART = 200, 8
"""All parts count as found after this number of allowed networks in a row without a new part: the first, and at least
the second for each known part."""
MOST_SECONDS = 60.0
"""The processor time after which the search for parts ends although networks still have new parts, as in RegNet's law,
or although few draws keep the bounds."""
HOPELESS = 1_000
"""The number of draws after which a space without an allowed network counts as empty, as before a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceParts:
    """The distinct parts of a space's networks, and a few of these networks that differ in size, each with its parts.

    `contexts` are networks, as the names of their parts, in which each part occurs. `covered` estimates the fraction of
    the allowed networks that have no other parts: it is the fraction of the drawn networks whose parts all occur in
    another drawn network too (leave-one-out, as Good and Turing estimate the unseen: Biometrika 40, 1953).
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
    """Draw networks that keep the bounds on counted costs, until further networks have no new part.

    InputError if no network keeps the bounds. A network for which the images are too small is passed over.
    """
    ends = clock() + MOST_SECONDS
    parts: dict[str, Part] = {}
    networks: dict[str, tuple[int, Architecture, tuple[Part, ...]]] = {}
    contexts: list[tuple[str, ...]] = []
    having: Counter[str] = Counter()
    first: dict[str, int] = {}
    allowed = last_news = 0
    for draw, drawn in enumerate(_draws(space, image_size=image_size, num_classes=num_classes), start=1):
        if drawn is not None:
            flops, architecture, own = drawn
            allowed += 1
            having.update({part.name for part in own})
            if any(part.name not in parts for part in own):
                last_news = allowed
                contexts.append(tuple(part.name for part in own))
            parts |= {part.name: part for part in own}
            for part in own:
                first.setdefault(part.name, allowed)
            if len(networks) < SPREAD:
                networks[architecture.fingerprint()] = flops, architecture, own
        is_complete = allowed - last_news >= max(WITHOUT_NEWS, FOR_EACH_PART * len(parts))
        if is_complete or clock() > ends or (draw >= HOPELESS and not allowed):
            break
    if not allowed:
        raise InputError(
            f"space '{space.name}': no drawn network keeps its bounds at {image_size} px, so there is "
            "no part to measure: adapt the bounds, or the space"
        )
    return SpaceParts(
        parts=tuple(parts.values()),
        contexts=_needed(contexts),
        networks=_spread(sorted(networks.values(), key=lambda network: network[0])),
        covered=1 - len({first[name] for name, count in having.items() if count == 1}) / allowed,
    )


def _draws(
    space: DesignSpace, *, image_size: int, num_classes: int
) -> Iterator[tuple[int, Architecture, tuple[Part, ...]] | None]:
    """Draw networks without end: the FLOPs, the network and its parts; None for a network that is not allowed."""
    rng = Random(0)
    while True:
        architecture = space.decode(space.sample(rng))
        try:
            cost = measure_cost(architecture, image_size=image_size, num_classes=num_classes)
            if space.cost_violation(cost.as_dict()) is None:
                own = parts_of(architecture, image_size=image_size, num_classes=num_classes)
                yield cost.flops, architecture, own
                continue
        except ImageTooSmallError:
            pass
        yield None


def _needed(contexts: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """The contexts without each one whose parts all occur in others. The first contexts have the most common parts."""
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
    """At most `NETWORKS` of the networks, evenly spread, with the first and the last."""
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
    networks = _with_plain_ones(found.networks, classes=classes, image_size=image_size)
    for architecture, _ in networks:
        side = architecture.image_size or image_size
        model = build_initial_model(architecture, num_classes=classes, seed=0)
        groups.append([len(modules)])
        modules.append((model.eval(), (batch, 3, side, side)))
    milliseconds = [
        1000 * undisturbed(seconds) / batch
        for seconds in device.measure(modules, groups, threads=threads, on_round=on_round)
    ]
    of_parts = {part.name: own for part, own in zip(found.parts, milliseconds, strict=False)}
    of_networks = [times_of((part.name for part in own), of_parts) for _, own in networks]
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
        networks=len(networks),
    )


def _with_plain_ones(
    networks: Sequence[tuple[Architecture, tuple[Part, ...]]], *, classes: int, image_size: int
) -> list[tuple[Architecture, tuple[Part, ...]]]:
    """The networks, and each without its attention, which has no other parts. Each network occurs once."""
    every = {architecture.fingerprint(): (architecture, parts) for architecture, parts in networks}
    for architecture, _ in networks:
        plain = without_se(architecture)
        every.setdefault(plain.fingerprint(), (plain, parts_of(plain, image_size=image_size, num_classes=classes)))
    return list(every.values())
