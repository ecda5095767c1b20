"""The flags of `export`. `--help` answers before torch is imported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from se_nas.commands.flags import OwnNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """Write a retrained network for use without se-nas: ONNX, checked in onnxruntime, and torch's own .pt2, which
    needs torch alone. Both take RGB images as numbers of 0 to 1 and normalise them themselves."""

    retrained: Annotated[Positional[Path], arg(metavar="RETRAINED_DIR")]
    """Folder of a retrained network, RUN_DIR/retrain/NAME."""
    own_network: OwnNetwork = None
