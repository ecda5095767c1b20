"""Writes a retrained network for whoever has no se-nas: `model.pt2` for torch alone, `model.onnx` for every runtime."""

import contextlib
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from se_nas.errors import InputError, RunFailedError
from se_nas.experiment.retrained_request import ExportRequest
from se_nas.tracking.console import plain_teller
from se_nas.training.trained import TrainedNetwork, load_trained

BATCHES = (1, 2, 7, 64)
TOLERANCE = 1e-4
"""Of a logit, relative to the largest: runtimes sum in another order."""
ONNX_NEEDS = ("onnx", "onnxscript", "onnxruntime")


def export(request: ExportRequest, console: Console) -> None:
    """Write both files, compare each with the network at several batch sizes, and say by how much they differ."""
    missing = [name for name in ONNX_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"ONNX needs {', '.join(missing)}: pip install -e '.[onnx]'")
    network = load_trained(request.retrained)
    folder = request.retrained if request.retrained.is_dir() else request.retrained.parent
    tell = plain_teller(console)
    for path, difference in (_export_torch(network, folder), _export_onnx(network, folder)):
        tell(
            f"{path}: at most {difference:.1e} from the network's logits, relative to the largest, "
            f"in batches of {', '.join(map(str, BATCHES))}"
        )


def _export_torch(network: TrainedNetwork, folder: Path) -> tuple[Path, float]:
    """torch.export's archive: the graph and the weights, without a line of Python to run."""
    model, path = network.build_deployed(), folder / "model.pt2"
    with _quiet():
        torch.export.save(_program(model, network), path, extra_files={"se_nas.json": _description(network)})
        loaded = torch.export.load(path).module()
    return path, _difference(model, lambda images: loaded(images), network, path)


def _export_onnx(network: TrainedNetwork, folder: Path) -> tuple[Path, float]:
    """ONNX with a free batch size, its description in the metadata."""
    import onnx
    import onnxruntime

    model, path = network.build_deployed(), folder / "model.onnx"
    with _quiet():
        program = torch.onnx.export(
            _program(model, network), input_names=["images"], output_names=["logits"], external_data=False
        )
        assert program is not None
        proto = program.model_proto
    onnx.helper.set_model_props(proto, {"se_nas": _description(network)})
    onnx.checker.check_model(proto)
    onnx.save_model(proto, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])

    return path, _difference(model, run, network, path)


def _program(model: nn.Module, network: TrainedNetwork) -> Any:
    """The graph for any batch size."""
    images = torch.zeros(2, 3, network.image_size, network.image_size)
    return torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))


def _difference(model: nn.Module, run: Any, network: TrainedNetwork, path: Path) -> float:
    """The largest of all batch sizes, relative to the largest logit; RunFailedError when that is no rounding."""
    generator, worst = torch.Generator().manual_seed(0), 0.0
    with torch.no_grad():
        for batch in BATCHES:
            images = torch.rand(batch, 3, network.image_size, network.image_size, generator=generator)
            expected, got = model(images), run(images)
            worst = max(worst, float((expected - got).abs().max() / expected.abs().max().clamp_min(1e-12)))
    if not worst <= TOLERANCE:
        path.unlink()
        raise RunFailedError(f"{path}: differs from the network by {worst:.1e} of the largest logit; not kept")
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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporters tell of their progress and of their own deprecations."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
