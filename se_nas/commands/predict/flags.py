"""The flags of `predict`. `--help` answers before torch is imported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

from tyro.conf import FlagCreatePairsOff, Positional, arg

from se_nas.commands.flags import OwnNetwork, check_least, flag
from se_nas.commands.predict.table_file import check_table_file
from se_nas.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictRequest:
    """Print what image files show, as predicted by a retrained network, or write it into a CSV file."""

    retrained: Annotated[Positional[Path], arg(metavar="RETRAINED_DIR")]
    """Folder of a retrained network, RUN_DIR/retrain/NAME."""
    images: Annotated[Positional[tuple[Path, ...]], arg(metavar="IMAGE")]
    """Image files, and folders of image files at any depth. Images are cut to a centred square and resized, like the
    images of a folder in the search."""
    top: Annotated[int, arg(metavar="N")] = 1
    """Classes to name for each image, the likeliest first."""
    own_network: OwnNetwork = None
    json: FlagCreatePairsOff[bool] = False
    """Print a JSON object for each image, one per line."""
    csv: Annotated[Optional[Path], flag("FILE", "")] = None
    """Write a CSV file with a row for each image instead of printing a table: path, class, probability, the second
    class and its probability."""

    def check(self) -> None:
        """Raise InputError for a number out of its range, if there is no image, or for a file that is no CSV file."""
        check_least(self, top=1)
        if not self.images:
            raise InputError("name one or more image files or folders after the network")
        if self.csv is not None:
            check_table_file(self.csv)
