"""The flags of `export`. `--help` answers before torch is imported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

from tyro.conf import Positional, arg

from se_nas.commands.flags import OwnNetwork, flag
from se_nas.errors import InputError
from se_nas.wording import suggest

FORMATS = ("torch", "onnx", "huggingface")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """Write a retrained network for use without se-nas: ONNX, checked in onnxruntime, and torch's own .pt2, which
    needs torch alone. Both take RGB images as numbers of 0 to 1 and normalise them themselves."""

    retrained: Annotated[Positional[Path], arg(metavar="RETRAINED_DIR")]
    """Folder of a retrained network, RUN_DIR/retrain/NAME."""
    format: Annotated[Optional[str], flag("NAME", "torch and onnx")] = None
    """Write only this format: torch, onnx or huggingface. huggingface is a folder with config.json,
    model.safetensors and a model card, which se_nas.load_trained reads without the run folder."""
    quantize: Annotated[Optional[str], flag("int8", "")] = None
    """Also write the ONNX network in int8, calibrated on the training images, and measure its accuracy on the test
    images before and after."""
    own_network: OwnNetwork = None

    def check(self) -> None:
        """Raise InputError for a format that does not exist, or for flags that contradict each other."""
        if self.format is not None and self.format not in FORMATS:
            raise InputError(f"--format {self.format}: no such format; {suggest(self.format, FORMATS)}")
        if self.quantize not in (None, "int8"):
            raise InputError(f"--quantize {self.quantize}: expected int8")
        if self.quantize is not None and self.format not in (None, "onnx"):
            raise InputError(f"--quantize {self.quantize}: cannot be used with --format {self.format}; it needs ONNX")
