"""Writes the report of a run folder: the page and the figures for papers, with the results of all commands."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import plotly.graph_objects as go

from se_nas.analysis.ablation import Ablation
from se_nas.analysis.chosen_by_gates import ChosenByGates
from se_nas.analysis.confirmation import ConfirmedFront
from se_nas.analysis.latency_check import LatencyCheck
from se_nas.analysis.overview import Overview
from se_nas.analysis.supernet_account import SupernetAccount
from se_nas.analysis.tested_accuracy import Retrained
from se_nas.commands.shared_weights.accounts import load_account, load_gates
from se_nas.data.inventory import Inventory
from se_nas.errors import InputError
from se_nas.files import write_atomically
from se_nas.objective_metric import ACCURACY
from se_nas.process.invocation import invocation
from se_nas.report.figures.all_figures import figure_drawers
from se_nas.report.page import render_page
from se_nas.runs.ablation_file import ablation_files, load_ablation
from se_nas.runs.confirmation_file import load_confirmation
from se_nas.runs.images_file import load_inventory
from se_nas.runs.latency_file import load_latencies
from se_nas.runs.retrained_files import load_retrained
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig
from se_nas.runs.supernet_file import supernet_files
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord
from se_nas.space.design_space import DesignSpace
from se_nas.space.files.loading import load_stored_space
from se_nas.training.recipe import part_text
from se_nas.wording import counted, printable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report: its figures by name, a line for each damaged file that is left out, a line for each part that could not
    be drawn, and the page (None if it could not be drawn). The supernets and the choices of relaxed gates are those
    on the page."""

    figures: Mapping[str, go.Figure]
    damaged: Sequence[str]
    not_drawn: Sequence[str]
    page: Path | None
    supernets: Sequence[SupernetAccount] = ()
    gates: ChosenByGates | None = None

    @property
    def problems(self) -> Sequence[str]:
        """Lines about everything that is missing from the report."""
        return [*self.damaged, *self.not_drawn]

    @property
    def lines(self) -> Sequence[str]:
        """Lines for the user: the problems, and the path of the page."""
        return [*self.problems, *([f"report    {self.page}"] if self.page else [])]


