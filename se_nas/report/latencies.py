"""The section of the page on latency: the prediction of the table beside the measured time of the front."""

from collections.abc import Iterator
from html import escape

from se_nas.analysis.latency_check import LatencyCheck
from se_nas.report.drawing import figure_html
from se_nas.report.figures.latency import latency_figure
from se_nas.report.tables import latencies_table
from se_nas.wording import counted


def latency_section(check: LatencyCheck) -> Iterator[str]:
    """Yield the HTML of the section."""
    correlation = check.rank_correlation
    rank = "" if correlation is None else f" The rank correlation of both is {correlation:.3f}."
    yield (
        "<p>The search took the latency of a network from a table of measured parts, before it trained anything. Here "
        f"{counted(len(check.networks), 'network')} of the front were measured as a whole: {escape(check.setting)}. "
        f"The median error of the prediction is {check.median_error:.1%}.{rank}</p>"
    )
    yield figure_html(latency_figure(check))
    yield latencies_table(check)
    yield '<p class="data">Data: <a href="latency.json">latency.json</a></p>'
