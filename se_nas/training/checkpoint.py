"""Checkpoints as single safetensors files that describe themselves. After a crash, the last complete file is left."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from se_nas.errors import InputError
from se_nas.files import write_atomically
from se_nas.training.step.precision import Precision
from se_nas.training.trainer import Trainer

FORMAT = "se-nas checkpoint 3"


def save_checkpoint(path: Path, trainer: Trainer, *, identity: str, history: list[dict[str, Any]]) -> None:
    """Write weights, momentum, epoch and history. `identity` names the training that may continue from the file."""
    about = {
        "format": FORMAT,
        "identity": identity,
        "epoch": trainer.epoch,
        "precision": asdict(trainer.precision),
        "recipe": trainer.recipe.as_dict(),
        "history": history,
    }
    write_tensors(path, trainer.tensors(), about)


def load_checkpoint(path: Path, trainer: Trainer, *, identity: str) -> list[dict[str, Any]]:
    """Restore `trainer` and return the history. InputError if the checkpoint belongs to another training."""
    tensors, about = read_tensors(path)
    if about.get("format") != FORMAT or about.get("identity") != identity:
        raise InputError(
            f"{path}: made by another training (network, recipe, data or seed differ); remove it to start again"
        )
    trainer.restore(tensors, epoch=int(about["epoch"]), precision=Precision(**about["precision"]))
    return list(about["history"])


def read_identity(path: Path) -> str | None:
    """The identity of the training that wrote a checkpoint. InputError for a file that is no checkpoint."""
    identity = read_tensors(path)[1].get("identity")
    return None if identity is None else str(identity)


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write tensors. The file's header has a JSON description and a checksum of tensors and description.

    It also has the entry `format`, by which Hugging Face's libraries know tensors of torch.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    described = json.dumps(about)
    metadata = {"format": "pt", "se_nas": described, "seal": _checksum(contiguous, described)}
    write_atomically(path, save(contiguous, metadata=metadata))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file of `write_tensors`. InputError if the file was changed, or is another kind of file."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            metadata = file.metadata() or {}
            about = json.loads(metadata["se_nas"])
            if not isinstance(about, dict):
                raise ValueError("its description is not an object")
            if "seal" not in metadata:
                raise ValueError("it has no checksum: an earlier se-nas wrote it")
            if metadata["seal"] != _checksum(tensors, metadata["se_nas"]):
                raise ValueError("its content changed after it was written")
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a readable se-nas tensor file ({error})") from None
    return tensors, about


def _checksum(tensors: Mapping[str, Tensor], described: str) -> str:
    digest = hashlib.sha256(described.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
