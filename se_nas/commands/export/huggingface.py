"""Writes a folder in the style of Hugging Face: `config.json`, `model.safetensors`, and `README.md` with its metadata.

`se_nas.load_trained(FOLDER)` reads it, without the run folder. The metadata are those of model cards:
https://huggingface.co/docs/hub/model-cards
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import yaml

from se_nas import __version__
from se_nas.errors import InputError, RunFailedError, WriteError
from se_nas.files import make_folder, write_atomically, write_json
from se_nas.runs.retrained_files import RESULT, RetrainedResult, read_result
from se_nas.space.parts.own_trunk import OwnTrunk
from se_nas.training.trained import (
    HUB_CONFIG,
    HUB_FILE,
    IN_CONFIG,
    TrainedNetwork,
    described,
    load_trained,
    save_trained,
)

FOLDER = "huggingface"
CARD = "README.md"


def write_hub_folder(network: TrainedNetwork, retrained: Path) -> Iterator[str]:
    """Write the folder into that of the retrained network. Yields lines for the user.

    InputError if the retraining is not finished, RunFailedError if the folder would load another network.
    """
    result, card = read_result(retrained), retrained / CARD
    if result is None or not card.is_file():
        missing = RESULT if result is None else CARD
        raise InputError(f"{retrained}: has no {missing}; expected the folder of a retraining that is finished")
    target = retrained / FOLDER
    try:
        make_folder(target)
        save_trained(target, network, name=HUB_FILE)
        write_json(target / HUB_CONFIG, _config(network))
        write_atomically(target / CARD, _metadata(result) + card.read_text(encoding="utf-8"))
    except OSError as error:
        raise WriteError(f"{target}: cannot be written ({error.strerror or error})") from None
    _check(network, target)
    yield f"{target}: {HUB_CONFIG}, {HUB_FILE} and {CARD}; in Python: se_nas.load_trained({str(target)!r})"
    if isinstance(network.architecture.stem, OwnTrunk):
        yield "its trunk is your own network: who loads it needs your file too, and se-nas builds it with --network"


def _config(network: TrainedNetwork) -> dict[str, Any]:
    """The content of `config.json`: the keys that Hugging Face's image classifiers have, and the whole description."""
    names = network.class_names
    return {
        "model_type": "se-nas",
        "library_name": "se-nas",
        "library_version": __version__,
        "num_labels": len(names),
        "id2label": {str(index): name for index, name in enumerate(names)},
        "label2id": {name: index for index, name in enumerate(names)},
        "num_channels": 3,
        "image_size": network.image_size,
        "image_mean": [value / 255 for value in network.pixel_mean],
        "image_std": [value / 255 for value in network.pixel_deviation],
        IN_CONFIG: described(network),
    }


def _metadata(result: RetrainedResult) -> str:
    """The metadata of the model card in YAML, between lines of dashes."""
    data = result.data.rpartition("/")[2]
    values: list[dict[str, Any]] = [{"type": "accuracy", "value": round(result.test_accuracy, 6)}]
    if result.test_score is not None:
        values.append({"type": result.metric, "value": round(result.test_score, 6)})
    content = {
        "library_name": "se-nas",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "squeeze-and-excitation", "neural-architecture-search"],
        "model-index": [
            {
                "name": result.network,
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": {"name": data, "type": data, "split": "test"},
                        "metrics": values,
                    }
                ],
            }
        ],
    }
    return f"---\n{yaml.safe_dump(content, sort_keys=False, allow_unicode=True)}---\n\n"


def _check(network: TrainedNetwork, folder: Path) -> None:
    """Raise RunFailedError, and remove the folder, if it loads a network that computes something else."""
    generator, size = torch.Generator().manual_seed(0), network.image_size
    images = torch.rand(2, 3, size, size, generator=generator)
    with torch.no_grad():
        same = torch.equal(load_trained(folder).build_deployed()(images), network.build_deployed()(images))
    if not same:
        shutil.rmtree(folder)
        raise RunFailedError(f"{folder}: would load a network with other outputs; not kept")
