"""The flags of `predict`. `--help` answers before torch is imported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg

from se_nas.commands.flags import OwnNetwork, check_least
from se_nas.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictRequest:
    """Print what image files show, as predicted by a retrained network."""

    retrained: Annotated[Positional[Path], arg(metavar="RETRAINED_DIR")]
    """Folder of a retrained network, RUN_DIR/retrain/NAME."""
    images: Annotated[Positional[tuple[Path, ...]], arg(metavar="IMAGE")]
    """Image files; they are cut to a centred square and resized, like the images of a folder in the search."""
    top: Annotated[int, arg(metavar="N")] = 1
    """Classes to name for each image, the likeliest first."""
    own_network: OwnNetwork = None
    json: FlagCreatePairsOff[bool] = False
    """Print a JSON object for each image, one per line."""

    def check(self) -> None:
        """Raise InputError for a number out of its range, or if there is no image."""
        check_least(self, top=1)
        if not self.images:
            raise InputError("name one or more image files after the network")
