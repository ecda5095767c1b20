"""Overview: all results of a search that need no further training, computed once for the page and for W&B."""

from collections.abc import Mapping
from dataclasses import dataclass

from se_nas.analysis.edf import Split, splits
from se_nas.analysis.effects import Marginal, marginals
from se_nas.analysis.importances import Importances, importances
from se_nas.analysis.rank_correlation import EpochPrediction, epoch_predictions
from se_nas.analysis.search_effects import StageGain, stage_gains
from se_nas.searching.progress import SearchProgress
from se_nas.space.decisions import Decision


@dataclass(frozen=True, slots=True)
class Overview:
    """Effects of decisions at equal cost, gains of SE at equal cost and trunk, errors of sub-spaces, importances, and
    correlations of early epochs.

    A part is empty, or None, if there are too few trials.
    """

    effects: tuple[Marginal, ...]
    stage_gains: tuple[StageGain, ...]
    splits: tuple[Split, ...]
    importances: Importances | None
    early_epochs: tuple[EpochPrediction, ...]

    @classmethod
    def of(cls, progress: SearchProgress, decisions: Mapping[str, Decision]) -> "Overview":
        """Make the overview of the trials so far, in a space with these `decisions`.

        Takes about a second for its bootstraps and forests.
        """
        records, costs = progress.records, progress.objectives.costs
        return cls(
            tuple(marginals(records, costs, decisions)),
            tuple(stage_gains(records, costs, decisions)),
            tuple(splits(records, costs, decisions)),
            importances(records, costs, decisions),
            tuple(epoch_predictions(records)),
        )

    @property
    def effects_of_se(self) -> tuple[Marginal, ...]:
        """The effects of decisions about the place and width of SE."""
        return tuple(one for one in self.effects if one.is_of_se)

    @property
    def other_effects(self) -> tuple[Marginal, ...]:
        """The effects of decisions about the trunk."""
        return tuple(one for one in self.effects if not one.is_of_se)
