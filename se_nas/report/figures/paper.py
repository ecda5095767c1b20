"""Figures of the front and its placements for papers and slides: SVG and PNG, by matplotlib, without a browser."""

from collections.abc import Mapping, Sequence
from io import BytesIO

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from se_nas.costs import COSTS
from se_nas.report.figures.layout import FRONT_COLOUR, KNEE_COLOUR, OTHER_COLOUR
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialStatus

DOTS_PER_INCH = 200
WIDTH = 6.3
"""The width of a figure in inches: the text of a page with usual margins."""
DISC = 260
"""The area of the disc for the widest hidden layer, in points squared."""


def paper_figures(progress: SearchProgress, hidden_widths: Mapping[int, Sequence[int]]) -> dict[str, bytes]:
    """The content of `front.svg`, `front.png`, `placement.svg` and `placement.png`; none without a front."""
    if not progress.front.members:
        return {}
    figures = {"front": _front(progress), "placement": _placement(progress, hidden_widths)}
    return {f"{name}.{kind}": _drawn(figure, kind) for name, figure in figures.items() for kind in ("svg", "png")}


def _front(progress: SearchProgress) -> Figure:
    """A plot of every fully trained network, the front as a staircase, and its knee."""
    cost = progress.objectives.costs[0]
    members = sorted(progress.front.members, key=lambda member: member.cost[cost])
    on_front = {member.number for member in members}
    others = [
        record for record in progress.records if record.status is TrialStatus.COMPLETE and record.number not in on_front
    ]
    figure, axes = _axes(0.62)
    axes.scatter(
        [record.cost[cost] for record in others],
        [record.curve[-1] for record in others],
        s=14,
        color=OTHER_COLOUR,
        alpha=0.6,
        linewidths=0,
        label="fully trained",
    )
    x, y = [member.cost[cost] for member in members], [progress.front.accuracy(member) for member in members]
    if len(progress.objectives.costs) == 1:
        axes.step(x, y, where="post", color=FRONT_COLOUR, linewidth=1.4)
    axes.scatter(x, y, s=28, color=FRONT_COLOUR, label="Pareto front", zorder=3)
    knee = progress.front.knee
    axes.scatter(
        knee.cost[cost],
        progress.front.accuracy(knee),
        s=120,
        facecolors="none",
        edgecolors=KNEE_COLOUR,
        linewidths=1.6,
        label="knee",
    )
    axes.set(xscale="log", xlabel=COSTS[cost].axis, ylabel=f"validation {progress.objectives.metric.label}")
    axes.legend(frameon=False, loc="lower right")
    return figure


def _placement(progress: SearchProgress, hidden_widths: Mapping[int, Sequence[int]]) -> Figure:
    """A column for each network, cheapest first, a row for each stage. A disc's area is the hidden width."""
    cost = progress.objectives.costs[0]
    members = sorted(progress.front.members, key=lambda member: member.cost[cost])
    stages = max(len(hidden_widths[member.number]) for member in members)
    widest = max((max(hidden_widths[member.number]) for member in members), default=0) or 1
    figure, axes = _axes(0.12 + 0.09 * stages)
    for column, member in enumerate(members):
        for stage, width in enumerate(hidden_widths[member.number], start=1):
            size, colour = (DISC * width / widest, FRONT_COLOUR) if width else (6, OTHER_COLOUR)
            axes.scatter(column, stage, s=size, color=colour, linewidths=0)
            if width:
                axes.annotate(
                    str(width), (column, stage), (0, -13), textcoords="offset points", ha="center", fontsize=6
                )
    axes.set_xticks(range(len(members)), [f"#{member.number}" for member in members], fontsize=7)
    axes.set_yticks(range(1, stages + 1), [f"stage {stage}" for stage in range(1, stages + 1)])
    axes.set(xlim=(-0.6, len(members) - 0.4), ylim=(stages + 0.6, 0.4), xlabel="network (trial), cheapest first")
    axes.grid(visible=False)
    return figure


def _axes(height: float) -> tuple[Figure, Axes]:
    """A figure and its axes; `height` is a fraction of the width."""
    figure = Figure(figsize=(WIDTH, WIDTH * height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _drawn(figure: Figure, kind: str) -> bytes:
    """The bytes of a figure. Equal figures give equal files, because no date is written."""
    file = BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with rc_context({"svg.hashsalt": "se-nas"}):
        figure.savefig(file, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
    return file.getvalue()
