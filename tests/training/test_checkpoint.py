import json
import pickle
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from se_nas.errors import InputError
from se_nas.training.checkpoint import load_checkpoint, read_tensors, save_checkpoint, write_tensors
from se_nas.training.trainer import Trainer, train
from tests.training.test_trainer import curve, equal, trainer_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "training.safetensors"


def saved(path: Path, *, epochs: int = 1, identity: str = "this training", **parts: Any) -> Trainer:
    """Train `epochs` epochs and save the checkpoint."""
    trainer = trainer_of(**parts)
    history = [asdict(result) for result in islice(train(trainer), epochs)]
    save_checkpoint(path, trainer, identity=identity, history=history)
    return trainer


@pytest.mark.parametrize("epochs", [0, 1, 2, 3])
def test_a_resumed_training_equals_one_without_interruption(path: Path, epochs: int) -> None:
    whole = trainer_of(seed=3)
    uninterrupted = list(train(whole))
    saved(path, epochs=epochs, seed=3)

    resumed = trainer_of(seed=3)
    history = load_checkpoint(path, resumed, identity="this training")
    rest = list(train(resumed))

    assert [(past["epoch"], past["loss"], past["accuracy"]) for past in history] + curve(rest) == curve(uninterrupted)
    assert equal(resumed.tensors(), whole.tensors())


def test_a_checkpoint_describes_itself(path: Path) -> None:
    saved(path, epochs=2, learning_rate=0.05)

    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["se_nas"])

    assert (about["format"], about["identity"], about["epoch"]) == ("se-nas checkpoint 3", "this training", 2)
    assert about["recipe"]["learning_rate"] == 0.05
    assert [past["epoch"] for past in about["history"]] == [1, 2]


def test_a_new_checkpoint_replaces_the_old_one(path: Path) -> None:
    saved(path, epochs=1)
    saved(path, epochs=2)

    resumed = trainer_of()
    load_checkpoint(path, resumed, identity="this training")

    assert resumed.epoch == 2
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_tensors_in_any_memory_format_are_restored_bit_for_bit(path: Path) -> None:
    tensors = {
        "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "transposed": torch.randn(4, 3).T,
        "number": torch.tensor(7),
        "bf16": torch.randn(3).bfloat16(),
    }

    write_tensors(path, tensors, {"text": "ε", "list": [1, None]})

    read, about = read_tensors(path)
    assert equal(read, tensors)
    assert about == {"text": "ε", "list": [1, None]}


class Trap:
    """An object whose pickle would run code when it is read."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return pytest.fail, ("the pickle was read",)


WRONG: dict[str, Callable[[Path], object]] = {
    "cut in the header": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "cut in the tensors": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("weights"),
    "pickle": lambda path: path.write_bytes(pickle.dumps(Trap())),
    "torch.save": lambda path: torch.save({"weight": torch.ones(2)}, path),
    "another program's": lambda path: save_file({"weight": torch.ones(2)}, path),
    "another format": lambda path: write_tensors(path, {}, {"identity": "this training", "epoch": 1, "history": []}),
    "missing": lambda path: path.unlink(),
    "folder": lambda path: (path.unlink(), path.mkdir()),
}


class TestRefusals:
    """A refusal is one line that names the file, and the trainer stays unchanged."""

    @pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
    def test_a_file_that_is_not_a_checkpoint_is_refused(self, path: Path, spoil: Callable[[Path], object]) -> None:
        saved(path)
        spoil(path)
        trainer = trainer_of()

        with pytest.raises(InputError) as refusal:
            load_checkpoint(path, trainer, identity="this training")

        assert str(refusal.value).startswith(f"{path}: ")
        assert "\n" not in str(refusal.value)
        assert trainer.epoch == 0
        assert equal(trainer.tensors(), trainer_of().tensors())

    def test_the_checkpoint_of_another_training_is_refused(self, path: Path) -> None:
        saved(path, identity="another training")
        trainer = trainer_of()

        with pytest.raises(InputError, match="made by another training"):
            load_checkpoint(path, trainer, identity="this training")
        assert equal(trainer.tensors(), trainer_of().tensors())
