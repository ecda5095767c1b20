"""The tables of a supernet in the terminal, and the lines below them."""

from collections.abc import Iterator

from rich.table import Table

from se_nas.analysis.supernet_scores import SupernetScores
from se_nas.costs import format_cost, short_table_names
from se_nas.objective_metric import ObjectiveMetric
from se_nas.report.supernet_texts import interactions_text, points
from se_nas.wording import se_glyphs

SHOWN = 8
"""The number of placements that are shown."""


def effects_table(scores: SupernetScores) -> Table:
    """The accuracy that SE adds in each place, by its width."""
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
    table.title = "What SE adds in the supernet"
    table.add_column("place", overflow="fold")
    table.add_column("SE", no_wrap=True)
    table.add_column("points", justify="right")
    for effect in scores.option_effects():
        name, options = scores.switches[effect.switch], scores.options[effect.switch]
        table.add_row(name, f"{options[effect.option]}, not {options[0]}", points(effect.gain))
    return table


def placements_table(scores: SupernetScores, metric: ObjectiveMetric) -> Table:
    """The best placements by `metric`, with SE nowhere and everywhere among them."""
    ranked = scores.best
    shown = ranked[:SHOWN]
    narrowest, widest = (0,) * len(scores.switches), tuple(len(options) - 1 for options in scores.options)
    shown += [each for each in ranked[SHOWN:] if each.options in (narrowest, widest)]
    costs = [name for name in short_table_names() if any(name in each.cost for each in ranked)]
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
    table.title = f"Best placements of {len(ranked):,} that were read; {scores.count:,} exist"
    for name in ("rank", metric.label, *costs):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("SE by stage", no_wrap=True)
    for each in shown:
        cells = [format_cost(name, each.cost[name]) if name in each.cost else "unknown" for name in costs]
        table.add_row(str(ranked.index(each) + 1), f"{100 * each.accuracy:.2f} %", *cells, se_glyphs(each.se))
    return table


def unknown_lines(scores: SupernetScores) -> Iterator[str]:
    """A line about the places whose effects the placements do not show, if there are any."""
    if scores.unknown_effects:
        yield (
            f"unknown   what SE adds in {', '.join(scores.unknown_effects)}: the placements that were read do not tell "
            "it apart; read more with --read"
        )


def interaction_lines(scores: SupernetScores) -> Iterator[str]:
    """A line about the strongest interactions, if any is worth a line."""
    if text := interactions_text(scores):
        yield f"together  points beyond the sum of both: {text}"
