"""Does a table of measured parts predict latency? 50 random networks of each space, predicted and measured.

    uv run benchmarks/latency_table.py
    uv run benchmarks/latency_table.py --space small mobilenet_v3_small --runtime onnx

Measures the table of a space as a search does, then draws other networks, predicts each from the table, and measures
each as a whole. The networks take turns. Prints Spearman's rank correlation of prediction and measurement, the same of
the even and the odd passes of the measurement (no prediction can be expected to be much better), the median relative
error, both for the plain sum of the parts and for FLOPs (scaled to the best fit), and how much slower a network is with
its SE by the table and by the clock. `common factor` is the median of prediction / measurement: the machine may be
slower or faster while the table is measured than later. `error beside it` is the median error without this factor.
"""

import argparse
import json
import os
import time
from pathlib import Path
from random import Random

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table

from se_nas.analysis.latency_check import rank_correlation
from se_nas.errors import InputError, MissingPartError
from se_nas.models.cost import measure_cost
from se_nas.models.parts import parts_of
from se_nas.space.architecture import Architecture
from se_nas.space.design_space import DesignSpace
from se_nas.space.files.loading import load_design_space
from se_nas.space.placements import without_se
from se_nas.training.known_latency.measuring import find_parts, measure_table
from se_nas.training.known_latency.runtimes import RUNTIMES, undisturbed
from se_nas.training.known_latency.table import LatencyTable, times_of
from se_nas.training.trainer import build_initial_model

SPACES = Path(__file__).parents[1] / "search_spaces"
CLASSES = 10


def draw(space: DesignSpace, count: int, *, seed: int) -> list[Architecture]:
    """Distinct networks that keep the bounds on counted costs."""
    rng, drawn = Random(seed), {}
    while len(drawn) < count:
        network = space.decode(space.sample(rng))
        cost = measure_cost(network, image_size=space.image_size, num_classes=CLASSES).as_dict()
        if space.cost_violation(cost) is None:
            drawn[network.fingerprint()] = network
    return list(drawn.values())


def measured(networks: list[Architecture], space: DesignSpace, runtime: str) -> list[list[float]]:
    """The seconds of the passes of each network."""
    sides = [each.image_size or space.image_size for each in networks]
    modules = [
        (build_initial_model(each, num_classes=CLASSES, seed=0).eval(), (1, 3, side, side))
        for each, side in zip(networks, sides, strict=True)
    ]
    alone = [[index] for index in range(len(modules))]
    return [*map(list, RUNTIMES[runtime].measure(modules, alone, threads=1, on_round=lambda done, rounds: None))]


def milliseconds(taken: list[list[float]]) -> np.ndarray:
    """The milliseconds of each network."""
    return np.array([1000 * undisturbed(seconds) for seconds in taken])


def predicted(networks: list[Architecture], space: DesignSpace, table: LatencyTable) -> list[float | None]:
    """The predicted milliseconds of each network; None if the table lacks a part of it."""
    values: list[float | None] = []
    for network in networks:
        try:
            values.append(table.predict(network, image_size=space.image_size, num_classes=CLASSES))
        except MissingPartError:
            values.append(None)
    return values


def error(prediction: np.ndarray, truth: np.ndarray) -> float:
    """The median relative error."""
    return float(np.median(np.abs(prediction / truth - 1)))


