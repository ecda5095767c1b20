"""The search in the terminal: a live table, plain lines where there is no terminal, and a closing summary."""

import time
from collections.abc import Callable, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from se_nas.costs import format_cost
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord, TrialStatus, decided_image_sizes
from se_nas.tracking.protocol import SearchOutcome
from se_nas.wording import format_count, format_duration, se_glyphs

MOST_ROWS = 12
STYLES = {TrialStatus.COMPLETE: "green", TrialStatus.PRUNED: "yellow", TrialStatus.FAILED: "red"}


class ConsoleTracker:
    """Shows a search on `console`. `below_front` is a sentence below its front. `clock` gives seconds."""

    def __init__(
        self, console: Console, *, title: str, below_front: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._title, self._below_front, self._clock = console, title, below_front, clock
        self._began = clock()
        self._ended_before: int | None = None  # trials from before a resume, which do not count for the rate
        self._last: TrialRecord | None = None
        self._progress: SearchProgress | None = None
        self._live: Live | None = None

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Show that the trial runs."""
        if self._ended_before is None:
            self._ended_before = progress.ended
        self._show(progress)

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Show the result. The reason of a failure stays in the terminal."""
        self._last = record
        self._show(progress)
        if not self._console.is_terminal or record.status is TrialStatus.FAILED:
            self._console.print(_line(record, progress), soft_wrap=True, highlight=False)

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """Print the front, its knee, and the next steps."""
        self.close()
        self._console.print(_counts(progress, self._clock() - self._began), soft_wrap=True, highlight=False)
        if progress.front.members:
            self._console.print(_front_table(progress, progress.front.members, title="Pareto front"))
            if self._below_front:
                line_printer(self._console)(self._below_front)
        for note in outcome.notes:
            line_printer(self._console)(note)

    def close(self) -> None:
        """Stop the live display."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _show(self, progress: SearchProgress) -> None:
        self._progress = progress
        if not self._console.is_terminal:
            return
        if self._live is None:
            self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=2, transient=True)
            self._live.start()

    def _render(self) -> RenderableType:
        progress = self._progress
        if progress is None:
            return Text()
        parts: list[RenderableType] = [Text(self._title, style="bold"), self._pace(progress)]
        parts.append(_counts(progress, self._clock() - self._began))
        running = [str(record.number) for record in progress.records if record.status is TrialStatus.RUNNING]
        parts.append(
            Text(f"in training: trial {', '.join(running)}" if running else "no trial is in training", style="dim")
        )
        if self._last is not None:
            last = _line(self._last, progress)
            last.no_wrap, last.overflow = True, "ellipsis"
            parts.append(last)
            parts.append(Text(_metrics(self._last), style="dim"))
        if progress.front.members:
            parts.append(_front_table(progress, _shortened(progress), title="Pareto front so far"))
            parts.append(Text(self._below_front, style="dim"))
        return Group(*parts)

    def _pace(self, progress: SearchProgress) -> Table:
        elapsed = self._clock() - self._began
        done_here = progress.ended - (self._ended_before or 0)
        left = (progress.budget - progress.ended) * elapsed / done_here if done_here else None
        grid = Table.grid(padding=(0, 2, 0, 0))
        bar = ProgressBar(total=progress.budget, completed=progress.ended, width=24)
        rate = f"{60 * done_here / elapsed:.1f} trials/min" if done_here and elapsed else "starting"
        left_text = f"{format_duration(left)} left" if left is not None else ""
        grid.add_row(bar, Text(rate), Text(left_text))
        return grid


def line_printer(console: Console) -> Callable[[str], None]:
    """A function that prints lines as they are: unwrapped, without markup."""
    return lambda line: console.print(line, soft_wrap=True, highlight=False, markup=False)


def _counts(progress: SearchProgress, elapsed: float) -> Text:
    text = Text(f"{progress.ended}/{progress.budget} trials: ")
    for status, style in STYLES.items():
        text.append(f"{progress.count(status)} {status.value}", style=style)
        text.append(", ")
    text.append(
        f"front {len(progress.front)}, hypervolume {progress.hypervolume_share:.4f}, {format_duration(elapsed)}"
    )
    return text


def _line(record: TrialRecord, progress: SearchProgress) -> Text:
    costs = "  ".join(
        f"{format_cost(name, record.cost[name])} {name}" for name in progress.objectives.costs if name in record.cost
    )
    text = Text(f"trial {record.number:>4}  ")
    text.append(f"{record.status.value:<8}", style=STYLES.get(record.status, ""))
    metric = progress.objectives.metric.label
    accuracy = f"  {metric} {record.accuracy:.4f}" if record.accuracy is not None else ""
    reason = f"  {record.reason}" if record.reason else ""
    text.append(f"{accuracy}  {costs}  SE {se_glyphs(record.se)}{reason}")
    return text


def _metrics(record: TrialRecord) -> str:
    """The metrics that are known of a trial, in one line."""
    known = (f"{name.replace('_', ' ')} {format_count(value)}" for name, value in record.known_metrics.items())
    return f"its last epoch: {', '.join(known)}" if record.known_metrics else ""


def _front_table(progress: SearchProgress, members: Sequence[TrialRecord], *, title: str) -> RenderableType:
    front = progress.front
    roles = {front.cheapest.number: "cheapest", front.best.number: "best"}
    roles[front.knee.number] = "knee"
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("trial", justify="right")
    table.add_column(progress.objectives.metric.label, justify="right")
    if front.expected:
        table.add_column("expected", justify="right")
        table.add_column("90 %", justify="right")
    for name in progress.objectives.costs:
        table.add_column(name, justify="right")
    sizes = decided_image_sizes(members)
    if sizes:
        table.add_column("px", justify="right")
    table.add_column("SE by stage")
    table.add_column("")
    best = front.best_of_equal_cost()
    for member in members:
        same = best[member.number]
        role = roles.get(member.number, "" if same is member else f"costs as much as {same.number}")
        costs = [format_cost(name, member.cost[name]) for name in progress.objectives.costs]
        style = "bold" if role == "knee" else ""
        expected = front.expected[member.number].texts if member.number in front.expected else ()
        accuracies = (f"{member.accuracy:.4f}", *expected)
        size = [sizes[member.number]] if sizes else []
        table.add_row(str(member.number), *accuracies, *costs, *size, se_glyphs(member.se), role, style=style)
    return Group(Text(f"{title} (SE by stage: · none, else its ratio)", style="bold"), table)


def _shortened(progress: SearchProgress) -> Sequence[TrialRecord]:
    """At most `MOST_ROWS` members, evenly along the front. Its ends and its knee are among them."""
    members = progress.front.members
    if len(members) <= MOST_ROWS:
        return members
    picked = {round(index * (len(members) - 1) / (MOST_ROWS - 2)) for index in range(MOST_ROWS - 1)}
    picked.add(members.index(progress.front.knee))
    return [members[index] for index in sorted(picked)]
