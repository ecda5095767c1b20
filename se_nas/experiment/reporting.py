"""What a run folder says: its progress, its report page, one of its trials."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go

from se_nas.errors import InputError
from se_nas.experiment.ablation_file import ablation_files, load_ablation
from se_nas.experiment.config import SearchConfig, load_config
from se_nas.experiment.confirmation_file import load_confirmation
from se_nas.experiment.retrained_files import load_retrained
from se_nas.experiment.run_folder import RunFolder
from se_nas.files import write_atomically
from se_nas.report.gallery import search_figures
from se_nas.report.page import render_page
from se_nas.search.confirmation import ConfirmedFront
from se_nas.search.objectives import parse_objectives
from se_nas.search.overview import Overview
from se_nas.search.paired import Ablation
from se_nas.search.pareto import ParetoFront
from se_nas.search.progress import SearchProgress, progress_of
from se_nas.search.records import TrialRecord
from se_nas.search.study import SearchStudy
from se_nas.space.design_space import DesignSpace
from se_nas.space.loading import load_design_space

ROLES: dict[str, Callable[[ParetoFront], TrialRecord]] = {
    "knee": lambda front: front.knee,
    "best": lambda front: front.best,
    "cheapest": lambda front: front.cheapest,
}


def load_progress(folder: RunFolder) -> tuple[SearchConfig, SearchProgress]:
    """The settings and the trials of a run folder."""
    config = load_config(folder)
    objectives = parse_objectives(config.objectives)
    study = SearchStudy(folder.study, objectives, load_design_space(folder.space).decisions)
    try:
        return config, progress_of(study.records(), objectives, config.reference, config.budget)
    finally:
        study.close()


def pick_trial(progress: SearchProgress, pick: str, folder: RunFolder, *, also: tuple[str, ...] = ()) -> TrialRecord:
    """The trial that `knee`, `best`, `cheapest` or a number names; InputError when there is none, which says what
    `also` could have been meant."""
    if pick in ROLES:
        if not progress.front.members:
            raise InputError(f"{folder.path}: no network is trained in full yet, so there is no {pick}")
        return ROLES[pick](progress.front)
    by_number = {str(record.number): record for record in progress.records}
    if pick not in by_number:
        known = f"trials 0 to {len(by_number) - 1}" if by_number else "no trial yet"
        raise InputError(
            f"{folder.path}: no trial '{pick}'; expected {', '.join([*ROLES, *also])} or a number ({known})"
        )
    return by_number[pick]


def find_trial(network: str) -> tuple[RunFolder, SearchConfig, SearchProgress, TrialRecord]:
    """What `RUN_DIR:TRIAL`, `RUN_DIR:knee`, ... names; InputError when there is no such trial."""
    if Path(network).is_dir():
        raise InputError(f"{network}: a folder; say which of its networks, e.g. {network}:knee")
    run_dir, colon, pick = network.rpartition(":")
    if not colon:
        raise InputError(
            f"{network}: expected RUN_DIR:TRIAL, e.g. RUN_DIR:{'knee' if '/' in network else network or 'knee'}"
        )
    folder = RunFolder.open(Path(run_dir))
    config, progress = load_progress(folder)
    return folder, config, progress, pick_trial(progress, pick, folder)


def search_title(config: SearchConfig) -> str:
    """What a search is called in figures and pages."""
    return f"{Path(config.space).stem} on {config.data_name.rpartition('/')[2]}"


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """The figures of its search, by name, and a line for each file that was damaged and is left out."""

    figures: Mapping[str, go.Figure]
    problems: Sequence[str]


def write_report(folder: RunFolder, config: SearchConfig, progress: SearchProgress) -> WrittenReport:
    """Write `report.html` and its figures for papers, with all that was found after the search."""
    from se_nas.report.paper import paper_figures  # matplotlib, which no search needs before its end

    reference = ", ".join(f"{value:.6g}" for value in config.reference)
    facts = {
        "command": f"python launch/search.py --space {folder.path.name}/space.yaml --data {config.data_name} "
        f"--budget {config.budget} --epochs {config.epochs} --strategy {config.strategy} "
        f"--objectives {config.objectives} --seed {config.seed}",
        "images": f"{config.image_size} px, {config.classes} classes",
        "hypervolume": f"{progress.hypervolume:.6g} against the reference ({reference})",
        **config.versions,
    }
    problems: list[str] = []
    confirmation: ConfirmedFront | None = None
    ablations: list[Ablation] = []
    try:
        confirmation = load_confirmation(folder, progress)
    except InputError as error:
        problems.append(str(error))
    for path in ablation_files(folder):
        try:
            ablations.append(load_ablation(path))
        except InputError as error:
            problems.append(str(error))
    retrained, damaged = load_retrained(folder)
    widths = _hidden_widths(load_design_space(folder.space), progress.front.members)
    overview, title = Overview.of(progress), search_title(config)
    figures = search_figures(progress, overview, title=title, hidden_widths=widths)
    page = render_page(
        progress,
        overview,
        figures,
        title=title,
        facts=facts,
        confirmation=confirmation,
        ablations=ablations,
        retrained=retrained,
    )
    for name, content in paper_figures(progress, widths).items():
        write_atomically(folder.figures / name, content)
    write_atomically(folder.report, page)
    return WrittenReport(figures, [*problems, *damaged])


def _hidden_widths(space: DesignSpace, records: Iterable[TrialRecord]) -> dict[int, tuple[int, ...]]:
    """Of SE, by trial and stage."""
    return {record.number: space.decode(record.assignment).hidden_widths for record in records}