def row_of(name: str, options: argparse.Namespace) -> dict[str, object]:
    """Everything that is measured on one space."""
    space = load_design_space(SPACES / f"{name}.yaml")
    began = time.perf_counter()
    found = find_parts(space, image_size=space.image_size, num_classes=CLASSES)
    finding = time.perf_counter() - began
    table = measure_table(
        found, runtime=options.runtime, batch=1, threads=1, classes=CLASSES, image_size=space.image_size
    )
    seconds = time.perf_counter() - began
    networks = draw(space, options.networks, seed=1)
    guesses = predicted(networks, space, table)
    known = [(network, guess) for network, guess in zip(networks, guesses, strict=True) if guess is not None]
    networks, guess = [network for network, _ in known], np.array([value for _, value in known])
    plain = [without_se(network) for network in networks]
    pairs = [index for index, network in enumerate(networks) if network.se_tokens != plain[index].se_tokens][:12]
    taken = measured([*networks, *(plain[index] for index in pairs)], space, options.runtime)
    truth, of_plain = milliseconds(taken[: len(networks)]), milliseconds(taken[len(networks) :])
    halves = [milliseconds([own[half::2] for own in taken]) for half in (0, 1)]
    first, second = (half[: len(networks)].tolist() for half in halves)
    parts = [parts_of(each, image_size=space.image_size, num_classes=CLASSES) for each in networks]
    sums = np.array([times_of((part.name for part in own), table.milliseconds).total for own in parts])
    flops = np.array(
        [measure_cost(each, image_size=space.image_size, num_classes=CLASSES).flops for each in networks], dtype=float
    )
    if options.values is not None:
        counts = [len(own) for own in parts]
        values = {"space": name, "sums": sums.tolist(), "counts": counts, "measured": truth.tolist()}
        with options.values.open("a") as file:
            file.write(json.dumps({**values, "predicted": guess.tolist(), "flops": flops.tolist()}) + "\n")
    without = np.array(predicted([plain[index] for index in pairs], space, table), dtype=float)
    return {
        "space": name,
        "runtime": options.runtime,
        "device": table.setting.device,
        "parts": len(found.parts),
        "covered": round(found.covered, 3),
        "networks": len(networks),
        "uncovered": options.networks - len(networks),
        "finding_seconds": round(finding, 1),
        "table_seconds": round(seconds, 1),
        "milliseconds": [round(float(truth.min()), 3), round(float(truth.max()), 3)],
        "rank": round(rank_correlation(guess.tolist(), truth.tolist()), 3),
        "error": round(error(guess, truth), 3),
        "common_factor": round(float(np.median(guess / truth)), 3),
        "error_beside_it": round(error(guess / np.median(guess / truth), truth), 3),
        "error_90": round(float(np.quantile(np.abs(guess / truth - 1), 0.9)), 3),
        "rank_of_halves": round(rank_correlation(first, second), 3),
        "rank_of_sum": round(rank_correlation(sums.tolist(), truth.tolist()), 3),
        "error_of_sum": round(error(sums, truth), 3),
        "rank_of_flops": round(rank_correlation(flops.tolist(), truth.tolist()), 3),
        "error_of_flops": round(error(flops * np.median(truth / flops), truth), 3),
        "constant": round(table.correction.constant, 4),
        "each": round(table.correction.each, 4),
        "scale": round(table.correction.scale, 3),
        "attention": None if table.correction.attention is None else round(table.correction.attention, 3),
        "own_error": None if table.correction.error is None else round(table.correction.error, 3),
        "se_predicted": round(float(np.median(guess[pairs] / without)), 3) if pairs else None,
        "se_measured": round(float(np.median(truth[pairs] / of_plain)), 3) if pairs else None,
        "se_always_slower": bool((guess[pairs] > without).all()) if pairs else None,
    }


def main() -> None:
    """Measure each space, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--space", nargs="*", default=sorted(path.stem for path in SPACES.glob("*.yaml")))
    parser.add_argument("--runtime", choices=sorted(RUNTIMES), default="eager")
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--values", type=Path, help="append the values of each network to this file")
    options = parser.parse_args()
    rows = []
    for name in options.space:
        try:
            rows.append(row_of(name, options))
        except InputError as problem:
            raise SystemExit(f"{name}: {problem}") from None
        print(json.dumps(rows[-1]), flush=True)
    table = Table(box=None)
    shown = (
        "space",
        "parts",
        "milliseconds",
        "rank",
        "rank_of_halves",
        "error",
        "common_factor",
        "error_beside_it",
        "error_of_sum",
        "rank_of_flops",
        "error_of_flops",
    )
    shown += ("se_predicted", "se_measured", "table_seconds")
    for name in shown:
        table.add_column(name.replace("_", " "), justify="left" if name == "space" else "right")
    for row in rows:
        table.add_row(*(str(row[name]) for name in shown))
    Console().print(table)


if __name__ == "__main__":
    main()
