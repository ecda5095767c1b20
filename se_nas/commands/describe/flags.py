"""The flags of `describe`. `--help` answers before torch is imported."""

from dataclasses import dataclass
from typing import Annotated, Optional

from tyro.conf import FlagCreatePairsOff, Positional, arg

from se_nas.commands.flags import OwnNetwork, flag
from se_nas.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeRequest:
    """Show a network: its stages, the places and the widths of its SE, and its cost."""

    network: Annotated[Positional[str], arg(metavar="NETWORK")]
    """An architecture file, the name of a published network such as regnet_y_400mf, or RUN_DIR:TRIAL, RUN_DIR:knee,
    RUN_DIR:best, RUN_DIR:cheapest."""
    image_size: Annotated[Optional[int], flag("N", "the run's images, else 224")] = None
    """Side of the images in pixels, for which the cost is counted."""
    classes: Annotated[Optional[int], flag("N", "the run's classes, else 1000")] = None
    """Outputs of the classifier."""
    own_network: OwnNetwork = None
    json: FlagCreatePairsOff[bool] = False
    """Print a JSON object instead of tables."""

    def check(self) -> None:
        """Raise InputError for a number out of its range."""
        for name, most in (("image_size", 4096), ("classes", 1_000_000)):
            given = getattr(self, name)
            if given is not None and not 1 <= given <= most:
                raise InputError(f"--{name.replace('_', '-')} {given}: must be 1 to {most:,}")
