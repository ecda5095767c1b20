"""Trains detectors on the trunk of a retrained network, prints COCO's AP, and writes a page."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from se_nas.commands.detect.flags import DetectRequest
from se_nas.commands.detect.page import page_name, write_page
from se_nas.commands.detect.task import DetectionTask
from se_nas.commands.detect.training import end_again, train_detector
from se_nas.commands.detect.trunks import Trunk, compared_trunks, retrained_trunk
from se_nas.commands.flags import WandbMode
from se_nas.commands.images import opening_progress
from se_nas.commands.own_network import allow_network
from se_nas.commands.wandb_runs import OFFLINE, SearchOf, unsent
from se_nas.data.boxes.boxed_images import BoxedData, BoxedImage, count_boxes
from se_nas.data.boxes.coco_data import load_boxes
from se_nas.errors import InputError
from se_nas.report.detection.gain_sentences import WORDS, gain_sentences, gains_over_first
from se_nas.runs.detected_files import DetectedResult
from se_nas.runs.lock import alone_in
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import load_config
from se_nas.tracking.console import line_printer
from se_nas.training.detection.detection_recipe import USUAL_RATES, DetectionRecipe
from se_nas.training.detection.detector_file import FILE
from se_nas.training.trained import TrainedNetwork, load_trained
from se_nas.wording import as_folder_name, counted, se_glyphs


def detect(request: DetectRequest, console: Console) -> None:
    """Train the detectors of `request`. A detector trained before with the same settings is only printed."""
    print_line = line_printer(console)
    allow_network(request.own_network)
    network = load_trained(request.retrained)
    trunks = _trunks(request, network, print_line)
    with opening_progress(console) as on_opened:
        data = load_boxes(request.data, on_opened=on_opened)
    _print_images(data, print_line)
    folder = request.retrained if request.retrained.is_dir() else request.retrained.parent
    search = _search_of(folder, network)
    runs = []
    for seed in request.all_seeds:
        for trunk in trunks:
            task = _task(request, folder, network, trunk, data, seed)
            runs.append((task.target, _result_of(task, search=search, wandb=request.wandb, console=console)))
            print_line(f"detector  {task.target / FILE}")
    results = [result for _, result in runs]
    gains = gains_over_first(results, request.compared) if request.compared else []
    name = page_name(request.compared)
    page = write_page(runs[0][0].parent, runs, data, gains=gains, scale=network.scale, name=name)
    console.print(_table(results, data))
    for line in gain_sentences(gains):
        print_line(line)
    print_line(f"page      {page}")
    for line in unsent(page.parent, f"*/{OFFLINE}"):
        print_line(line)


def _trunks(request: DetectRequest, network: TrainedNetwork, print_line: Callable[[str], None]) -> list[Trunk]:
    if not request.compared:
        return [retrained_trunk(request.retrained, network)]
    trunks, reasons = compared_trunks(request.retrained, network, request.compared)
    if reasons:
        print_line("all trunks start with initial weights, because some have no comparable retrained weights:")
    else:
        print_line("all trunks start with their own retrained weights:")
    for line in reasons or [f"SE {trunk.placement}: {trunk.folder}" for trunk in trunks]:
        print_line(f"          {line}")
    return trunks


def _task(
    request: DetectRequest, folder: Path, network: TrainedNetwork, trunk: Trunk, data: BoxedData, seed: int
) -> DetectionTask:
    name = f"{as_folder_name(data.name)}-{request.detector}-{request.image_size}px-epochs-{request.epochs}"
    return DetectionTask(
        experiment=folder / "detect" / name,
        network=network,
        trunk=trunk,
        data=data,
        kind=request.detector,
        image_size=request.image_size,
        recipe=DetectionRecipe(
            epochs=request.epochs,
            batch_size=request.batch,
            learning_rate=request.learning_rate or USUAL_RATES[request.detector],
        ),
        seed=seed,
    )


def _result_of(task: DetectionTask, *, search: SearchOf, wandb: WandbMode, console: Console) -> DetectedResult:
    """The result of a task, which is trained unless that was done before."""
    result = task.finished()
    if result is None or task.checkpoint.is_file():
        with alone_in(task.target):
            result = task.finished()  # another command may have finished it
            if result is None:
                result = train_detector(task, search=search, wandb=wandb, console=console)
            elif task.checkpoint.is_file():
                end_again(task, result, search=search, wandb=wandb, console=console)
    return result


def _search_of(folder: Path, network: TrainedNetwork) -> SearchOf:
    """The search in whose run folder the retrained network lies. A network's folder may have been passed on alone."""
    try:
        run = RunFolder.open(folder.resolve().parents[1])
        return SearchOf(load_config(run).identity.run_id, run.name)
    except (InputError, IndexError):
        return SearchOf(network.architecture.fingerprint())


def _print_images(data: BoxedData, print_line: Callable[[str], None]) -> None:
    print_line(
        f"images    {counted(len(data.train), 'training image')} with {_boxes(data.train)}, "
        f"{counted(len(data.validation), f'{data.measured_on} image')} with {_boxes(data.validation)}, "
        f"{counted(len(data.class_names), 'class', 'classes')}"
    )
    for note in data.notes:
        print_line(f"          {note}")
    for left_out in data.left_out:
        print_line(f"          {left_out}")


def _boxes(images: Sequence[BoxedImage]) -> str:
    return counted(count_boxes(images), "box", "boxes")


def _table(results: Sequence[DetectedResult], data: BoxedData) -> Table:
    """A table with a row for each training: COCO's numbers in points."""
    table = Table(
        title=f"COCO's AP on {counted(results[0].images['validation'], f'{data.measured_on} image')}",
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
    )
    table.add_column("trunk", overflow="fold")
    for name in ("seed", "AP", "AP50", "AP75", "small", "medium", "large"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("SE", no_wrap=True)
    for each in results:
        numbers = (each.ap, each.ap50, each.ap75, each.small, each.medium, each.large)
        table.add_row(
            f"{WORDS[each.placement]}, {each.start}",
            str(each.seed),
            *("" if number is None else f"{100 * number:.1f}" for number in numbers),
            se_glyphs(each.se),
        )
    return table
