"""The resolved settings of a search, as `config.yaml` in its run folder holds them."""

import secrets
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from se_nas import __version__
from se_nas.errors import InputError
from se_nas.files import write_yaml
from se_nas.search.strategies import STRATEGIES
from se_nas.space.yaml_file import parse_entry, read_yaml


class SearchConfig(BaseModel):
    """What a search was asked to do. `images` is their fingerprint, `reference` (accuracy, costs)
    that of the hypervolume."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_id: str = Field(default_factory=lambda: secrets.token_hex(4))
    version: str = __version__
    space: str
    data: str
    budget: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    strategy: str
    objectives: str
    seed: Annotated[int, Field(ge=0)]
    image_size: int
    classes: int
    images: str = ""
    reference: list[float]

    @property
    def data_name(self) -> str:
        """The data without the folders that they lie in, which are nobody else's business.

        `npz:PATH/cifar10.npz`.
        """
        kind, colon, path = self.data.partition(":")
        return f"{kind}:PATH/{Path(path).name}" if colon else kind


def write_config(path: Path, config: SearchConfig) -> None:
    """Write the settings as YAML."""
    write_yaml(path, config.model_dump())


def load_config(path: Path) -> SearchConfig:
    """Read the settings back; InputError where the file was damaged."""
    file = read_yaml(path)
    config = parse_entry(SearchConfig, file)
    if config.strategy not in STRATEGIES:
        raise file.error(("strategy",), f"expected one of {', '.join(STRATEGIES)}, but got {config.strategy!r}")
    return config


def check_same(name: str, given: object, stored: object, folder: Path) -> None:
    """InputError when a resumed search is asked to change what its results depend on."""
    if given is not None and given != stored:
        raise InputError(
            f"--{name} {given}: the search in {folder} was begun with {stored}; leave the flag out, or use a new --run"
        )
