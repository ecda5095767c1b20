"""Quantises an ONNX network to int8 (static quantisation by ONNX Runtime), and measures what that costs in accuracy.

Weights are quantised by channel, and activations by the range that they have on training images (Jacob et al., arXiv
1712.05877). SE's gates are known to suffer: their inputs are means over a map, with a small and uneven range, and an
error of a gate scales a whole channel. Whether they do depends on the network (benchmarks/LOG.md, "SE's gates in
int8"). So the network is also quantised with its gates in float, and the validation images decide between the two
files. Of equally accurate files, the smaller is kept. Accuracies before and after are those on the test images.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from se_nas.commands.export.gates import gate_nodes
from se_nas.data.batches.device_data import place
from se_nas.data.image_data import ImageData, Part
from se_nas.errors import InputError
from se_nas.machine.limits import cpu_count
from se_nas.training.known_latency.onnx_sessions import missing_packages, open_session

CALIBRATION_IMAGES = 512
"""The most training images whose activations are looked at, evenly spread."""
MOST_LOSS = 0.01
"""The loss of accuracy on the test images above which a warning is printed: 1 point."""
NEEDS = ("onnx", "onnxruntime", "sympy")

Batches = Callable[[], Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]]
"""Yields batches of images (B, 3, S, S) from 0 to 1, and labels (B,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """The outcome of a quantisation: the accuracies on the test images before and after, and the choice of the gates.

    `validation` are the accuracies on the validation images, by the way in which SE's gates were treated: `int8`, and
    `float` if the network has gates. `gates` is the way that was kept.
    """

    before: float
    after: float
    validation: Mapping[str, float]
    gates: str
    calibrated_on: int
    tested_on: int

    def lines(self) -> Iterator[str]:
        """Lines about the accuracy, about SE's gates, and a warning if the loss is large."""
        loss = self.before - self.after
        yield (
            f"int8      test accuracy {100 * self.before:.2f} % before, {100 * self.after:.2f} % after "
            f"({-100 * loss:+z.2f} points, {self.tested_on:,} images); calibrated on {self.calibrated_on:,} training "
            "images"
        )
        if "float" in self.validation:
            other = "int8" if self.gates == "float" else "float"
            yield (
                f"gates     SE's gates are in {self.gates}: {100 * self.validation[self.gates]:.2f} % of the "
                f"validation images are right; with gates in {other} {100 * self.validation[other]:.2f} %"
            )
        if loss > MOST_LOSS:
            cause = "; SE's gates are known to suffer" if "float" in self.validation and self.gates == "int8" else ""
            yield (
                f"warning   int8 loses {100 * loss:.2f} points of accuracy, more than {100 * MOST_LOSS:g}{cause}: "
                "model.onnx is the better file where its size and time can be afforded"
            )


def check_installed() -> None:
    """Raise InputError if a package is missing."""
    if missing := missing_packages(NEEDS):
        raise InputError(f"--quantize needs {missing}")


def quantise(source: Path, target: Path, data: ImageData, *, image_size: int) -> Quantised:
    """Quantise the ONNX file `source` into `target`, calibrated on the training images of `data`."""
    train = _some(data.train, CALIBRATION_IMAGES)
    calibration, validation, test = (
        _batches(part, image_size=image_size) for part in (train, data.validation, data.test)
    )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".quantise-") as folder:
        prepared = Path(folder) / "prepared.onnx"
        _prepare(source, prepared)
        gates = gate_nodes(prepared)
        ways: dict[str, Sequence[str]] = {"int8": (), **({"float": gates} if gates else {})}
        files = {way: Path(folder) / f"gates-{way}.onnx" for way in ways}
        for way, in_float in ways.items():
            _quantise(prepared, files[way], calibration, in_float=in_float)
        reached = {way: accuracy(path, validation) for way, path in files.items()}
        kept = max(files, key=lambda way: (reached[way], -files[way].stat().st_size))
        _keep_description(source, files[kept], target)
    return Quantised(
        before=accuracy(source, test),
        after=accuracy(target, test),
        validation=reached,
        gates=kept,
        calibrated_on=len(train),
        tested_on=len(data.test),
    )


def accuracy(path: Path, batches: Batches) -> float:
    """The fraction of images whose class an ONNX file names."""
    session = open_session(path, cpu_count())
    right = total = 0
    for images, labels in batches():
        (logits,) = session.run(["logits"], {"images": images})
        right += int((logits.argmax(1) == labels).sum())
        total += len(labels)
    return right / total


def _some(part: Part, most: int) -> Part:
    """At most this many images of a part, evenly spread."""
    places = np.zeros(len(part), bool)
    places[np.linspace(0, len(part) - 1, min(most, len(part))).round().astype(int)] = True
    return part.subset(places)


def _batches(part: Part, *, image_size: int) -> Batches:
    images = place(part, torch.device("cpu"), loaders=cpu_count(), image_size=image_size)

    def batches() -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        for pixels, labels in images.batches():
            yield (pixels.permute(0, 3, 1, 2) / 255).numpy(), labels.numpy()

    return batches


def _prepare(source: Path, target: Path) -> None:
    """Join batch norms with convolutions, and note the shape of each tensor, as the quantiser needs it."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(source, target)


def _quantise(source: Path, target: Path, calibration: Batches, *, in_float: Sequence[str]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Images(CalibrationDataReader):  # type: ignore[misc]  # its types are not known
        """Gives the calibration images, in batches."""

        def __init__(self) -> None:
            self._left = calibration()

        def get_next(self) -> dict[str, Any] | None:
            """The next batch; None after the last."""
            batch = next(self._left, None)
            return None if batch is None else {"images": batch[0]}

    quantize_static(
        source,
        target,
        Images(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        reduce_range=True,  # without VNNI, an x86 processor adds products of 8 bits in 16 bits, which may saturate
        nodes_to_exclude=list(in_float),
    )


def _keep_description(source: Path, quantised: Path, target: Path) -> None:
    """Write the quantised network with the metadata of `source`."""
    import onnx

    proto = onnx.load(quantised)
    known = {each.key: each.value for each in onnx.load(source).metadata_props}
    onnx.helper.set_model_props(proto, known | {"quantised": "int8, static, by ONNX Runtime"})
    onnx.checker.check_model(proto)
    onnx.save_model(proto, target)
