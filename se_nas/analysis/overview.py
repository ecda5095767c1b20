"""What a whole search says without further training: worked out once, for the page and for W&B."""

from dataclasses import dataclass

from se_nas.analysis.edf import Split, splits
from se_nas.analysis.effects import Marginal, marginals
from se_nas.analysis.importances import Importances, importances
from se_nas.analysis.rank_correlation import EpochPrediction, epoch_predictions
from se_nas.searching.progress import SearchProgress


@dataclass(frozen=True, slots=True)
class Overview:
    """Effects of decisions at equal cost, the sub-spaces' errors, importances, and how early epochs predict the last;
    empty, or None, where the trials are too few."""

    effects: tuple[Marginal, ...]
    splits: tuple[Split, ...]
    importances: Importances | None
    early_epochs: tuple[EpochPrediction, ...]

    @classmethod
    def of(cls, progress: SearchProgress) -> "Overview":
        """Of the trials so far; takes about a second for its bootstraps and forests."""
        records, costs = progress.records, progress.objectives.costs
        return cls(
            tuple(marginals(records, costs)),
            tuple(splits(records, costs)),
            importances(records, costs),
            tuple(epoch_predictions(records)),
        )

    @property
    def effects_of_se(self) -> tuple[Marginal, ...]:
        """Those of where SE is, and how wide."""
        return tuple(one for one in self.effects if one.is_of_se)

    @property
    def other_effects(self) -> tuple[Marginal, ...]:
        """Those of the trunk."""
        return tuple(one for one in self.effects if not one.is_of_se)
