"""The flags of `latency`. `--help` answers before torch is imported."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Optional

from se_nas.commands.flags import OwnNetwork, flag
from se_nas.errors import InputError
from se_nas.shipped_files import shipped
from se_nas.training.known_latency.limits import MOST_CLASSES, MOST_IMAGES, MOST_PIXELS, MOST_THREADS

DEFAULT_SPACE = shipped("search_spaces", "small.yaml")
MOST = {"batch": MOST_IMAGES, "threads": MOST_THREADS, "image_size": MOST_PIXELS, "classes": MOST_CLASSES}
"""The largest value of each number."""

RuntimeName = Literal["eager", "compiled", "onnx", "cuda"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRequest:
    """Measure a latency table on the machine that will run the network: the time of each stem, block, SE and head of a
    search space, each once. `search --latency-table FILE` predicts every network from it before training."""

    out: Annotated[Optional[Path], flag("FILE", "latency-SPACE-RUNTIME.json")] = None
    """The table to write, a new JSON file."""
    space: Annotated[Optional[Path], flag("FILE", "search_spaces/small.yaml")] = None
    """Search space, a YAML file."""
    runtime: Annotated[Optional[RuntimeName], flag("eager|compiled|onnx|cuda", "eager")] = None
    """torch or torch.compile on the CPU, ONNX Runtime on the CPU (needs the extra `onnx`), or torch on a GPU."""
    batch: Annotated[Optional[int], flag("N", "1")] = None
    """Images of a pass. The table has the time of one of them."""
    threads: Annotated[Optional[int], flag("N", "1")] = None
    """Threads on the CPU."""
    image_size: Annotated[Optional[int], flag("N", "the space's")] = None
    """Side of the images in pixels."""
    classes: Annotated[Optional[int], flag("N", "10")] = None
    """Outputs of the classifier; the classes of the images to search on."""
    run: Annotated[Optional[Path], flag("RUN_DIR", "")] = None
    """Instead of a table, measure the front of this search on the runtime of its table, and show both on its page."""

    own_network: OwnNetwork = None

    def check(self) -> None:
        """Raise InputError for a number out of its range, contradictory flags, or a file that exists."""
        for name, most in MOST.items():
            given = getattr(self, name)
            if given is not None and not 1 <= given <= most:
                raise InputError(f"--{name.replace('_', '-')} {given}: must be 1 to {most:,}")
        if self.run is not None:
            for name in ("out", "space", "runtime", *MOST):
                if (given := getattr(self, name)) is not None:
                    raise InputError(
                        f"--{name.replace('_', '-')} {given}: cannot be used with --run {self.run}, whose table sets it"
                    )
            return
        if self.own_network is not None:
            raise InputError(
                f"--network {self.own_network}: belongs to --run; a search of your own network measures its own table"
            )
        path = self.table_path
        if os.path.lexists(path):
            raise InputError(f"--out {path}: already there; name another file, or delete it")
        if not os.path.isdir(path.parent):  # noqa: PTH112 - unlike Path.is_dir it does not raise for a long name
            raise InputError(f"--out {path}: there is no folder {path.parent}")
        if not os.access(path.parent, os.W_OK):
            raise InputError(f"--out {path}: this process may not write into {path.absolute().parent}")

    @property
    def table_path(self) -> Path:
        """The file to write."""
        return self.out or Path(f"latency-{(self.space or DEFAULT_SPACE).stem}-{self.runtime or 'eager'}.json")
