"""Predicts the classes of image files."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text
from torch import Tensor, nn

from se_nas.commands.own_network import allow_network
from se_nas.commands.predict.flags import PredictRequest
from se_nas.commands.predict.named_images import named_images
from se_nas.commands.predict.table_file import FEWEST_CLASSES, Write, predictions_file
from se_nas.data.folders.image_file import read_image
from se_nas.data.folders.opened_files import BadFile, each_of
from se_nas.errors import InputError, RunFailedError
from se_nas.machine.limits import cpu_count
from se_nas.tracking.console import line_printer
from se_nas.training.trained import TrainedNetwork, load_trained
from se_nas.wording import counted, printable

BATCH = 64

Ranked = list[tuple[str, float]]
"""The classes of an image with their probabilities, the likeliest first."""


def predict(request: PredictRequest, console: Console, complaints: Console) -> None:
    """Print the likeliest classes of each image, or write them into a file.

    Each image that cannot be read, and each kind of file in folders that is no image, gets a line on `complaints`.
    RunFailedError, at the end, if some images could not be read; InputError if none could be read.
    """
    allow_network(request.own_network)
    network = load_trained(request.retrained)
    images = named_images(request.images)
    print_line, complain = line_printer(console), line_printer(complaints)
    for line in images.left_out:
        complain(f"left out  {printable(line)}")
    unread, rows, total = 0, [], len(images.files)
    shown = complaints.is_terminal and not request.json
    with (
        _written(request, classes=len(network.class_names)) as write,
        Progress(console=complaints, transient=True, redirect_stdout=False, disable=not shown) as progress,
    ):
        for file, found in progress.track(_predictions(network, images.files), total=total, description="predicting"):
            if isinstance(found, BadFile):
                unread += 1
                complain(printable(found.reason))
                write(Path(file), (), found.reason)
                continue
            write(Path(file), found, "")
            if request.json:
                classes = [{"name": name, "share": share} for name, share in found[: request.top]]
                print_line(json.dumps({"image": file, "classes": classes}))
            elif request.csv is None:
                rows.append((file, found[: request.top]))
        if unread == total:
            raise InputError("none of the images could be read")
    if rows:
        console.print(_table(rows))
    if request.csv is not None and not request.json:
        print_line(f"written   {request.csv}: {counted(total - unread, 'image')}")
    if unread:
        raise RunFailedError(f"{unread} of {counted(total, 'image')} could not be read")


def _written(request: PredictRequest, *, classes: int) -> contextlib.AbstractContextManager[Write]:
    """The function that writes an image's row into the CSV file. Without the file it does nothing."""
    if request.csv is None:
        return contextlib.nullcontext(lambda *_: None)
    return predictions_file(request.csv, classes=min(classes, max(FEWEST_CLASSES, request.top)))


def _predictions(network: TrainedNetwork, files: Sequence[str]) -> Iterator[tuple[str, Ranked | BadFile]]:
    """Each file in order, with its ranked classes, or with the reason why it cannot be read."""
    model = network.build_deployed()
    read = partial(read_image, size=network.image_size, scale=network.scale, decoding=network.decoding)
    images = zip(files, each_of(files, read, processors=cpu_count()), strict=True)
    while batch := list(islice(images, BATCH)):
        pixels = [torch.from_numpy(image) for _, image in batch if not isinstance(image, BadFile)]
        shares = iter(_shares(model, torch.stack(pixels)) if pixels else ())
        for file, image in batch:
            yield file, image if isinstance(image, BadFile) else _ranked(next(shares), network.class_names)


def _shares(model: nn.Module, images: Tensor) -> Tensor:
    """The probabilities (N, classes) of images (N, S, S, 3), uint8."""
    with torch.inference_mode():
        shares: Tensor = model(images.permute(0, 3, 1, 2) / 255).softmax(1)
    return shares


def _ranked(shares: Tensor, class_names: Sequence[str]) -> Ranked:
    order = shares.argsort(descending=True).tolist()
    return [(class_names[index], float(shares[index])) for index in order]


def _table(rows: Sequence[tuple[str, Ranked]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("image", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("share", justify="right")
    for file, ranked in rows:
        for index, (name, share) in enumerate(ranked):
            table.add_row(Text("" if index else printable(file)), Text(printable(name)), f"{100 * share:.1f} %")
    return table
