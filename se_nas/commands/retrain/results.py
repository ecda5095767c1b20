"""The files of a training that has ended: the network, its model card, and the result."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from se_nas import __version__
from se_nas.analysis.ablation import Ablation
from se_nas.analysis.largest_class import LargestClass
from se_nas.commands.preflight import cost_on
from se_nas.commands.retrain.model_card import model_card
from se_nas.commands.retrain.task import RetrainingTask
from se_nas.data.batches.device_data import DeviceData
from se_nas.errors import InputError
from se_nas.files import write_atomically, write_checked, write_yaml
from se_nas.objective_metric import ACCURACY
from se_nas.runs.ablation_file import load_ablation
from se_nas.runs.retrained_files import RESULT, RetrainedResult
from se_nas.training.scoring import Scores
from se_nas.training.trained import TrainedNetwork, save_trained
from se_nas.training.trainer import Trainer


def write_network(task: RetrainingTask, trainer: Trainer, data: DeviceData) -> list[Path]:
    """Write the weights and the architecture."""
    trained = TrainedNetwork(
        architecture=task.contender.architecture,
        class_names=task.data.class_names,
        image_size=task.image_size,
        pixel_mean=tuple(data.mean.tolist()),
        pixel_deviation=tuple(data.deviation.tolist()),
        scale=task.data.scale,
        decoding=task.decoding,
        weights=trainer.result.state_dict(),
    )
    weights = save_trained(task.target, trained)
    architecture = task.target / "architecture.yaml"
    write_yaml(architecture, task.contender.architecture.to_dict())
    return [weights, architecture]


def result_of(
    task: RetrainingTask, history: Sequence[Mapping[str, Any]], *, tested: Scores, batch_size: int
) -> RetrainedResult:
    """The result of a training with this history of epochs."""
    counted = cost_on(task.data)(task.contender.architecture)
    return RetrainedResult(
        network=task.contender.title,
        trial=task.contender.trial,
        fingerprint=task.fingerprint,
        se=list(task.contender.architecture.se_tokens),
        search_accuracy=task.contender.search_accuracy,
        validation_accuracy=history[-1]["accuracy"],
        test_accuracy=tested.accuracy,
        test_images=len(task.data.test),
        cost={**counted, **task.contender.measured},
        latency_is_predicted=task.contender.latency_is_predicted,
        measured_latency=task.contender.measured_latency,
        data=task.search.data,
        images=task.image_counts,
        image_size=task.image_size,
        classes=list(task.data.class_names),
        seed=task.seed,
        recipe_name=task.recipe_name,
        recipe=task.recipe.as_dict(),
        batch_size=batch_size,
        version=__version__,
        unreadable_images=task.data.unreadable,
        images_fingerprint=task.data.fingerprint(),
        metric=task.metric.value,
        validation_score=history[-1].get("other_score"),
        test_score=None if task.metric is ACCURACY else tested.score,
        searched_images=dict(zip(("train", "validation"), task.portion or (), strict=False)),
    )


def write_result(task: RetrainingTask, result: RetrainedResult, history: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Write the model card, and then the result, which marks the folder as complete."""
    files = [task.target / name for name in ("README.md", RESULT)]
    write_atomically(files[0], model_card(result, LargestClass.of(task.data.inventory(), "test"), _ablation_of(task)))
    write_checked(files[1], result.model_dump() | {"history": list(history)})
    return files


def _ablation_of(task: RetrainingTask) -> Ablation | None:
    """The ablation of the network, if it is a trial and has been ablated. The report names a damaged file."""
    path = task.folder.ablation(task.contender.trial)
    if task.contender.search_accuracy is None or not path.is_file():
        return None
    try:
        return load_ablation(path)
    except InputError:
        return None
