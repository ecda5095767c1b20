"""How large is report.html, and what takes its bytes and seconds? Made-up trials of the default space.

    uv run benchmarks/report_size.py --trials 200 1000 10000
    uv run benchmarks/report_size.py --trials 10000 --keep FOLDER

Accuracy follows from cost, from SE and from chance; 60 % of the trials are stopped, 1 % fail. Prints megabytes of the
page, of each figure and of the table of all trials, and the seconds of statistics, figures and page. `--keep` leaves
the pages in a folder, to be opened in a browser.
"""

import argparse
import math
import time
from pathlib import Path
from random import Random

from se_nas.analysis.overview import Overview
from se_nas.report.drawing import figure_html, plotly_html
from se_nas.report.figures.all_figures import search_figures
from se_nas.report.page import render_page
from se_nas.report.tables import trials_table
from se_nas.searching.objectives import parse_objectives
from se_nas.searching.progress import SearchProgress, progress_of
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.space.design_space import DesignSpace
from se_nas.space.files.loading import load_design_space

EPOCHS = 12


def made_up_trials(space: DesignSpace, trials: int) -> list[TrialRecord]:
    """Made-up records of a search."""
    rng = Random(0)
    records = []
    for number in range(trials):
        assignment = space.sample(rng)
        network = space.decode(assignment)
        width = sum(part.width * part.depth for stage in network.stages for part in stage.segments)
        flops = int(1e3 * width * rng.uniform(0.8, 1.2))
        modules = sum(token != "none" for token in network.se_tokens)
        final = 1 - 0.3 * math.exp(-width / 120) - 0.005 * (3 - modules) - 0.02 * rng.random()
        status = rng.choices(list(TrialStatus)[1:], [39, 60, 1])[0]
        epochs = {TrialStatus.COMPLETE: EPOCHS, TrialStatus.PRUNED: rng.randint(1, EPOCHS - 1)}.get(status, 0)
        records.append(
            TrialRecord(
                number=number,
                status=status,
                assignment=assignment,
                fingerprint=network.fingerprint(),
                se=network.se_tokens,
                cost={"flops": flops, "params": flops // 9, "activations": flops // 14},
                curve=tuple(final * (1 - 0.5 * math.exp(-epoch / 3)) for epoch in range(1, epochs + 1)),
                seconds=3.0,
                reason=""
                if status is TrialStatus.COMPLETE
                else "stopped at epoch 3: place 19 of 21; expected final 94.9-97.4 % against 97.8 % at no more flops",
            )
        )
    return records


def measure(progress: SearchProgress, space: DesignSpace, keep: Path | None) -> None:
    """Render one page, and print its bytes and seconds."""
    began = time.perf_counter()
    overview = Overview.of(progress, space.decisions)
    counted = time.perf_counter()
    widths = {one.number: space.decode(one.assignment).hidden_widths for one in progress.front.members}
    figures = search_figures(
        progress, overview, title="made-up trials", decisions=space.decisions, hidden_widths=widths
    )
    drawn = time.perf_counter()
    page = render_page(progress, overview, figures, title="made-up trials", facts={})
    written = time.perf_counter()
    trials = len(progress.records)
    print(
        f"{trials:6} trials: {len(page.encode()) / 1e6:.2f} MB; seconds: statistics {counted - began:.1f}, "
        f"figures {drawn - counted:.1f}, page {written - drawn:.1f}"
    )
    parts = {name: len(figure_html(figure)) for name, figure in figures.items()}
    parts |= {"plotly.js": len(plotly_html()), "all trials": len(trials_table(progress, progress.records, every=True))}
    for name, size in sorted(parts.items(), key=lambda part: -part[1]):
        print(f"    {size / 1e6:6.2f} MB  {name}")
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"report-{trials}.html").write_text(page)


def main() -> None:
    """Parse the flags, and measure each page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", nargs="+", type=int, default=[200, 1_000, 10_000])
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    space = load_design_space(Path(__file__).parents[1] / "search_spaces" / "small.yaml")
    for trials in options.trials:
        records = made_up_trials(space, trials)
        reference = (0.0, 1.1 * max(record.cost["flops"] for record in records))
        measure(progress_of(records, parse_objectives("accuracy,flops"), reference, trials), space, options.keep)


if __name__ == "__main__":
    main()
