"""Published networks by name, one file for each group of families."""

from collections.abc import Mapping

from se_nas.space.published.cifar_resnets import CIFAR_RESNETS
from se_nas.space.published.densenets import DENSENETS
from se_nas.space.published.efficientnets import EFFICIENTNETS
from se_nas.space.published.mnasnets import MNASNETS
from se_nas.space.published.mobilenets import MOBILENETS
from se_nas.space.published.mobilenets_v1 import MOBILENETS_V1
from se_nas.space.published.network import PublishedNetwork
from se_nas.space.published.regnets import REGNETS
from se_nas.space.published.resnets import RESNETS
from se_nas.space.published.shufflenets import SHUFFLENETS
from se_nas.space.published.xceptions import XCEPTIONS
from se_nas.wording import suggest

PUBLISHED: Mapping[str, PublishedNetwork] = {
    **REGNETS,
    **RESNETS,
    **CIFAR_RESNETS,
    **DENSENETS,
    **MOBILENETS_V1,
    **XCEPTIONS,
    **SHUFFLENETS,
    **MOBILENETS,
    **MNASNETS,
    **EFFICIENTNETS,
}


def published_network(name: str) -> PublishedNetwork:
    """The published network of this name. ValueError if no network is known by this name."""
    if name not in PUBLISHED:
        raise ValueError(f"no published network is called {name!r}; {suggest(name, PUBLISHED)}")
    return PUBLISHED[name]
