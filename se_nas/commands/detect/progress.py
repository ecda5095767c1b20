"""A progress bar for the epoch of a detector, which may take an hour."""

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from se_nas.training.detection.detector_trainer import OnStep


@contextlib.contextmanager
def epoch_progress(console: Console, title: str) -> Iterator[OnStep]:
    """A function that moves a bar, which disappears at the end. If the console is no terminal, it shows nothing."""
    if not console.is_terminal:
        yield lambda *_: None
        return
    columns = (
        TextColumn(title),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        shown = progress.add_task("training", total=None)

        def on_step(doing: str, done: int, total: int) -> None:
            nonlocal shown
            if progress.tasks[0].description != doing:
                progress.remove_task(shown)
                shown = progress.add_task(doing, total=total)
            progress.update(shown, completed=done, total=total)

        yield on_step


class _Rate(ProgressColumn):
    """The images per second."""

    def render(self, task: Task) -> Text:
        """The rate, as soon as it is known."""
        return Text("images" if task.speed is None else f"images, {task.speed:.1f}/s")
