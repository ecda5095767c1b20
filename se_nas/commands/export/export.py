"""Writes a retrained network for use without se-nas: `model.pt2` for torch alone, `model.onnx` for every runtime.

`quantization.py` makes `model.int8.onnx` of the latter, and `huggingface.py` writes a folder for Hugging Face.
"""

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from se_nas.analysis.largest_class import LargestClass
from se_nas.commands.export.flags import ExportRequest
from se_nas.commands.export.huggingface import write_hub_folder
from se_nas.commands.export.origin import folder_of, images_of
from se_nas.commands.export.quantization import check_installed, quantise
from se_nas.commands.own_network import allow_network
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError, RunFailedError, WriteError
from se_nas.files import put_in_place
from se_nas.tracking.console import line_printer
from se_nas.training.known_latency.onnx_sessions import onnx_problem, open_session, quiet_exporters
from se_nas.training.trained import TrainedNetwork, load_trained

BATCHES = (1, 2, 7, 64)
TOLERANCE = 1e-4
"""The largest allowed difference of a logit, relative to the largest logit: runtimes sum in another order."""
ONNX, INT8 = "model.onnx", "model.int8.onnx"

Run = Callable[[Tensor], Tensor]
Write = Callable[[TrainedNetwork, nn.Module, Path], Run]
"""Writes a file, and returns a function that runs it."""


def export(request: ExportRequest, console: Console) -> None:
    """Write the files, and print how much each differs from the network.

    A file is written only after it was compared with the network at several batch sizes.
    """
    allow_network(request.own_network)
    network = load_trained(request.retrained)
    folder, print_line = folder_of(request.retrained), line_printer(console)
    if request.format == "huggingface":
        for line in write_hub_folder(network, folder):
            print_line(line)
        return
    images = None
    if request.quantize is not None:
        check_installed()
        images = images_of(network, folder, console)
    wanted = {"torch": ("model.pt2", _write_torch), "onnx": (ONNX, _write_onnx)}
    for name, write in wanted.values() if request.format is None else [wanted[request.format]]:
        difference = _exported(network, folder / name, write)
        print_line(
            f"{folder / name}: at most {difference:.1e} from the network's logits, relative to the largest, "
            f"in batches of {', '.join(map(str, BATCHES))}"
        )
    if images is not None:
        for line in _quantised(folder, images, image_size=network.image_size):
            print_line(line)


def _quantised(folder: Path, images: ImageData, *, image_size: int) -> Iterator[str]:
    """Write the network in int8 from its ONNX file. Yields lines for the user."""
    source, path = folder / ONNX, folder / INT8
    with _written_beside(path) as written, quiet_exporters():
        found = quantise(source, written, images, image_size=image_size)
        sizes = [f"{file.stat().st_size / 1e3:,.0f} kB" for file in (written, source)]
    yield f"{path}: {sizes[0]} (model.onnx: {sizes[1]})"
    yield from found.lines()
    yield LargestClass.of(images.inventory(), "test").sentence()


def _exported(network: TrainedNetwork, path: Path, write: Write) -> float:
    """Write beside `path`, compare, then move. RunFailedError if the file differs, WriteError if writing fails."""
    with _written_beside(path) as written:
        model = network.build_deployed()
        with quiet_exporters():
            difference = _difference(model, write(network, model, written), network)
        if not difference <= TOLERANCE:
            raise RunFailedError(
                f"{path}: would differ from the network by {difference:.1e} of the largest logit; not written"
            )
    return difference


@contextlib.contextmanager
def _written_beside(path: Path) -> Iterator[Path]:
    """A path to write to; at the end, its file is moved to `path`. WriteError if writing fails."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as beside:
            written = Path(beside) / path.name
            yield written
            put_in_place(written, path)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror or error})") from None


def _write_torch(network: TrainedNetwork, model: nn.Module, path: Path) -> Run:
    """Write the archive of torch.export: the graph and the weights. It contains no Python code."""
    torch.export.save(_program(model, network), path, extra_files={"se_nas.json": _description(network)})
    loaded: Run = torch.export.load(path).module()
    return loaded


def _write_onnx(network: TrainedNetwork, model: nn.Module, path: Path) -> Run:
    """Write ONNX with a free batch size, and the description in its metadata."""
    if (problem := onnx_problem()) is not None:
        raise InputError(problem)
    import onnx

    program = torch.onnx.export(
        _program(model, network), input_names=["images"], output_names=["logits"], external_data=False
    )
    assert program is not None
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {"se_nas": _description(network)})
    onnx.checker.check_model(proto)
    onnx.save_model(proto, path)
    session = open_session(path, 1)
    return lambda images: torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])


def _program(model: nn.Module, network: TrainedNetwork) -> Any:
    """The graph of the model for any batch size."""
    images = torch.zeros(2, 3, network.image_size, network.image_size)
    return torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))


def _difference(model: nn.Module, run: Run, network: TrainedNetwork) -> float:
    """The largest difference over all batch sizes, relative to the largest logit."""
    generator, worst = torch.Generator().manual_seed(0), 0.0
    with torch.no_grad():
        for batch in BATCHES:
            images = torch.rand(batch, 3, network.image_size, network.image_size, generator=generator)
            expected, got = model(images), run(images)
            worst = max(worst, float((expected - got).abs().max() / expected.abs().max().clamp_min(1e-12)))
    return worst


def _description(network: TrainedNetwork) -> str:
    size = network.image_size
    return json.dumps(
        {
            "input": f"RGB images (N, 3, {size}, {size}), float32, 0 to 1; normalised inside",
            "output": "logits (N, classes)",
            "class_names": network.class_names,
            "fingerprint": network.architecture.fingerprint(),
        }
    )
