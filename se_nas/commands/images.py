"""The images of a search: opened with progress, compared with those at its start, and recorded."""

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from se_nas.data.decoding import Decoding
from se_nas.data.folders.listed_data import UnreadableImagesError
from se_nas.data.folders.opened_files import OnOpened
from se_nas.data.image_data import ImageData
from se_nas.data.portion import ALL, Portion
from se_nas.data.resizing import resized_to
from se_nas.data.sources import load_data
from se_nas.errors import InputError
from se_nas.process.invocation import invocation
from se_nas.runs.images_file import write_inventory
from se_nas.runs.lock import locked
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig, write_config


def open_images(
    source: str,
    *,
    image_size: int,
    portion: Portion = ALL,
    cache: Path | None = None,
    decoding: Decoding = Decoding.SCALED,
    skip_bad: bool,
    resizes: bool = False,
    console: Console | None = None,
) -> ImageData:
    """Load a data set by its command-line name. A terminal shows the number of opened files.

    Image files are read at `image_size`. With `resizes`, arrays get that size too; else they keep their own.
    """
    with opening_progress(console) as on_opened:
        data = load_data(
            source,
            image_size=image_size,
            portion=portion,
            cache=cache,
            decoding=decoding,
            skip_bad=skip_bad,
            on_opened=on_opened,
        )
    return resized_to(data, image_size) if resizes else data


def load_searched_images(
    config: SearchConfig, path: Path, *, accept_changed: bool = False, console: Console | None = None
) -> ImageData:
    """Load the images of the search in `path`; InputError if they have changed since its start.

    With `accept_changed`, other images of the same size and the same number of classes are accepted.
    """
    resume = _resuming(path)
    data = _open(config, config.portion, path, console)
    if (data.image_size, data.classes) != (config.image_size, config.classes):
        raise InputError(
            f"{path}: begun on images of {config.image_size} px in {config.classes} classes, but {config.data} "
            f"has {data.image_size} px and {data.classes} classes"
        )
    if not accept_changed and not data.is_known_as(config.images):
        raise InputError(
            f"{path}: begun on other images than {config.data} has; restore them, or begin a new "
            f"search; if they lie elsewhere now: {resume} --data WHERE; if they were repaired: {resume} "
            "--accept-changed-images"
        )
    return data


def load_all_images(
    config: SearchConfig, path: Path, *, searched: ImageData, console: Console | None = None
) -> ImageData:
    """All images of the data set of the search in `path`, for a retraining. `searched` are the images of the search."""
    return searched if config.portion.is_all else _open(config, ALL, path, console)


def _open(config: SearchConfig, portion: Portion, path: Path, console: Console | None) -> ImageData:
    """A portion of the images of the search in `path`. An InputError says how that search continues."""
    try:
        return open_images(
            config.data,
            image_size=config.image_size,
            portion=portion,
            cache=config.cache_folder,
            decoding=Decoding(config.decoding),
            skip_bad=config.skip_bad_images,
            resizes=config.resizes_images,
            console=console,
        )
    except UnreadableImagesError as error:
        skipping = f"{_resuming(path)} --skip-bad-images --accept-changed-images"
        raise UnreadableImagesError(error.bad, error.total, skipping) from None
    except InputError as error:
        raise InputError(f"{error}; if the same images lie elsewhere now: {_resuming(path)} --data WHERE") from None


def _resuming(path: Path) -> str:
    """The command that resumes the search in `path`."""
    return f"{invocation('search')} --resume {shlex.quote(str(path))}"


def settings_on(data: ImageData, config: SearchConfig) -> SearchConfig:
    """The settings of a search that continues with these images. They change only if the images have changed."""
    return config if data.is_known_as(config.images) else config.continued_on(data.fingerprint())


def accept_images(folder: RunFolder, config: SearchConfig, data: ImageData, *, writes: bool) -> SearchConfig:
    """The settings with the present images. With `writes`, a change is recorded in the run folder."""
    accepted = settings_on(data, config)
    if accepted != config and writes:
        with locked(folder.path):
            write_config(folder, accepted)
            write_inventory(folder, data.inventory())
    return accepted


class _RateColumn(ProgressColumn):
    """The images per second."""

    def render(self, task: Task) -> Text:
        """Render the rate; empty before it is known."""
        return Text("" if task.speed is None else f"{task.speed:,.0f} images/s")


@contextlib.contextmanager
def opening_progress(console: Console | None) -> Iterator[OnOpened | None]:
    """A function that moves a progress bar, which disappears at the end; None if the console is no terminal."""
    if console is None or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("opening images"), BarColumn(), MofNCompleteColumn(), _RateColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, transient=True)
    task = progress.add_task("opening images", total=None)

    def on_opened(done: int, total: int) -> None:
        progress.start()  # only now: sources that are no files open none
        progress.update(task, completed=done, total=total)

    try:
        yield on_opened
    finally:
        progress.stop()
