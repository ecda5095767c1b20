"""Trains networks drawn from a space to their end, and keeps their learning curves: a table to replay searches on.

    uv run benchmarks/record_curves.py --space search_spaces/small.yaml --data digits --out tables/digits_curves.npz

The file has `acc` (networks, epochs), validation accuracy as a fraction, and `macs` (networks,), as
`search_quality.py tables` reads them. Networks are trained by the recipe of a search on these images. Each core has a
process with one thread.
"""

import argparse
import os
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from random import Random

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from real_search import Task
from rich.progress import track

from se_nas.commands.search.flags import SearchRequest
from se_nas.data.sources import load_data
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Assignment
from se_nas.space.files.loading import load_design_space


@cache
def task(space: Path, data: str, epochs: int) -> Task:
    """The data of a process, loaded once."""
    design_space = load_design_space(space)
    recipe = SearchRequest(data=data).trial_recipe.changes
    return Task(design_space, load_data(data, image_size=design_space.image_size), epochs, recipe)


def record(job: tuple[Path, str, int, Assignment, int]) -> tuple[list[float], int]:
    """(accuracy after each epoch, FLOPs) of one network, trained with the seed of its number."""
    space, data, epochs, assignment, number = job
    asked = task(space, data, epochs)
    inspection = asked.inspect(assignment)
    assert inspection is not None  # only networks that obey the rules are drawn
    return list(asked.train(assignment, derive_seed(0, "record", number))), int(inspection.cost["flops"])


def main() -> None:
    """Draw the networks, train them, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", type=Path, required=True)
    parser.add_argument("--data", required=True, help="as in launch/search.py")
    parser.add_argument("--networks", type=int, default=150)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    asked, rng, drawn = task(options.space, options.data, options.epochs), Random(options.seed), {}
    while len(drawn) < options.networks:
        assignment = asked.space.sample(rng)
        if inspection := asked.inspect(assignment):
            drawn.setdefault(inspection.fingerprint, assignment)
    jobs = [
        (options.space, options.data, options.epochs, assignment, number)
        for number, assignment in enumerate(drawn.values())
    ]
    with get_context("spawn").Pool(options.processes) as pool:
        rows = list(track(pool.imap(record, jobs), total=len(jobs), description="training"))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        options.out, acc=np.array([curve for curve, _ in rows]), macs=np.array([cost for _, cost in rows])
    )


if __name__ == "__main__":
    main()
