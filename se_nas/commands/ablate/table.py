"""The tables of an ablation in the terminal."""

from collections.abc import Sequence
from itertools import accumulate

from rich.table import Table

from se_nas.analysis.ablation import Ablation
from se_nas.report.ablation_texts import (
    gain_cells,
    gain_columns,
    placement_cells,
    placement_columns,
    shown_placements,
)


def effects_table(ablation: Ablation, *, title: str, width: int) -> Table:
    """The gains of SE with the columns that fit. If some do not fit, the line below refers to the report."""
    experiment = ablation.experiment
    sections = [ablation.effects, *((experiment.habits, experiment.treatments) if experiment else ())]
    columns = ("SE", *gain_columns(ablation))
    cells = [[[effect.label, *gain_cells(effect, ablation)] for effect in section] for section in sections]
    table, shown = _table(columns, [row for section in cells for row in section], title=title, width=width)
    for section, rows in zip(sections, cells, strict=True):
        for effect, row in zip(section, rows, strict=True):
            table.add_row(*row[:shown], style="bold" if effect.gain.is_sure else "")
        table.add_section()
    table.caption = "bold: the interval excludes zero"
    if shown < len(columns):
        table.caption += "; the report also has the cost of SE, and the gain per cost"
    return table


def placements_table(ablation: Ablation, *, width: int) -> Table:
    """The predicted accuracy of the best placements and of the reference placements, with the columns that fit."""
    rows = [placement_cells(placement, ablation) for placement in shown_placements(ablation)]
    columns = placement_columns(ablation)
    table, shown = _table(columns, rows, title="Placements of SE, predicted from all trainings", width=width)
    for row in rows:
        table.add_row(*row[:shown])
    return table


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str, width: int) -> tuple[Table, int]:
    """A table with the heads of the columns that fit, at least two, and their number."""
    needed = [max(map(len, (*name.splitlines(), *cells))) + 1 for name, *cells in zip(columns, *rows, strict=True)]
    shown = max(2, sum(total <= width for total in accumulate(needed)))
    table = Table(box=None, padding=(0, 1, 0, 0), title=title, title_justify="left", caption_justify="left")
    for index, column in enumerate(columns[:shown]):
        table.add_column(column, justify="right" if index else "left")
    return table, shown
