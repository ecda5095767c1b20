"""Laws: rules that compute all stages of a trunk from a few numbers. Each law has its own key in a file."""

from abc import ABC, abstractmethod
from typing import ClassVar

from se_nas.space.families.family import BlockFamily
from se_nas.space.parts.norm import Norm
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.parts.tail import Tail
from se_nas.space.trunks.trunk import Ends, Trunk
from se_nas.space.yaml_file import Entry, YamlFile


class SpaceLaw(Entry, ABC):
    """The keys of a law in a search space, without those of attention."""

    family: ClassVar[type[BlockFamily]]
    """The family of the law's blocks."""
    brings_ends: ClassVar[bool] = False
    """Whether the law computes the ends too. Then a file must not have the keys of ends."""

    @abstractmethod
    def trunk(self, ends: Ends | None, file: YamlFile) -> Trunk:
        """The trunk between these ends; None for a law that brings them. InputError if the keys do not fit each
        other."""


class NetworkLaw(Entry, ABC):
    """The keys of a law in the file of a single network, without those of attention."""

    family: ClassVar[type[BlockFamily]]
    """The family of the law's blocks."""
    brings_ends: ClassVar[bool] = False
    """Whether the law computes the ends too. Then a file must not have the keys of ends."""

    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """The stages without attention. ValueError names the rule that the numbers break."""

    def ends(self) -> tuple[Stem, Tail, Norm]:
        """The ends of a law that brings them, of numbers whose stages exist."""
        raise NotImplementedError
