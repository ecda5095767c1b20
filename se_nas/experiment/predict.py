"""Says what image files show."""

import json
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from se_nas.errors import InputError, RunFailedError
from se_nas.experiment.retrained_request import PredictRequest
from se_nas.tracking.console import plain_teller
from se_nas.training.sources import read_image
from se_nas.training.trained import TrainedNetwork, load_trained
from se_nas.wording import printable

BATCH = 64


def predict(request: PredictRequest, console: Console) -> None:
    """Name the likeliest classes of each image; one that cannot be read is told of, and the others follow.

    RunFailedError, at the end, when some could not be read; InputError when none could.
    """
    network = load_trained(request.retrained)
    tell = plain_teller(console)
    read: list[tuple[Path, Tensor]] = []
    for path in request.images:
        try:
            read.append((path, torch.from_numpy(read_image(path, network.image_size))))
        except InputError as error:
            tell(str(error))
    if not read:
        raise InputError("none of the images could be read")
    shares = _shares(network, torch.stack([image for _, image in read]))
    rows = [
        (str(path), [(network.class_names[index], float(share[index])) for index in share.argsort(descending=True)])
        for (path, _), share in zip(read, shares, strict=True)
    ]
    shown = [(path, ranked[: request.top]) for path, ranked in rows]
    if request.json:
        for file, ranked in shown:
            tell(json.dumps({"image": file, "classes": [{"name": name, "share": share} for name, share in ranked]}))
    else:
        console.print(_table(shown))
    if len(read) < len(request.images):
        raise RunFailedError(f"{len(request.images) - len(read)} of {len(request.images)} images could not be read")


def _shares(network: TrainedNetwork, images: Tensor) -> Tensor:
    """(N, S, S, 3) as uint8 -> (N, classes), each row adding up to 1."""
    model = network.build_deployed()
    with torch.inference_mode():
        parts = [model(part.permute(0, 3, 1, 2) / 255).softmax(1) for part in images.split(BATCH)]  # type: ignore[no-untyped-call]
    return torch.cat(parts)


def _table(shown: list[tuple[str, list[tuple[str, float]]]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("image", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("share", justify="right")
    for file, ranked in shown:
        for index, (name, share) in enumerate(ranked):
            table.add_row("" if index else _plain(file), _plain(name), f"{100 * share:.1f} %")
    return table


def _plain(text: str) -> str:
    """Without what a terminal or rich would act on."""
    return printable(text).replace("[", "\\[")
