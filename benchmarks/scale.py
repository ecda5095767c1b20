"""How far does a search scale? The driver's cost, the page, and what many trials in flight cost in quality.

    uv run benchmarks/scale.py TABLES_DIR
    uv run benchmarks/scale.py TABLES_DIR --parts driver --recorded 1000 10000 100000 --in-flight 8 64 512
    uv run benchmarks/scale.py TABLES_DIR --parts regret --seeds 4 --trainings 1024

driver  CPU milliseconds of a proposal, a judgement and a whole trial (`driver_load.py`), and the trials a minute that
        half a core allows. Above `--stored` recorded trials, the others are simulated: in memory, not in `study.db`.
page    seconds and megabytes of the report (`report_size.py`).
regret  hypervolume and budget regret (`handed.py`) of replays on the grids in TABLES_DIR, against the number of
        trials in flight. The accuracies have the noise of one training.

Each measurement has a process of its own, one after the other, and at most `--limit` seconds of CPU. Each line says
the load of the machine at its end. Nothing is trained.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

BENCHMARKS = Path(__file__).parent
PARTS = ("driver", "page", "regret")


def limited(command: list[str], limit: int) -> str | None:
    """The output of a benchmark; None if it needs more than `limit` seconds of CPU."""

    def keep_to_the_limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))

    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / command[0]), *command[1:]],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=keep_to_the_limit,
    )
    if done.returncode < 0:
        return None
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}")
    return done.stdout


def load() -> str:
    """The load of the machine, as text."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def measure_driver(recorded: int, in_flight: int, options: argparse.Namespace) -> None:
    """Print the cost of a trial for the driver."""
    command = ["overhead.py", "--load", str(recorded), str(in_flight), "--trials", str(options.trials)]
    output = limited([*command, "--stored", str(options.stored), "--wandb", "off"], options.limit)
    how = "simulated" if recorded > options.stored else "measured"
    what = f"{recorded:>7,} recorded {in_flight:>4} in flight  {how:9}"
    if output is None:
        print(f"{what}  more than {options.limit} s  ({load()})", flush=True)
        return
    found = json.loads(output.splitlines()[-1])
    print(
        f"{what}  proposal {found['ms a proposal']:6.1f} ms  judgement {found['ms a judgement']:5.2f} ms  "
        f"trial {found['ms a trial']:6.1f} ms ({found['epochs a trial']:.1f} epochs)  "
        f"half a core: {30_000 / found['ms a trial']:,.0f} trials a minute  "
        f"opening {found['seconds to open']:5.1f} s  {found['MB']:5.0f} MB  ({load()})",
        flush=True,
    )


def measure_page(trials: int, options: argparse.Namespace) -> None:
    """Print the size and the seconds of the page of so many trials."""
    output = limited(["report_size.py", "--trials", str(trials)], options.limit)
    line = f"{trials:>7,} trials: more than {options.limit} s" if output is None else output.splitlines()[0]
    print(f"{line}  ({load()})", flush=True)


def regret_of(job: dict[str, Any]) -> dict[str, Any]:
    """The figures of one replay (`handed.received`), for the strategy `front`."""
    from handed import received, with_noise
    from replay import load_grids, replay
    from search_quality import CHOOSERS, OurProposer

    table = next(grid for grid in load_grids(Path(job["tables"])) if grid.name == job["table"])
    noisy = with_noise(table, 1.0, job["seed"])
    proposer = CHOOSERS[job["method"]](noisy, job["seed"])
    outcome = replay(noisy, proposer, None, seed=job["seed"], budget=job["trainings"], workers=job["in flight"])
    count = int((outcome.spent <= job["trainings"]).sum())
    reported = proposer.reported(count) if isinstance(proposer, OurProposer) else None
    return received(table, outcome, job["trainings"], reported)


def measure_regret(table: str, method: str, in_flight: int, options: argparse.Namespace) -> None:
    """Print mean and standard deviation of hypervolume and budget regret over the seeds."""
    import numpy as np

    what = f"{table:22} {method:7} {in_flight:>4} in flight"
    shares, regrets = [], []
    for seed in range(options.seeds):
        job = {"tables": str(options.tables), "table": table, "method": method, "seed": 20_000 + seed}
        job |= {"in flight": in_flight, "trainings": options.trainings}
        output = limited(["scale.py", str(options.tables), "--job", json.dumps(job)], options.limit)
        if output is None:
            print(
                f"{table:22} {method:7} {in_flight:>4} in flight  more than {options.limit} s  ({load()})", flush=True
            )
            return
        found = json.loads(output.splitlines()[-1])
        shares.append(found["share"])
        regrets.append(float(np.mean(found["regrets"])))
    deviations = [float(np.std(each, ddof=1)) if len(each) > 1 else float("nan") for each in (shares, regrets)]
    print(
        f"{what}  hypervolume {np.mean(shares):.4f} ± {deviations[0]:.4f}  "
        f"budget regret {np.mean(regrets):.3f} ± {deviations[1]:.3f} points  ({options.seeds} seeds, {load()})",
        flush=True,
    )


def main() -> None:
    """Parse the flags, measure each case, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, help="folder of recorded grids (benchmarks/tables/README.md)")
    parser.add_argument(
        "--parts", nargs="+", choices=["driver", "page", "regret"], default=["driver", "page", "regret"]
    )
    parser.add_argument("--recorded", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--in-flight", type=int, nargs="+", default=[8, 64, 512])
    parser.add_argument("--stored", type=int, default=10_000, help="driver: most recorded trials in study.db")
    parser.add_argument("--trials", type=int, default=100, help="driver: trials that end while it is measured")
    parser.add_argument("--trainings", type=int, default=1_024, help="regret: trainings of each replay")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--methods", nargs="+", default=["front", "random"])
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="regret: these grids")
    parser.add_argument("--limit", type=int, default=180, help="most seconds of CPU of each measurement")
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(regret_of(options.job)))
        return
    if "driver" in options.parts:
        for recorded in options.recorded:
            for in_flight in options.in_flight:
                measure_driver(recorded, in_flight, options)
    if "page" in options.parts:
        for recorded in options.recorded:
            measure_page(recorded, options)
    if "regret" in options.parts:
        from replay import load_grids

        tables = [table.name for table in load_grids(options.tables)]
        if not tables:
            raise SystemExit(f"{options.tables}: no grid there (nasbench201_final.npz, nas_bench_macro.npz)")
        if unknown := [name for name in options.only or [] if name not in tables]:
            raise SystemExit(f"--only {unknown[0]}: no such grid; expected {', '.join(tables)}")
        for table in options.only or tables:
            for method in options.methods:
                for in_flight in options.in_flight:
                    measure_regret(table, method, in_flight, options)


if __name__ == "__main__":
    main()
