"""Laws: rules that compute all stages of a trunk from a few numbers. Each law has its own key in a file."""

from abc import ABC, abstractmethod
from typing import ClassVar

from se_nas.space.families.family import BlockFamily
from se_nas.space.parts.stage import Stage
from se_nas.space.trunks.trunk import Ends, Trunk
from se_nas.space.yaml_file import Entry, YamlFile


class SpaceLaw(Entry, ABC):
    """The keys of a law in a search space, without those of attention."""

    family: ClassVar[type[BlockFamily]]
    """The family of the law's blocks."""

    @abstractmethod
    def trunk(self, ends: Ends, file: YamlFile) -> Trunk:
        """The trunk between these ends. InputError if the keys do not fit each other."""


class NetworkLaw(Entry, ABC):
    """The keys of a law in the file of a single network, without those of attention."""

    family: ClassVar[type[BlockFamily]]
    """The family of the law's blocks."""

    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """The stages without attention. ValueError names the rule that the numbers break."""