class _Drawing:
    """Draws one part after another. If a part fails, the others are still drawn, and `failed` gets a line."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def attempt(self, part: str, draw: Callable[[], T]) -> T | None:
        try:
            return draw()
        except Exception as error:  # noqa: BLE001 - a figure that cannot be drawn must not fail the search
            reason = printable(" ".join(f"{type(error).__name__}: {error}".split()))
            self.failed.append(f"{part}: could not be drawn ({reason}); tables and front are written")
            return None


def write_report(folder: RunFolder, config: SearchConfig, progress: SearchProgress) -> WrittenReport:
    """Write `report.html` and the figures for papers, with all results of later commands.

    A part that cannot be drawn is left out, with a line. WriteError if the disk is full.
    """
    findings = _load_findings(folder, config, progress)
    space = load_stored_space(folder.space)
    widths, decisions = _hidden_widths(space, progress.front.members), space.decisions
    drawing, title = _Drawing(), config.identity.title
    for name, content in (drawing.attempt("figures/", lambda: _paper_figures(progress, widths)) or {}).items():
        write_atomically(folder.figures / name, content)
    figures: dict[str, go.Figure] = {}
    page = None
    if (overview := drawing.attempt("report.html", lambda: Overview.of(progress, decisions))) is not None:
        drawers = figure_drawers(progress, overview, title=title, decisions=decisions, hidden_widths=widths)
        for name, draw in drawers.items():
            if (figure := drawing.attempt(f"report.html, figure '{name}'", draw)) is not None:
                figures[name] = figure
        missing = {"not drawn": "; ".join(drawing.failed)} if drawing.failed else {}
        page = drawing.attempt(
            "report.html",
            lambda: render_page(
                progress,
                overview,
                figures,
                title=title,
                facts=_facts(folder, config, progress) | missing,
                confirmation=findings.confirmation,
                ablations=findings.ablations,
                retrained=findings.retrained,
                images=findings.images,
                latencies=findings.latencies,
                supernets=findings.supernets,
                gates=findings.gates,
            ),
        )
    if page is not None:
        write_atomically(folder.report, page)
    return WrittenReport(
        figures=figures,
        damaged=findings.problems,
        not_drawn=drawing.failed,
        page=folder.report if page is not None else None,
        supernets=findings.supernets,
        gates=findings.gates,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Findings:
    """The results of later commands, and a line for each damaged file, which is left out."""

    confirmation: ConfirmedFront | None
    ablations: Sequence[Ablation]
    images: Inventory | None
    retrained: Sequence[Retrained]
    latencies: LatencyCheck | None
    supernets: Sequence[SupernetAccount]
    gates: ChosenByGates | None
    problems: Sequence[str]


def _load_findings(folder: RunFolder, config: SearchConfig, progress: SearchProgress) -> _Findings:
    problems: list[str] = []

    def attempt(load: Callable[[], T]) -> T | None:
        try:
            return load()
        except InputError as error:
            problems.append(str(error))
            return None

    confirmation = attempt(lambda: load_confirmation(folder, progress))
    ablations = [attempt(partial(load_ablation, path)) for path in ablation_files(folder)]
    images = attempt(lambda: load_inventory(folder))
    latencies = attempt(lambda: load_latencies(folder))
    supernets = [attempt(partial(load_account, path, folder, config, progress)) for path in supernet_files(folder)]
    gates = attempt(lambda: load_gates(folder, progress))
    retrained, damaged = load_retrained(folder)
    return _Findings(
        confirmation=confirmation,
        ablations=[each for each in ablations if each is not None],
        images=images,
        retrained=retrained,
        latencies=latencies,
        supernets=[each for each in supernets if each is not None],
        gates=gates,
        problems=[*problems, *damaged],
    )


def _facts(folder: RunFolder, config: SearchConfig, progress: SearchProgress) -> dict[str, str]:
    """The facts at the end of the page: the command, the images, the reference point and the versions."""
    options = " --skip-bad-images" if config.skip_bad_images else ""
    if config.training_images is not None:
        options += f" --images {config.training_images}"
    if config.fraction < 1:
        options += f" --fraction {config.fraction:g}"
    if config.latency_table:
        options += f" --latency-table {folder.path.name}/{folder.latency_table.name}"
    if config.resizes_images:
        options += f" --image-size {config.image_size}"
    if config.metric is not ACCURACY:
        options += f" --objective-metric {config.objective_metric}"
    if config.gate_loss != "sum":
        options += f" --gate-loss {config.gate_loss}"
    reference = ", ".join(f"{value:.6g}" for value in config.reference)
    return {
        "command": f"{invocation('search')} --space {folder.path.name}/space.yaml --data {config.data_name} "
        f"--budget {config.budget} --epochs {config.epochs} --strategy {config.strategy} "
        f"--objectives {config.objectives} --seed {config.seed}{options}",
        "images": _images(config),
        "recipe": _recipe(config),
        "hypervolume": f"{progress.hypervolume:.6g} against the reference ({reference})",
        **config.versions,
    }


def _recipe(config: SearchConfig) -> str:
    """A text about the parts of the trials' recipe that differ from the usual one."""
    changes = ", ".join(part_text(name, value) for name, value in config.recipe.items())
    return f"the usual one of a search{f', but {changes}' if changes else ''}"


def _paper_figures(progress: SearchProgress, hidden_widths: Mapping[int, Sequence[int]]) -> Mapping[str, bytes]:
    from se_nas.report.figures.paper import paper_figures  # imports matplotlib, which a search needs only at its end

    return paper_figures(progress, hidden_widths)


def _images(config: SearchConfig) -> str:
    """A text about the size, the classes, and the accepted changes of the images."""
    changed = f"; changed {counted(len(config.earlier_images), 'time')} during the search, which was accepted"
    skipped = "; files that cannot be read were left out"
    return (
        f"{config.image_size} px, {config.classes} classes{skipped if config.skip_bad_images else ''}"
        f"{changed if config.earlier_images else ''}"
    )


def _hidden_widths(space: DesignSpace, records: Iterable[TrialRecord]) -> dict[int, tuple[int, ...]]:
    """The hidden widths of SE, by trial and stage."""
    return {record.number: space.decode(record.assignment).hidden_widths for record in records}
