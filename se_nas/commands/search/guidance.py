"""The guidance of a search by shared weights: a supernet or relaxed gates, trained before the first trial."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from se_nas.analysis.first_placements import first_placements
from se_nas.analysis.supernet_scores import ScoredPlacement, SupernetScores
from se_nas.commands.preflight import CostOf
from se_nas.commands.shared_weights.placements_to_read import ALL_UP_TO, usual_reading
from se_nas.commands.shared_weights.relaxed_task import RelaxedTask
from se_nas.commands.shared_weights.strategies import DIFFERENTIABLE, SUPERNET, networks_within, scores_matter
from se_nas.commands.shared_weights.supernet_task import SupernetTask
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig
from se_nas.runs.supernet_file import load_scores
from se_nas.searching.propose.front_strategy import BLIND_TRIALS
from se_nas.searching.propose.strategies import SUGGESTED_TRIALS
from se_nas.searching.records import TrialRecord
from se_nas.searching.surrogate.prior_mean import Prior
from se_nas.space.decisions import Assignment
from se_nas.space.design_space import DesignSpace
from se_nas.space.switches import Placement, Switchboard, has_one_trunk, switches_of_space
from se_nas.training.devices.device import pick_device, prepare
from se_nas.training.pretrained import Pretrained
from se_nas.training.supernet.gate_loss import GateLoss
from se_nas.training.supernet.placement_draws import Draw
from se_nas.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """Networks that are tried early, and a prior of the accuracies."""

    suggested: Sequence[Assignment] = ()
    prior: Prior | None = None


def check_guided(strategy: str, space: DesignSpace) -> None:
    """Check that shared weights can guide a search of this space. InputError if they cannot."""
    if strategy in (SUPERNET, DIFFERENTIABLE):
        if not has_one_trunk(space):
            raise InputError(
                f"--strategy {strategy}: needs a space with one trunk, but space '{space.name}' decides on more than SE"
            )
        switches_of_space(space)


def guide(
    strategy: str,
    *,
    folder: RunFolder,
    config: SearchConfig,
    space: DesignSpace,
    data: ImageData,
    cost_of: CostOf,
    pretrained: Pretrained | None,
    use_gpu: bool,
    print_line: Callable[[str], None],
) -> Guidance:
    """Train what the strategy needs in this process, or continue it, and return what follows from it.

    If the search trains all networks of a small space, no supernet is trained, and a line says so.
    """
    if strategy not in (SUPERNET, DIFFERENTIABLE):
        return Guidance()
    board, device = switches_of_space(space), pick_device(use_gpu=use_gpu)
    prepare(device)
    task = SupernetTask(
        folder=folder.path,
        name=strategy,
        board=board,
        data=data,
        recipe=config.trial_recipe(),
        draw=Draw.SANDWICH,
        seed=config.seed,
        device=device,
        pretrained=pretrained,
        metric=config.metric,
        cost_of=cost_of,
        print_line=print_line,
    )
    if strategy == SUPERNET:
        costs = (task.costs(board.network(placement)) for placement in islice(board.every(), ALL_UP_TO))
        networks = networks_within(space, costs, min(board.count, ALL_UP_TO))
        if not scores_matter(config.budget, networks):
            print_line(
                f"supernet  not used: {counted(networks, 'network')} of the space can be trained, and this search "
                "trains each of them; so no supernet is trained, and the search proposes as front does"
            )
            return Guidance()
    for note in board.notes:
        print_line(f"note      {note}")
    if strategy == DIFFERENTIABLE:
        loss = GateLoss(config.gate_loss)
        choices = RelaxedTask(supernet=task, cost=config.parsed_objectives.costs[0], loss=loss).choices()
        return Guidance(suggested=[_assignment(space, board, each.placement) for each in choices])
    scores = _scores(task, config)
    first = _suggestions(scores, space, config)
    turns = sum(trial < config.budget for trial in SUGGESTED_TRIALS)
    print_line(
        f"supernet  {min(len(first), turns)} of the first {min(config.budget, BLIND_TRIALS)} trials train placements "
        "that the supernet ranks best within budgets of cost; the others cover the space. The page says whether its "
        "ranking can be trusted"
    )
    suggested = [_assignment(space, board, each.options) for each in first]
    return Guidance(suggested=suggested, prior=SupernetPrior(scores, print_line))


@dataclass(slots=True)
class SupernetPrior:
    """The scores of a supernet, as long as the trials show that they are better than the free rankings."""

    scores: SupernetScores
    print_line: Callable[[str], None]
    _asked: int = field(init=False, default=-1)
    _told: bool | None = field(init=False, default=None)
    _trusted: Mapping[str, float] = field(init=False, default_factory=dict)

    def __call__(self, records: Sequence[TrialRecord]) -> Mapping[str, float]:
        """The scores by fingerprint; empty if they are not trusted. A change of the verdict is printed."""
        known = {each.fingerprint: each.accuracy for each in records if each.accuracy is not None}
        if len(known) != self._asked:
            self._asked = len(known)
            trust = self.scores.trust(known)
            earned = trust is not None and trust.is_earned
            self._trusted = {each.fingerprint: each.accuracy for each in self.scores.placements} if earned else {}
            if trust is not None and earned != self._told:
                self._told = earned
                self.print_line(f"prior     {trust.verdict}")
        return self._trusted


def _scores(task: SupernetTask, config: SearchConfig) -> SupernetScores:
    """The scores in the folder if they are enough, however they were trained; else those of a supernet that is trained
    or continued here. InputError for a file of another supernet with too few scores."""
    if task.scores_file.exists():
        scores, content = load_scores(task.scores_file)
        is_own, needed = scores.trunk == task.board.trunk, usual_reading(task.board)
        if is_own and content.get("is_read") and len(scores.placements) >= needed:
            return scores
        if is_own:
            task = _as_begun(task, content, config)
            task.print_line(
                f"supernet  {counted(len(scores.placements), 'placement')} of the {needed:,} that a prior needs were "
                "read before; the others are read now"
            )
    task.known()  # refuses a file of another supernet before it trains
    task.print_line("supernet  trained before the first trial; its scores are a start and a prior, not an answer")
    return task.read_whole(task.trained())


def _suggestions(scores: SupernetScores, space: DesignSpace, config: SearchConfig) -> list[ScoredPlacement]:
    """The placements within the bounds that are tried early."""
    within = tuple(each for each in scores.placements if space.cost_violation(each.cost) is None)
    known = replace(scores, placements=within)
    return first_placements(known, config.parsed_objectives.costs, len(SUGGESTED_TRIALS))


def _as_begun(task: SupernetTask, content: Mapping[str, Any], config: SearchConfig) -> SupernetTask:
    """The task with the epochs, the draw and the seed of the file, if it differs from this task in them alone."""
    try:
        begun = replace(
            task,
            recipe=config.trial_recipe(int(content["epochs"])),
            draw=Draw(content["draw"]),
            seed=int(content["seed"]),
        )
    except (KeyError, TypeError, ValueError):
        return task
    return begun if begun.identity == content["identity"] else task


def _assignment(space: DesignSpace, board: Switchboard, placement: Placement) -> Assignment:
    """The decisions that give a placement."""
    network = board.network(placement)
    assignment: dict[str, object] = {}
    for name, choices, stage in zip(space.trunk.stage_names, space.se, network.stages, strict=True):
        assignment |= choices.encode(name, stage.se)
    return {name: assignment[name] for name in space.decisions}  # type: ignore[misc]
