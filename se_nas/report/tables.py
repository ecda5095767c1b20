"""The tables of the page. They can be sorted, and each row has the number of its trial."""

from collections.abc import Mapping, Sequence
from html import escape

from se_nas.analysis.ablation import Ablation, Experiment
from se_nas.analysis.confirmation import ConfirmedFront
from se_nas.analysis.latency_check import LatencyCheck
from se_nas.analysis.tested_accuracy import Retrained
from se_nas.costs import format_cost_exactly, short_table_names
from se_nas.data.inventory import Inventory
from se_nas.report.ablation_texts import (
    gain_cells,
    gain_columns,
    gain_text,
    placement_cells,
    placement_columns,
    shown_placements,
)
from se_nas.report.cells import MARK, button_html, cell_html, cost_text, se_html, table_html
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord, decided_image_sizes, names_in
from se_nas.wording import printable


def trials_table(progress: SearchProgress, records: Sequence[TrialRecord], *, every: bool = False) -> str:
    """A table of these trials. `every` adds their state, and a field to filter the rows."""
    front = {member.number for member in progress.front.members}
    knee = progress.front.knee.number if front else None
    costs = names_in(record.cost for record in records)
    expected = ("expected", "90 %") if progress.front.expected else ()
    best = progress.front.best_of_equal_cost()
    sizes = decided_image_sizes(records)
    metric = progress.objectives.metric.label
    head = [
        "trial",
        *(["state"] if every else []),
        metric,
        *expected,
        *costs,
        *(("px",) if sizes else ()),
        "SE by stage",
        "epochs",
        "fingerprint",
        *(() if every else ("best of equal cost",)),
    ]
    if every:
        head.append("reason")
    rows = []
    for record in records:
        mark = MARK if every and record.number in front else ""
        cells = [cell_html(f"{button_html(record.number)}{mark}", number=True)]
        if every:
            cells.append(cell_html(record.status.value))
        cells.append(cell_html("" if record.accuracy is None else f"{record.accuracy:.4f}", number=True))
        if expected:
            one = progress.front.expected.get(record.number)
            cells += [cell_html(cell, number=True) for cell in (one.texts if one else ("", ""))]
        cells += [cell_html(cost_text(record.cost, name), number=True) for name in costs]
        cells += [cell_html(sizes[record.number], number=True)] if sizes else []
        cells.append(cell_html(se_html(record.se)))
        cells += [cell_html(str(len(record.curve)), number=True), cell_html(escape(record.fingerprint))]
        if every:
            cells.append(cell_html(escape(record.reason)))
        else:
            cells.append(cell_html(button_html(best[record.number].number) if record.number in best else ""))
        kind = " class=knee" if record.number == knee else ""
        rows.append(f"<tr data-trial={record.number}{kind}>{''.join(cells)}</tr>")
    numbers = {"trial", metric, "px", *expected, "epochs", *costs}
    table = table_html(head, numbers, rows)
    if not every:
        return table
    return (
        '<label class="filter">Show only rows with <input type="search" placeholder="complete, inner, a fingerprint">'
        f'</label><div class="every">{table}<p class="none" role="status" hidden>No row contains this.</p></div>'
    )


def confirmed_table(confirmation: ConfirmedFront) -> str:
    """A table of the networks that were trained again, with expected accuracy, interval and probability."""
    costs = confirmation.costs
    columns = ("trial", *costs, "search", "mean of seeds", "expected", "95 %", "seeds", "probability", "SE by stage")
    members = {one.record.number for one in confirmation.members}
    rows = []
    for one in confirmation.networks:
        verdict = one.verdict
        mark = MARK if one.record.number in members else ""
        numbers = [f"{one.record.accuracy:.4f}", *verdict.texts, str(len(one.accuracies))]
        button = f"{button_html(one.record.number)}{mark}"
        cells = [button, *(cost_text(one.record.cost, cost) for cost in costs), *numbers, f"{verdict.on_front:.2f}"]
        shown = "".join(cell_html(cell, number=True) for cell in cells) + cell_html(se_html(one.record.se))
        rows.append(f"<tr data-trial={one.record.number}>{shown}</tr>")
    return table_html(columns, columns[:-1], rows)


