"""The strategies that need shared weights, and whether a search is long enough for the prior of a supernet."""

from se_nas.runs.settings import SearchConfig
from se_nas.searching.propose.front_strategy import BLIND_TRIALS
from se_nas.space.design_space import DesignSpace

SUPERNET, DIFFERENTIABLE = "supernet", "differentiable"
"""The strategies, which are also the names of their files."""


def most_trials(config: SearchConfig, space: DesignSpace) -> int:
    """The most trials that a search can have: its budget, or the number of networks of a smaller space."""
    return int(min(config.budget, space.size().count))


def can_use_prior(config: SearchConfig, space: DesignSpace) -> bool:
    """Whether a search has trials after the first ones, which cover the space without a model and so without a prior.

    The bounds of the space may leave fewer networks than are counted here.
    """
    return most_trials(config, space) > BLIND_TRIALS
