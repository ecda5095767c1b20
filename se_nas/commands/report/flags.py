"""The flags of `report`. `--help` answers before torch is imported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """Write report.html, trials.csv and front.json of a run folder again from its study."""

    run_dir: Annotated[Positional[Path], arg(metavar="RUN_DIR")]
    """Run folder of the search."""
