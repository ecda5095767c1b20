"""The pruner decides the same from the arrays in memory and from the study on disk, whatever has happened."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from se_nas.searching.curves import Curves
from se_nas.searching.objectives import Objectives
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.stop.pruning import FrontPruner
from se_nas.searching.study.study import SearchStudy
from tests.fakes import THREE_OBJECTIVES, TWO_OBJECTIVES, record

EPOCHS = 8


def epochs_of(study: SearchStudy, trials: int, draw: Random) -> Iterator[tuple[int, int]]:
    """Let trials start, report, be cut off, start again and end in every way, at random. Yield after each report."""
    running: dict[int, TrialRecord] = {}
    finals: dict[int, float] = {}
    started = 0
    while started < trials or running:
        if started < trials and (len(running) < 4 or draw.random() < 0.2):
            cost = {"flops": draw.choice([1.0, 10.0, 50.0, 300.0]), "params": draw.choice([1.0, 3.0])}
            finals[started] = draw.uniform(0.2, 0.95)
            running[started] = record(started, status=TrialStatus.RUNNING, assignment={}, curve=(), **cost)
            study.start(running[started])
            started += 1
            continue
        number = draw.choice(list(running))
        if draw.random() < 0.05:
            running[number] = replace(running[number], curve=())
            continue
        one = running[number]
        accuracy = finals[number] * (0.6 + 0.05 * len(one.curve)) + draw.gauss(0, 0.01)
        one = running[number] = replace(one, curve=(*one.curve, accuracy))
        if len(one.curve) == EPOCHS:
            study.finish(replace(running.pop(number), status=TrialStatus.COMPLETE))
            continue
        study.report(number, epoch=len(one.curve), accuracy=accuracy, costs={})
        yield number, len(one.curve)
        if draw.random() < 0.15:
            status = draw.choice([TrialStatus.PRUNED, TrialStatus.FAILED])
            study.finish(replace(running.pop(number), status=status, reason="why"))


@pytest.mark.parametrize(
    ("objectives", "seed"),
    [
        (THREE_OBJECTIVES, 1),
        *(pytest.param(TWO_OBJECTIVES, seed, marks=pytest.mark.slow) for seed in (0, 1, 2, 3)),
        *(pytest.param(THREE_OBJECTIVES, seed, marks=pytest.mark.slow) for seed in (0, 2, 3)),
    ],
)
def test_the_pruner_decides_the_same_from_arrays_and_from_optuna_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objectives: Objectives, seed: int
) -> None:
    monkeypatch.setattr("se_nas.searching.study.study.REPORT_SECONDS", 0.0)  # the file always has every report
    path = tmp_path / "study.db"
    study = SearchStudy(path, objectives, {})
    pruner = FrontPruner(costs=objectives.costs, epochs=EPOCHS, never_stopped=5)
    reasons = []
    for number, epoch in epochs_of(study, 40, Random(seed)):
        reasons.append(study.reason_to_stop(number, epoch, pruner))
        assert reasons[-1] == pruner.reason_to_stop(study.study, study.study.trials[number], epoch)
    reopened = SearchStudy(path, objectives, {})
    again = [reopened.reason_to_stop(number, 2, pruner) for number in range(40)]
    here = [study.reason_to_stop(number, 2, pruner) for number in range(40)]
    for each in (study, reopened):
        each.close()

    assert any(reasons)
    assert None in reasons
    assert again == here
    assert any(again)


def test_curves_grow_in_trials_and_in_epochs() -> None:
    curves = Curves(["flops"])
    for number in range(100):
        curves.begin(number, {"flops": float(number)})
        curves.report(number, epoch=number + 1, accuracy=number / 100, costs={})

    assert len(curves) == 100
    assert curves.lengths.tolist() == list(range(1, 101))
    assert [curves.accuracy_at(number + 1)[number] for number in range(100)] == [number / 100 for number in range(100)]
    assert curves.costs(["flops"])[:, 0].tolist() == list(range(100))
