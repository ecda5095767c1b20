"""One supernet of a run folder: trained from its last checkpoint, then read, with everything finished on disk."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from se_nas.analysis.ranking_trust import Trust
from se_nas.analysis.supernet_scores import ScoredPlacement, SupernetScores
from se_nas.commands.preflight import CostOf, cost_on
from se_nas.commands.shared_weights.placements_to_read import read_placements
from se_nas.data.batches.device_data import DeviceData
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError, MissingPartError, RunFailedError, at_the_end
from se_nas.machine.limits import cpu_count
from se_nas.objective_metric import ObjectiveMetric
from se_nas.runs.supernet_file import load_scores, write_scores
from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import format_tokens
from se_nas.space.switches import Option, Placement, Switchboard
from se_nas.training.checkpoint import load_checkpoint, read_identity, save_checkpoint
from se_nas.training.pretrained import Pretrained
from se_nas.training.recipe import Recipe
from se_nas.training.supernet.placement_draws import Draw
from se_nas.training.supernet.reading import Reading
from se_nas.training.supernet.training import build_supernet_trainer
from se_nas.training.trainer import Trainer, TrainingDivergedError
from se_nas.wording import counted, format_duration

SAVE_SECONDS = 20.0
"""The time after which the placements that were read are saved."""


@dataclass(kw_only=True, slots=True)
class SupernetTask:
    """A supernet to train and to read. `name` is the start of the names of its files in `folder`. `cure` says what
    the user can do about files of another supernet."""

    folder: Path
    name: str
    board: Switchboard
    data: ImageData
    recipe: Recipe
    draw: Draw
    seed: int
    device: torch.device
    pretrained: Pretrained | None
    metric: ObjectiveMetric
    cost_of: CostOf
    print_line: Callable[[str], None]
    cure: str = "remove the file to train anew"
    _is_read: bool = field(init=False, default=False)
    _seconds: dict[str, float] = field(init=False, default_factory=lambda: {"training": 0.0, "reading": 0.0})

    @property
    def scores_file(self) -> Path:
        """The file of the scores."""
        return self.folder / f"{self.name}.json"

    @property
    def checkpoint(self) -> Path:
        """The file of the weights."""
        return self.folder / f"{self.name}.safetensors"

    @property
    def identity(self) -> str:
        """A text that is equal exactly if two supernets are trained in the same way."""
        about = [self.board.switched.fingerprint(), self.recipe.as_dict(), str(self.draw), self.seed]
        return json.dumps([*about, self.data.training_fingerprints()[0]])

    @property
    def about(self) -> dict[str, Any]:
        """The settings and the times of the training, for the file of the scores."""
        return {
            "identity": self.identity,
            "metric": self.metric.value,
            "epochs": self.recipe.epochs,
            "draw": str(self.draw),
            "seed": self.seed,
            "seconds": dict(self._seconds),
            "notes": list(self.board.notes),
            "is_read": self._is_read,
        }

    @property
    def is_begun(self) -> bool:
        """Whether the folder has an unfinished part of this supernet."""
        try:
            self.known()
            is_read = self.scores_file.exists() and load_scores(self.scores_file)[1].get("is_read", True)
        except InputError:  # of another supernet, or damaged
            return False
        return not is_read and (self.checkpoint.exists() or self.scores_file.exists())

    def forget(self) -> None:
        """Remove the files of an earlier supernet."""
        self.scores_file.unlink(missing_ok=True)
        self.checkpoint.unlink(missing_ok=True)
        self._seconds = dict.fromkeys(self._seconds, 0.0)

    def known(self) -> dict[Placement, float]:
        """The placements that were read before. InputError if a file is of another supernet, or damaged."""
        scores, content = load_scores(self.scores_file) if self.scores_file.exists() else (None, {})
        if scores is not None:
            self._check(self.scores_file, content["identity"])
        if self.checkpoint.exists():
            self._check(self.checkpoint, read_identity(self.checkpoint))
        if scores is None:
            return {}
        self._seconds |= {name: float(value) for name, value in content["seconds"].items()}
        return {each.options: each.accuracy for each in scores.placements}

    def _check(self, path: Path, identity: object) -> None:
        """Check that a file is of this supernet. InputError if it is of another."""
        if identity != self.identity:
            raise InputError(f"{path}: of another supernet (space, recipe, draw, images or seed differ); {self.cure}")

    def trained(self) -> Trainer:
        """Train the supernet, from its last checkpoint if it has one."""
        images = DeviceData.of(
            self.data.train,
            self.data.validation,
            mirrored=self.data.mirrored,
            device=self.device,
            loaders=cpu_count(),
            image_size=self.board.found.image_size,
        )
        trainer = build_supernet_trainer(
            self.board,
            images,
            self.recipe,
            classes=self.data.classes,
            draw=self.draw,
            seed=self.seed,
            device=self.device,
            pretrained=self.pretrained,
            metric=self.metric,
        )
        history: list[dict[str, Any]] = []
        if self.checkpoint.exists():
            history = load_checkpoint(self.checkpoint, trainer, identity=self.identity)
            if trainer.epoch < self.recipe.epochs:
                self.print_line(f"supernet  continuing after epoch {trainer.epoch}")
        while trainer.epoch < self.recipe.epochs:
            began = time.perf_counter()
            try:
                loss = trainer.train_epoch()
            except TrainingDivergedError as error:
                raise RunFailedError(f"supernet: {error}; a recipe with a lower learning rate may help") from None
            history.append({"epoch": trainer.epoch, "loss": loss, "seconds": time.perf_counter() - began})
            save_checkpoint(self.checkpoint, trainer, identity=self.identity, history=history)
            left = history[-1]["seconds"] * (self.recipe.epochs - trainer.epoch)
            self.print_line(
                f"epoch {trainer.epoch:>4}/{self.recipe.epochs}  loss {loss:.4f}  {history[-1]['seconds']:.1f} s, "
                f"{format_duration(left)} left"
            )
        self._seconds["training"] = sum(float(each["seconds"]) for each in history)
        return trainer

    def read(self, trainer: Trainer, first: Iterable[Placement], most: int | None) -> SupernetScores:
        """Read the placements: those of `first`, then the others, or as many as `most`. They are saved from time to
        time. The scores are those of all placements that were read, also earlier."""
        known = self.known()
        reading = Reading(trainer, self.board, self.data.train, seed=self.seed)
        found: dict[Placement, float] = {}
        last = began = time.perf_counter()
        before = self._seconds["reading"]

        def accuracy(placement: Placement) -> float:
            return known[placement] if placement in known else reading.accuracy(placement)

        def save() -> None:
            self._seconds["reading"] = before + time.perf_counter() - began
            kept = {**known, **found}
            write_scores(self.scores_file, self.scores(kept), about=self.about, trust=None)

        def params(placement: Placement) -> float:
            return float(self.costs(self.board.network(placement))["params"])

        with at_the_end(save):
            for placement, value in read_placements(self.board, first, most, accuracy, params):
                found[placement] = value
                if time.perf_counter() - last > SAVE_SECONDS:
                    save()
                    last = time.perf_counter()
                    self.print_line(f"read      {counted(len(found), 'placement')}")
        self._is_read = True
        return self.scores({**known, **found})

    def read_whole(self, trainer: Trainer) -> SupernetScores:
        """Read the placements, and write their file."""
        scores = self.read(trainer, (), None)
        self.write(scores, trust=None)
        return scores

    def write(self, scores: SupernetScores, *, trust: Trust | None) -> None:
        """Write the file of the scores."""
        write_scores(self.scores_file, scores, about=self.about, trust=trust)

    def scores(self, found: Mapping[Placement, float]) -> SupernetScores:
        """The scores of these placements, in the order of their options."""
        return SupernetScores(
            trunk=self.board.trunk,
            switches=tuple(switch.name for switch in self.board.switches),
            options=tuple(tuple(_token(option) for option in switch.options) for switch in self.board.switches),
            count=self.board.count,
            placements=tuple(self._scored(placement, found[placement]) for placement in sorted(found)),
        )

    def costs(self, network: Architecture) -> Mapping[str, float]:
        """The costs of a network; without its latency if a part of it was not measured."""
        try:
            return self.cost_of(network)
        except MissingPartError:
            return cost_on(self.data)(network)

    def _scored(self, placement: Placement, accuracy: float) -> ScoredPlacement:
        network = self.board.network(placement)
        return ScoredPlacement(
            options=placement,
            se=network.se_tokens,
            fingerprint=network.fingerprint(),
            modules=sum(block.se is not None for blocks in network.blocks() for block in blocks),
            accuracy=accuracy,
            cost={name: float(value) for name, value in self.costs(network).items()},
        )


def _token(option: Option) -> str:
    """The token of an option: that of its blocks with SE."""
    with_se = [spec for spec in option.attention if spec is not None]
    return format_tokens(with_se or [None])
