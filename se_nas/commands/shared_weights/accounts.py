"""Loads what a run folder knows of its supernets and of its relaxed gates, beside its trials."""

from pathlib import Path

from se_nas.analysis.chosen_by_gates import ChosenByGates, GateChoice
from se_nas.analysis.supernet_account import SupernetAccount
from se_nas.commands.shared_weights.strategies import DIFFERENTIABLE, SUPERNET, networks_within, scores_matter
from se_nas.commands.shared_weights.trained_alone import trained_alone
from se_nas.errors import InputError
from se_nas.files import read_checked
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig
from se_nas.runs.supernet_file import PRIOR_FILE, load_scores
from se_nas.searching.progress import SearchProgress
from se_nas.searching.propose.front_strategy import BLIND_TRIALS
from se_nas.space.files.loading import load_stored_space
from se_nas.training.supernet.gate_loss import GateLoss

GATES_FILE = f"{DIFFERENTIABLE}.json"


def load_account(path: Path, folder: RunFolder, config: SearchConfig, progress: SearchProgress) -> SupernetAccount:
    """The account of a supernet of a run folder. InputError if its file is damaged."""
    scores, content = load_scores(path)
    complete = {record.fingerprint: record for record in progress.records if record.accuracy is not None}
    read = {each.fingerprint for each in scores.placements}
    alone = trained_alone(folder, progress, read, config.metric, print_line=_ignore)
    may_guide = config.strategy == SUPERNET and path.name == PRIOR_FILE
    costs = [each.cost for each in scores.placements]
    networks = networks_within(load_stored_space(folder.space), costs, len(costs)) if may_guide else 0
    is_start = scores_matter(config.budget, networks)
    by_trials = {name: float(record.accuracy or 0) for name, record in complete.items() if name in read}
    trust = scores.trust(alone.accuracies)
    return SupernetAccount(
        file=path.name,
        metric=config.metric,
        epochs=content.get("epochs"),
        seconds=content.get("seconds", {}),
        scores=scores,
        alone=alone.accuracies,
        source=alone.source,
        trials={name: complete[name].number for name in by_trials},
        trust=trust,
        is_start=is_start,
        is_prior=is_start and min(config.budget, networks) > BLIND_TRIALS,
        prior_trust=trust if by_trials == alone.accuracies else scores.trust(by_trials),
    )


def load_gates(folder: RunFolder, progress: SearchProgress) -> ChosenByGates | None:
    """The choices of relaxed gates; None if the folder has none. InputError if their file is damaged.

    A search with relaxed gates has one trunk, so SE by stage names a network.
    """
    path = folder.path / GATES_FILE
    if not path.exists():
        return None
    complete = {record.se: record for record in progress.records if record.accuracy is not None}
    try:
        content = read_checked(path) or {}
        choices = []
        for each in content["choices"]:
            se = tuple(map(str, each["se"]))
            record = complete.get(se)
            choices.append(
                GateChoice(
                    price=float(each["price"]),
                    se=se,
                    certainty=min(max(map(float, own)) for own in each["probabilities"]),
                    trial=None if record is None else record.number,
                    accuracy=None if record is None else record.accuracy,
                )
            )
        return ChosenByGates(
            file=path.name,
            cost=str(content["cost"]),
            is_product=content.get("loss") == GateLoss.PRODUCT,
            choices=tuple(choices),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InputError(f"{path}: damaged, so it is left out; restore it from a copy, or delete it") from None


def _ignore(line: str) -> None:
    """Print nothing: the report also reads damaged ablations, and prints a line about each."""
