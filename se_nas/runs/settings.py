"""The resolved settings of a search, as `config.yaml` in its run folder has them."""

import platform
import secrets
from collections.abc import Mapping
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from se_nas import __version__
from se_nas.checksums import checksum, checksum_of_bytes
from se_nas.data.portion import Portion
from se_nas.errors import InputError
from se_nas.files import write_yaml
from se_nas.objective_metric import ACCURACY, METRIC_NAMES, ObjectiveMetric, parse_metric
from se_nas.runs.identity import SearchIdentity
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.objectives import EQUAL_COST, Objectives, parse_objectives
from se_nas.searching.propose.strategies import STRATEGIES
from se_nas.space.yaml_file import parse_entry, read_yaml
from se_nas.training.recipe import Recipe
from se_nas.wording import printable


def running_versions() -> dict[str, str]:
    """The versions of the software that a search's results depend on."""
    return {
        "se-nas": __version__,
        "torch": version_of("torch"),
        "optuna": version_of("optuna"),
        "python": platform.python_version(),
    }


class SearchConfig(BaseModel):
    """The settings of a search.

    `images` is the fingerprint of the images, `reference` the reference point of the hypervolume (accuracy, costs), and
    `space_seal` the checksum of `space.yaml`. A version that changed during the search reads "2.15.0, then 2.16.0".
    Costs that differ by at most the fraction `equal_cost` count as equal. `skip_bad_images` leaves out image files that
    cannot be read. `weights` names the pretrained weights that networks start with, if there are any. `earlier_images`
    are the fingerprints of earlier images, if the images changed and the user accepted the change. `recipe` has the
    parts of the trials' recipe that differ from the values of `Recipe`; earlier versions had none. `fraction` or
    `training_images` is the portion of the images that is searched on. `cache` is the folder that keeps decoded
    images, if the user named one. `latency_table` is the checksum of the table that predicts latency; without a table,
    trials measure it. `objective_metric` scores the trials; earlier versions knew only the accuracy. With
    `resizes_images`, arrays are resized to `image_size`, because the user asked for that size. `gate_loss` is the loss
    of relaxed gates, which only the strategy `differentiable` has. `decoding` is the way in which image files are
    decoded and named; earlier versions knew only `whole`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_id: str = Field(default_factory=lambda: secrets.token_hex(4))
    versions: dict[str, str]
    space: str
    space_seal: str
    data: str
    budget: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    strategy: str
    objectives: str
    seed: Annotated[int, Field(ge=0)]
    image_size: int
    classes: int
    images: str
    reference: list[float]
    equal_cost: Annotated[float, Field(ge=0, lt=1)] = EQUAL_COST
    skip_bad_images: bool = False
    weights: str = ""
    earlier_images: list[str] = []
    recipe: dict[str, int | float | str] = {}
    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    training_images: Annotated[int, Field(ge=1)] | None = None
    cache: str = ""
    latency_table: str = ""
    objective_metric: str = ACCURACY.value
    resizes_images: bool = False
    gate_loss: Literal["sum", "product"] = "sum"
    decoding: Literal["whole", "scaled"] = "whole"

    @property
    def parsed_objectives(self) -> Objectives:
        """The objectives, with the fraction by which equal costs may differ."""
        tabled = ("latency",) if self.latency_table else ()
        return parse_objectives(self.objectives, equal_cost=self.equal_cost, tabled=tabled, metric=self.metric)

    @property
    def metric(self) -> ObjectiveMetric:
        """The metric that scores the trials."""
        return parse_metric(self.objective_metric)

    @property
    def portion(self) -> Portion:
        """The portion of the training and validation images that is searched on."""
        return Portion(fraction=self.fraction, images=self.training_images)

    @property
    def cache_folder(self) -> Path | None:
        """The folder that keeps decoded images; None for the usual one."""
        return Path(self.cache) if self.cache else None

    def trial_recipe(self, epochs: int | None = None) -> Recipe:
        """The recipe of a trial, with other epochs if given."""
        parts: dict[str, Any] = dict(self.recipe)
        return Recipe(epochs=self.epochs if epochs is None else epochs, **parts)

    @property
    def data_name(self) -> str:
        """The name of the data without the folders above it, which are private: `npz:PATH/cifar10.npz`."""
        kind, colon, path = self.data.partition(":")
        return printable(f"{kind}:PATH/{Path(path).name}" if colon else kind)

    @property
    def identity(self) -> SearchIdentity:
        """The facts of the search that W&B and titles state."""
        space = Path(self.space)
        return SearchIdentity(
            run_id=self.run_id,
            title=f"{space.stem} on {self.data_name.rpartition('/')[2]}",
            data=self.data_name,
            tags=(space.stem, self.strategy, self.data_name),
            settings=self.model_dump()
            | {
                "data": self.data_name,
                "space": space.name,
                "weights": Path(self.weights).name,
                "cache": Path(self.cache).name,
            },
            budget=self.budget,
        )

    def begun_with(self, versions: Mapping[str, str]) -> "SearchConfig":
        """These settings with the versions of a search that has trained nothing yet."""
        return self.model_copy(update={"versions": dict(versions)})

    def continued_on(self, images: str) -> "SearchConfig":
        """These settings with the fingerprint of the images with which the search continues."""
        if images == self.images:
            return self
        return self.model_copy(update={"images": images, "earlier_images": [*self.earlier_images, self.images]})

    def continued_under(self, versions: Mapping[str, str]) -> "SearchConfig":
        """These settings, with each changed version appended to the earlier one."""
        merged = dict(self.versions)
        for name, version in versions.items():
            known = merged.get(name, "unknown")
            if known.rpartition(", then ")[2] != version:
                merged[name] = f"{known}, then {version}"
        return self.model_copy(update={"versions": merged})


class _SealedConfig(SearchConfig):
    seal: str


def write_config(folder: RunFolder, config: SearchConfig) -> None:
    """Write the settings as YAML, with their checksum."""
    settings = config.model_dump()
    write_yaml(folder.config, {**settings, "seal": checksum(settings)})


def load_config(folder: RunFolder) -> SearchConfig:
    """Read the settings. InputError if the settings or the space beside them were changed."""
    file = read_yaml(folder.config)
    settings = parse_entry(_SealedConfig, file).model_dump(exclude_unset=True)  # an earlier version wrote fewer
    if settings.pop("seal") != checksum(settings):
        raise InputError(f"{folder.config}: not as it was written, so it was damaged or edited; restore it from a copy")
    config = SearchConfig(**settings)
    if config.strategy not in STRATEGIES:
        raise file.error(("strategy",), f"expected one of {', '.join(STRATEGIES)}, but got {config.strategy!r}")
    if config.objective_metric not in METRIC_NAMES:
        known = ", ".join(sorted(METRIC_NAMES))
        raise file.error(("objective_metric",), f"expected one of {known}, but got {config.objective_metric!r}")
    try:
        space = folder.space.read_bytes()
    except OSError as error:
        raise InputError(f"{folder.space}: cannot be read ({error.strerror})") from None
    if checksum_of_bytes(space) != config.space_seal:
        raise InputError(
            f"{folder.space}: not the space that the search was begun with, so it was damaged or edited; restore it, "
            "or begin a new search with it"
        )
    return config


def check_same(name: str, given: object, stored: object, folder: Path) -> None:
    """Raise InputError if a resumed search is asked to change a setting that its results depend on."""
    if given is not None and given != stored:
        raise InputError(
            f"--{name.replace('_', '-')} {given}: the search in {folder} was begun with {stored}; leave the flag out, "
            "or use a new --run"
        )