def ablation_table(ablation: Ablation) -> str:
    """A table of the gain of SE in each place, and of the gain per cost; then of placements and forms of SE."""
    columns = gain_columns(ablation)
    rows = []
    experiment = ablation.experiment
    others = [*experiment.habits, *experiment.treatments] if experiment else []
    for effect in [*ablation.effects, *others]:
        numbers = "".join(cell_html(cell, number=True) for cell in gain_cells(effect, ablation))
        rows.append(f"<tr>{cell_html(escape(effect.label))}{numbers}</tr>")
    return table_html(("SE", *columns), columns, rows)


def interactions_table(experiment: Experiment) -> str:
    """A table of what SE in two places is worth beyond the sum of both alone."""
    rows = []
    for each in experiment.interactions:
        rows.append(f"<tr>{cell_html(escape(each.label))}{cell_html(gain_text(each.gain), number=True)}</tr>")
    return table_html(("SE", "points beyond both alone, 95 %"), ("points beyond both alone, 95 %",), rows)


def placements_table(ablation: Ablation) -> str:
    """A table of the predicted accuracy of the best placements, and of the reference placements."""
    columns = placement_columns(ablation)
    rows = []
    for placement in shown_placements(ablation):
        name, se, *numbers = placement_cells(placement, ablation)
        cells = "".join(cell_html(cell, number=True) for cell in numbers)
        rows.append(f'<tr>{cell_html(escape(name))}<td><span class="se">{escape(se)}</span></td>{cells}</tr>')
    return table_html(columns, columns[2:], rows)


def retrained_table(retrained: Sequence[Retrained]) -> str:
    """A table of the retrained networks, with their test accuracies, and the objective metric if it is another one."""
    costs = [name for name in short_table_names() if any(name in one.cost for one in retrained)]
    others = dict.fromkeys(one.metric.label for one in retrained if one.test_score is not None)
    heads = ("network", *costs, "search", "validation", "test", "95 %", *others, "seeds")
    columns = (*heads, "SE by stage", "recipe")
    rows = []
    for one in retrained:
        tested = one.tested
        numbers = [
            *(cost_text(one.cost, name) for name in costs),
            "" if one.search_accuracy is None else f"{one.search_accuracy:.4f}",
            f"{one.validation_accuracy:.4f}",
            f"{tested.mean:.4f}",
            f"{tested.low:.4f} to {tested.high:.4f}",
            *("" if one.test_score is None else f"{one.test_score:.4f}" for _ in others),
            str(len(one.counts)),
        ]
        searched = one.search_accuracy is not None
        cells = [cell_html(button_html(one.network) if searched else escape(one.network))]
        cells += [cell_html(number, number=True) for number in numbers]
        cells += [cell_html(se_html(one.se)), cell_html(escape(one.recipe))]
        trial = f" data-trial={one.trial}" if searched else ""
        rows.append(f"<tr{trial}>{''.join(cells)}</tr>")
    return table_html(columns, heads[1:], rows)


def latencies_table(check: LatencyCheck) -> str:
    """A table of predicted and measured latencies."""
    rows = []
    for network in check.networks:
        times = (network.predicted, network.measured, network.low, network.high)
        cells = [button_html(network.trial), *(format_cost_exactly("latency", value) for value in times)]
        cells.append(f"{network.error:+z.1%}")
        rows.append(f"<tr data-trial={network.trial}>{''.join(cell_html(cell, number=True) for cell in cells)}</tr>")
    head = ("trial", "predicted", "measured", "lower quartile", "upper quartile", "error")
    return table_html(head, set(head), rows)


def classes_table(inventory: Inventory) -> str:
    """The table of classes with the number of images in the three parts."""
    columns = ("class", "training", "validation", "test")
    rows = []
    for name, counts in zip(inventory.class_names, inventory.counts, strict=True):
        numbers = (cell_html(f"{count:,}", number=True) for count in counts)
        rows.append(f"<tr>{cell_html(escape(printable(name)))}{''.join(numbers)}</tr>")
    return table_html(columns, columns[1:], rows)


def left_out_table(inventory: Inventory) -> str:
    """The table of files that are not used, and why."""
    rows = []
    for each in inventory.left_out:
        more = ", ..." if each.count > len(each.examples) else ""
        cells = (cell_html(escape(each.reason)), cell_html(f"{each.count:,}", number=True))
        rows.append(f"<tr>{''.join(cells)}{cell_html(escape(', '.join(each.examples) + more))}</tr>")
    return table_html(("what", "count", "for example"), ("count",), rows)


def facts_table(facts: Mapping[str, str]) -> str:
    """A table of names and texts."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items())
    return f'<div class="scroll"><table>{rows}</table></div>'
