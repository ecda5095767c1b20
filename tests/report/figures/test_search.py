from se_nas.report.figures.search import front_figure, placement_figure
from tests.tracking.test_console import a_progress, a_record


def test_the_front_figure_shows_every_complete_trial_once_and_a_ring_around_the_knee() -> None:
    progress = a_progress(a_record(0, 0.5, 100), a_record(1, 0.9, 200), a_record(2, 0.91, 900), a_record(3, 0.4, 500))

    others, front, knee = front_figure(progress, title="t").data

    assert list(others.x) == [500]
    assert list(front.x) == [100, 200, 900]
    assert list(front.y) == [0.5, 0.9, 0.91]
    assert list(knee.x) == [200]
    assert "SE by stage: · 4" in front.text[0]


def test_an_empty_front_gives_a_figure_without_points() -> None:
    figure = front_figure(a_progress(), title="t")

    assert all(len(trace.x) == 0 for trace in figure.data)


def test_the_area_of_a_disc_in_the_placement_figure_is_the_hidden_width() -> None:
    members = [a_record(0, 0.5, 100), a_record(1, 0.6, 200)]

    (marks,) = placement_figure(members, {0: (0, 4), 1: (0, 16)}).data

    none, narrow, _, wide = marks.marker.size
    assert none < narrow < wide
    assert wide - 8 == 2 * (narrow - 8)  # four times the area
    assert list(marks.y) == ["stage 1", "stage 2"] * 2
    assert marks.text[3] == "trial 1, stage 2: inner/4, hidden width 16"
