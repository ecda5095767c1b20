from xml.etree import ElementTree

from se_nas.report.figures.paper import paper_figures
from tests.tracking.test_console import a_progress, a_record

PROGRESS = a_progress(a_record(0, 0.5, 100), a_record(1, 0.9, 200), a_record(2, 0.4, 500))
HIDDEN = {0: (0, 4), 1: (0, 16)}


def test_each_figure_is_written_as_svg_and_as_png() -> None:
    figures = paper_figures(PROGRESS, HIDDEN)

    assert set(figures) == {"front.svg", "front.png", "placement.svg", "placement.png"}
    for name, content in figures.items():
        if name.endswith(".svg"):
            assert ElementTree.fromstring(content).tag.endswith("svg")
        else:
            assert content.startswith(b"\x89PNG")


def test_equal_searches_have_equal_figures() -> None:
    first, again = paper_figures(PROGRESS, HIDDEN), paper_figures(PROGRESS, HIDDEN)

    assert first == again
    assert paper_figures(PROGRESS, {0: (0, 4), 1: (0, 8)})["placement.png"] != first["placement.png"]


def test_without_a_front_there_are_no_figures() -> None:
    assert paper_figures(a_progress(), {}) == {}
