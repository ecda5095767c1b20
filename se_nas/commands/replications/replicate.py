"""Carries out a plan of trainings on the images and with the recipe of a search."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from rich.console import Console

from se_nas.commands.executors import Machines, build_executor, executor_lines
from se_nas.commands.preflight import cost_on
from se_nas.commands.pretraining import carried_weights
from se_nas.commands.replications.files import ReplicationFolder
from se_nas.commands.replications.plan import Outcomes, Plan
from se_nas.commands.replications.replications import Replications
from se_nas.commands.search.evaluation import TrialEvaluation
from se_nas.data.image_data import ImageData
from se_nas.machine.shared_memory import check_shared_memory
from se_nas.models.own_network import NetworkSource
from se_nas.objective_metric import ObjectiveMetric
from se_nas.process.last_words import resumable
from se_nas.runs.run_folder import RunFolder
from se_nas.space.architecture import Architecture
from se_nas.tracking.console import line_printer
from se_nas.training.recipe import Recipe
from se_nas.wording import counted

Announce = Callable[[int, Outcomes], Iterable[str]]
"""Gives lines about the trainings that follow, from the number of workers and the outcomes of earlier trainings."""


def replicate(
    plan: Plan,
    networks: Mapping[str, Architecture],
    *,
    folder: RunFolder,
    data: ImageData,
    images_changed: bool,
    pretrained: Path | None,
    metric: ObjectiveMetric,
    network: NetworkSource | None,
    recipe: Recipe,
    machines: Machines,
    again: str,
    console: Console,
    announce: Announce = lambda workers, outcomes: (),
) -> Outcomes:
    """Carry out a plan on the images of a search, by `recipe`, in a folder that the caller has locked.

    `images_changed`: the images have changed since the search began. `pretrained` is the file of the weights that the
    networks start with, and `network` the source of a user's own network, if there is one. `metric` scores the trials.
    After an interruption, the last line names the command `again`, which continues. `announce` gives lines to print
    before the first training.
    """
    epochs = recipe.epochs
    executor = build_executor(machines, data, map(cost_on(data), networks.values()), measures_costs=False)
    files = ReplicationFolder.of(folder, epochs, data, changed=images_changed)
    print_line = line_printer(console)
    if outdated := sum(files.count_on_earlier_images(each, epochs=epochs) for each in networks.values()):
        print_line(
            f"{counted(outdated, 'training')} on images that have changed since: left out, done again where needed"
        )
    work = Replications(plan, networks, files, epochs=epochs, metric=metric, print_line=print_line)
    evaluation = TrialEvaluation(
        results=files,
        train=data.train,
        validation=data.validation,
        mirrored=data.mirrored,
        classes=data.classes,
        recipe=recipe,
        measured=(),
        use_gpu=machines.gpus_per_trial != 0,
        loaders=executor.processors,
        images=files.images[0] if files.changed else "",
        pretrained=carried_weights(pretrained, machines.address),
        metric=metric,
        network=network,
    )
    if not work.is_over:
        if machines.address is None:
            check_shared_memory(executor.workers * evaluation.shared_bytes)
        where = f"what is finished is in {files.path}"
        for line in executor_lines(executor, f", {counted(epochs, 'epoch')} each; {where}"):
            print_line(line)
        for line in announce(executor.workers, work.outcomes):
            print_line(line)
        with resumable(f"everything finished is kept; continue with: {again}"):
            executor.run(work, evaluation, print_line)
    return work.outcomes
