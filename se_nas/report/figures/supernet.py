"""Figures of a supernet: its scores against networks that were trained alone, and what SE adds in each place."""

from html import escape

import plotly.graph_objects as go

from se_nas.analysis.supernet_account import SupernetAccount
from se_nas.report.figures.layout import FRONT_COLOUR, OTHER_COLOUR, lay_out
from se_nas.report.supernet_texts import option_text
from se_nas.wording import counted, se_glyphs


def supernet_figures(account: SupernetAccount) -> dict[str, go.Figure]:
    """The figures of a supernet by name; one for which there is nothing to draw is left out."""
    name = account.file.removesuffix(".json")
    figures = {
        f"{name} and training alone": scores_figure(account),
        f"{name} effects of SE": option_effects_figure(account),
    }
    return {title: figure for title, figure in figures.items() if figure is not None}


def scores_figure(account: SupernetAccount) -> go.Figure | None:
    """The accuracy of each placement trained alone, against its score; None if none was trained alone."""
    both = [each for each in account.scores.placements if each.fingerprint in account.alone]
    if not both:
        return None
    ranks, alone = account.ranks, account.alone
    best = max(both, key=lambda each: alone[each.fingerprint])
    figure = go.Figure(
        go.Scatter(
            mode="markers",
            marker={"size": 9, "color": [FRONT_COLOUR if each is best else OTHER_COLOUR for each in both]},
            x=[100 * each.accuracy for each in both],
            y=[100 * alone[each.fingerprint] for each in both],
            customdata=[account.trials.get(each.fingerprint) for each in both],
            text=[
                f"SE by stage: {escape(se_glyphs(each.se))}<br>place {ranks[each.fingerprint]} in the supernet: "
                f"{100 * each.accuracy:.2f} %<br>trained alone: {100 * alone[each.fingerprint]:.2f} %"
                for each in both
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    return lay_out(
        figure,
        title=f"{counted(len(both), 'placement')}: supernet and training alone",
        x={"title": f"{account.metric.label} in the supernet (%)"},
        y={"title": f"{account.metric.label} trained alone (%)"},
    )


def option_effects_figure(account: SupernetAccount) -> go.Figure | None:
    """The points that each option of SE adds in the supernet, the first place on top; None if none is known."""
    effects = account.scores.option_effects()[::-1]
    if not effects:
        return None
    figure = go.Figure(
        go.Bar(
            orientation="h",
            x=[100 * each.gain for each in effects],
            y=[
                escape(
                    f"{account.scores.switches[each.switch]}: {option_text(account.scores, each.switch, each.option)}"
                )
                for each in effects
            ],
            marker={"color": [FRONT_COLOUR if each.gain > 0 else OTHER_COLOUR for each in effects]},
            hovertemplate="%{y}: %{x:+.2f} points<extra></extra>",
        )
    )
    return lay_out(
        figure,
        title="What SE adds in the supernet",
        x={"title": "points"},
        y={},
        height=160 + 28 * len(effects),
        left=230,
    )
