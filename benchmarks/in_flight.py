"""What does a search lose when many trials are in flight, and the first proposals are blind? Replays of full grids.

    uv run benchmarks/in_flight.py TABLES_DIR
    uv run benchmarks/in_flight.py TABLES_DIR --in-flight 128 --methods front random --trials 128 --seeds 16

Each replay trains `--trials` networks, `--in-flight` of them at a time. Prints the fraction of the table's
hypervolume that is found (defined in `replay.py`), with mean and standard deviation over the seeds. Nothing is stopped.
"""

import argparse
import os
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from replay import load_grids, replay
from search_quality import CHOOSERS


def one(job: tuple[str, str, int, int, int]) -> float:
    """The fraction of the hypervolume that one replay finds."""
    name, method, in_flight, trials, seed = job
    table = TABLES[name]
    outcome = replay(table, CHOOSERS[method](table, seed), None, seed=seed, budget=trials, workers=in_flight)
    return float(outcome.share_at(trials))


TABLES = {}


def main() -> None:
    """Parse the flags, replay, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="tables; all grids without this")
    parser.add_argument("--methods", nargs="+", choices=CHOOSERS, default=["front", "random", "TPE"])
    parser.add_argument("--in-flight", nargs="+", type=int, default=[1, 4, 32, 128])
    parser.add_argument("--trials", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    TABLES.update({table.name: table for table in load_grids(options.tables)})
    with get_context("fork").Pool(options.processes) as pool:
        for name in options.only or TABLES:
            for in_flight in options.in_flight:
                for method in options.methods:
                    jobs = [(name, method, in_flight, options.trials, 10_000 + seed) for seed in range(options.seeds)]
                    shares = np.array(pool.map(one, jobs, chunksize=1))
                    print(
                        f"{name:22} {in_flight:4} in flight  {method:8} {shares.mean():.4f} ± {shares.std(ddof=1):.4f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
