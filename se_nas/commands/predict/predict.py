"""Predicts the classes of image files."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import nn

from se_nas.commands.own_network import allow_network
from se_nas.commands.predict.flags import PredictRequest
from se_nas.data.folders.image_file import read_image
from se_nas.errors import InputError, RunFailedError
from se_nas.tracking.console import line_printer
from se_nas.training.trained import load_trained
from se_nas.wording import printable

BATCH = 64

Ranked = tuple[str, list[tuple[str, float]]]
"""An image, and its classes with their probabilities, the likeliest first."""


def predict(request: PredictRequest, console: Console, complaints: Console) -> None:
    """Print the likeliest classes of each image. Images that cannot be read get a line on `complaints`.

    RunFailedError, at the end, if some images could not be read; InputError if none could be read.
    """
    allow_network(request.own_network)
    network = load_trained(request.retrained)
    model = network.build_deployed()
    print_line, complain = line_printer(console), line_printer(complaints)
    unread: list[Path] = []
    rows = []
    for first in range(0, len(request.images), BATCH):
        read: list[tuple[Path, torch.Tensor]] = []
        for path in request.images[first : first + BATCH]:
            try:
                read.append((path, torch.from_numpy(read_image(path, network.image_size, scale=network.scale))))
            except InputError as error:
                unread.append(path)
                complain(printable(str(error)))
        for file, ranked in _ranked(model, network.class_names, read):
            if request.json:
                classes = [{"name": name, "share": share} for name, share in ranked[: request.top]]
                print_line(json.dumps({"image": file, "classes": classes}))
            else:
                rows.append((file, ranked[: request.top]))
    if len(unread) == len(request.images):
        raise InputError("none of the images could be read")
    if rows:
        console.print(_table(rows))
    if unread:
        raise RunFailedError(f"{len(unread)} of {len(request.images)} images could not be read")


def _ranked(
    model: nn.Module, class_names: Sequence[str], read: Sequence[tuple[Path, torch.Tensor]]
) -> Iterator[Ranked]:
    """The classes of each image, ranked. Images are (S, S, 3), uint8."""
    if not read:
        return
    images = torch.stack([image for _, image in read]).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        shares = model(images).softmax(1)
    for (path, _), share in zip(read, shares, strict=True):
        order = share.argsort(descending=True).tolist()
        yield str(path), [(class_names[index], float(share[index])) for index in order]


def _table(rows: list[Ranked]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("image", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("share", justify="right")
    for file, ranked in rows:
        for index, (name, share) in enumerate(ranked):
            table.add_row(Text("" if index else printable(file)), Text(printable(name)), f"{100 * share:.1f} %")
    return table
