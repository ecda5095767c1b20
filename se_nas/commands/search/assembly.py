"""Builds a search from its plan: the loop with strategy, study and pruner, the evaluation of a trial, the executor, and
the callbacks with their trackers."""

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rich.console import Console

from se_nas.analysis.largest_class import LargestClass
from se_nas.commands.flags import network_flag
from se_nas.commands.preflight import cost_on
from se_nas.commands.pretraining import carried_weights, weights_path
from se_nas.commands.run_loading import with_all_counted_costs
from se_nas.commands.search.callbacks import Callbacks
from se_nas.commands.search.conditions import conditions_of, trained_under
from se_nas.commands.search.evaluation import TrialEvaluation
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.guidance import Guidance, guide
from se_nas.commands.search.trackers import build_trackers
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError, at_the_end
from se_nas.execution.protocol import Executor
from se_nas.machine.shared_memory import check_shared_memory
from se_nas.models.own_network import NetworkSource
from se_nas.process.invocation import invocation
from se_nas.process.last_words import resumable
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig, write_config
from se_nas.searching.loop import SearchLoop
from se_nas.searching.objectives import Objectives
from se_nas.searching.progress import SearchProgress, progress_of
from se_nas.searching.propose.screening import build_screened_strategy
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.stop.pruning import FrontPruner
from se_nas.searching.study.busy_file import BusyFile
from se_nas.searching.study.study import SearchStudy
from se_nas.searching.surrogate.posterior import settled_progress
from se_nas.space.design_space import DesignSpace
from se_nas.tracking.console import line_printer
from se_nas.training.known_latency.table import LatencyTable
from se_nas.training.pretrained import Pretrained
from se_nas.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """Everything that is decided before a search is opened. `request` says which machines train and what W&B gets."""

    config: SearchConfig
    space: DesignSpace
    data: ImageData
    executor: Executor
    request: SearchRequest
    pretrained: Pretrained | None
    network: NetworkSource | None
    table: LatencyTable | None

    @property
    def objectives(self) -> Objectives:
        """The objectives of the search."""
        return self.config.parsed_objectives


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search that is ready to run: its parts, joined to each other. `print_line` prints a line."""

    folder: RunFolder
    plan: SearchPlan
    loop: SearchLoop
    evaluation: TrialEvaluation
    callbacks: Callbacks
    print_line: Callable[[str], None]

    @property
    def settled(self) -> SearchProgress:
        """The search as it is now. Its front uses the expected accuracy of each network."""
        config = self.plan.config
        records, decisions = self.loop.records.values(), self.plan.space.decisions
        return settled_progress(records, decisions, self.plan.objectives, config.reference, config.budget)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTrials:
    """The study of a run folder, and the records that it has when it is opened."""

    study: SearchStudy
    records: Sequence[TrialRecord]


@contextlib.contextmanager
def open_trials(folder: RunFolder, plan: SearchPlan, console: Console) -> Iterator[KeptTrials]:
    """Open the study of a run folder, or make it for a new search. At the end, it is closed.

    InputError if the search already has more trials than its budget.
    """
    waits = BusyFile(folder.study, line_printer(console))
    study = SearchStudy(folder.study, plan.objectives, plan.space.decisions, file=waits)
    with at_the_end(study.close):
        records = with_all_counted_costs(study.records(), plan.space, plan.config)
        if plan.config.budget < len(records):
            held = counted(len(records), "trial")
            raise InputError(f"--budget {plan.config.budget}: the search in {folder.path} already has {held}")
        yield KeptTrials(study=study, records=records)


@contextlib.contextmanager
def open_search(
    folder: RunFolder, plan: SearchPlan, trials: KeptTrials, console: Console, *, guided: bool = True
) -> Iterator[Search]:
    """Build a search that continues after these trials. At the end, its trackers are closed.

    A strategy that needs shared weights trains them first, unless the search is over or not `guided`.
    """
    config, space, objectives, print_line = plan.config, plan.space, plan.objectives, line_printer(console)
    records, cost_of = trials.records, cost_on(plan.data, plan.table)
    guidance = Guidance()
    if guided and not _is_over(records, config.budget):
        guidance = guide(
            config.strategy,
            folder=folder,
            config=config,
            space=space,
            data=plan.data,
            cost_of=cost_of,
            pretrained=plan.pretrained,
            use_gpu=plan.request.gpus_per_trial != 0,
            print_line=print_line,
        )
    with contextlib.ExitStack() as stack:
        if not _is_over(records, config.budget):
            config = trained_under(config, conditions_of(plan.request, plan.executor), records, print_line)
        largest = LargestClass.of(plan.data.inventory(), "validation")
        identity = replace(config.identity, settings={**config.identity.settings, **largest.setting})
        below_front = largest.sentence(objectives.metric)
        trackers = build_trackers(folder, identity, plan.request, console, below_front=below_front)
        for tracker in trackers:
            stack.enter_context(at_the_end(tracker.close))
        callbacks = Callbacks(
            folder=folder,
            space=space,
            progress=progress_of(records, objectives, config.reference, config.budget),
            trackers=trackers,
            on_first_report=partial(write_config, folder, config),
        )
        loop = SearchLoop(
            space=space,
            cost_of=cost_of,
            strategy=build_screened_strategy(
                config.strategy,
                space=space,
                objectives=objectives,
                cost_of=cost_of,
                seed=config.seed,
                suggested=guidance.suggested,
                prior=guidance.prior,
            ),
            study=trials.study,
            records=records,
            pruner=FrontPruner(costs=objectives.costs, epochs=config.epochs),
            budget=config.budget,
            epochs=config.epochs,
            seed=config.seed,
            listener=callbacks,
        )
        yield Search(
            folder=folder,
            plan=plan,
            loop=loop,
            evaluation=_evaluation(folder, plan),
            callbacks=callbacks,
            print_line=print_line,
        )


def measured_costs(objectives: Objectives, space: DesignSpace) -> tuple[str, ...]:
    """The costs that trials have to measure: objectives, and costs that the space bounds."""
    return objectives.measured_among(dict.fromkeys([*objectives.costs, *space.bounds]))


def saying_how_to_resume(folder: RunFolder, request: SearchRequest) -> contextlib.AbstractContextManager[None]:
    """A context whose last line, after an error or a signal, says how to resume."""

    def removed() -> str | None:
        return None if folder.config.exists() else f"{folder.path} was removed or moved while the search wrote there"

    again = f"{invocation('search')} --resume {shlex.quote(str(folder.path))}{network_flag(request)}"
    return resumable(f"everything finished is kept; continue with: {again}", instead=removed)


def _evaluation(folder: RunFolder, plan: SearchPlan) -> TrialEvaluation:
    """The evaluation of a trial. InputError if this machine has too little shared memory for all workers."""
    evaluation = TrialEvaluation(
        results=RunFolder(folder.path.absolute()),
        train=plan.data.train,
        validation=plan.data.validation,
        mirrored=plan.data.mirrored,
        classes=plan.data.classes,
        recipe=plan.config.trial_recipe(),
        measured=measured_costs(plan.objectives, plan.space),
        use_gpu=plan.request.gpus_per_trial != 0,
        loaders=plan.executor.processors,
        images=plan.data.training_fingerprints()[0] if plan.config.earlier_images else "",
        pretrained=carried_weights(weights_path(folder, plan.config), plan.request.address),
        metric=plan.objectives.metric,
        network=plan.network,
    )
    if plan.request.address is None:
        check_shared_memory(plan.executor.workers * evaluation.shared_bytes)
    return evaluation


def _is_over(records: Sequence[TrialRecord], budget: int) -> bool:
    return len(records) >= budget and all(record.status is not TrialStatus.RUNNING for record in records)
