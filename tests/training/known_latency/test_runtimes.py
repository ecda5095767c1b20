"""Each runtime that this machine has runs modules of every kind, and gives seconds above zero."""

import pytest
import torch

from se_nas.models.parts import parts_of
from se_nas.training.known_latency import runtimes
from se_nas.training.known_latency.runtimes import RUNTIMES, Timed
from tests.fakes import tiny_architecture


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "FEWEST_ROUNDS", 2)
    monkeypatch.setattr(runtimes, "MOST_ROUNDS", 2)


def modules(*, batch: int = 1) -> list[Timed]:
    parts = parts_of(tiny_architecture(), image_size=8, num_classes=2)
    return [(part.build().eval(), (batch, part.channels, part.size, part.size)) for part in parts]


SLOW = pytest.mark.slow
NAMES = [
    "eager",
    pytest.param("onnx", marks=SLOW),
    pytest.param("compiled", marks=SLOW),
    pytest.param("cuda", marks=SLOW),
]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_each_module_has_its_seconds_in_each_round_of_each_group(name: str, batch: int) -> None:
    runtime = RUNTIMES[name]
    if (problem := runtime.problem()) is not None:
        pytest.skip(problem)
    timed, rounds, threads = modules(batch=batch), [], torch.get_num_threads()

    taken = runtime.measure(timed, [[0, 1, 2, 3], [1]], threads=1, on_round=lambda done, of: rounds.append((done, of)))

    assert [len(seconds) for seconds in taken] == [6, 12, 6, 6]
    assert all(each > 0 for seconds in taken for each in seconds)
    assert rounds == [(1, 2), (2, 2)]
    assert torch.get_num_threads() == threads


def test_a_machine_without_the_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    assert RUNTIMES["onnx"].problem() == "ONNX needs onnx, onnxscript, onnxruntime: pip install -e '.[onnx]'"


def test_a_machine_without_a_compiler_or_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert "C++ compiler" in (RUNTIMES["compiled"].problem() or "")
    assert "no GPU" in (RUNTIMES["cuda"].problem() or "")
