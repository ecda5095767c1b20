"""The trackers of a search."""

import os
from functools import partial

from rich.console import Console

from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.commands.wandb_runs import search_runs, wandb_guard
from se_nas.report.figures.search import front_figure
from se_nas.runs.identity import SearchIdentity
from se_nas.runs.run_folder import RunFolder
from se_nas.tracking.console import ConsoleTracker, line_printer
from se_nas.tracking.guarded import GuardedTracker
from se_nas.tracking.live_front import LiveFront
from se_nas.tracking.protocol import Tracker


def build_trackers(
    folder: RunFolder, search: SearchIdentity, request: SearchRequest, console: Console, *, below_front: str = ""
) -> list[Tracker]:
    """The trackers: the terminal, and W&B behind a guard (a run for the search, and on request one for each trial).

    `below_front` is a sentence that the terminal shows below the front.
    """
    trackers: list[Tracker] = [ConsoleTracker(console, title=f"se-nas: {search.title}", below_front=below_front)]
    print_line = line_printer(console)
    if (wanted := choose_wandb(request.wandb, os.environ, print_line)) != "off":
        live = LiveFront(partial(front_figure, title=search.title), print_line=print_line)
        build = search_runs(folder, search, each_trial=request.wandb_trials, take_live_front=live.take)
        continues = any(folder.path.glob("trials/*"))
        guard = wandb_guard(build, wanted, folder.path, continues=continues, print_line=print_line)
        trackers.append(GuardedTracker(guard, live))
    return trackers
