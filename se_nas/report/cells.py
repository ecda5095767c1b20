"""The parts of the page's tables: cells, buttons that choose a trial, and heads that sort."""

from collections.abc import Collection, Mapping, Sequence
from html import escape

from se_nas.costs import format_cost_exactly
from se_nas.wording import se_glyphs

MARK = ' <span class="mark">●</span>'


def se_html(tokens: Sequence[str]) -> str:
    """The SE by stage, as one pattern."""
    return f'<span class="se">{escape(se_glyphs(tokens))}</span>'


def button_html(name: int | str) -> str:
    """The button that chooses a row's trial by the keyboard. A click anywhere in the row does the same."""
    label = f' aria-label="trial {name}"' if isinstance(name, int) else ""
    return f"<button type=button aria-pressed=false{label}>{escape(str(name))}</button>"


def table_html(head: Sequence[str], numbers: Collection[str], rows: Sequence[str]) -> str:
    """A table whose heads sort it. Columns in `numbers` are aligned to the right."""
    heads = "".join(
        f"<th{' class=number' if name in numbers else ''}><button type=button>{escape(name)}</button></th>"
        for name in head
    )
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def cost_text(cost: Mapping[str, float], name: str) -> str:
    """A cost by its name; empty if it is not known."""
    value = cost.get(name)
    if value is None:
        return ""
    return format_cost_exactly(name, value)


def cell_html(html: str, *, number: bool = False) -> str:
    """A cell of a row with this content. A number is aligned to the right."""
    return f'<td class="number">{html}</td>' if number else f"<td>{html}</td>"
