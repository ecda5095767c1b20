"""The executor of a search, by the machine and the request."""

from pathlib import Path
from typing import Any

import pytest

from se_nas.commands import executors
from se_nas.commands.executors import build_executor
from se_nas.commands.preflight import cost_on, draw_networks
from se_nas.commands.search.flags import SearchRequest
from se_nas.data.sources import load_data
from se_nas.errors import InputError
from se_nas.execution.local import LocalExecutor
from se_nas.execution.ray.capacity import ClusterCapacity
from se_nas.space.files.loading import load_design_space

SPACE = load_design_space(Path(__file__).parents[2] / "search_spaces" / "small.yaml")
DIGITS = load_data("digits", image_size=SPACE.image_size)
COSTS = draw_networks(SPACE, DIGITS, cost_on(DIGITS)).costs
GIB = 1 << 30


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes this machine look like one with the given GPUs and processors."""

    def become(*, gpus: int = 0, free: int = 0, processors: int = 16) -> None:
        monkeypatch.setattr(executors, "gpu_count", lambda: gpus)
        monkeypatch.setattr(executors, "free_gpu_bytes", lambda: free)
        monkeypatch.setattr(executors, "cpu_count", lambda: processors)

    return become


def executor(*, objectives: str = "accuracy,flops", **asked: Any) -> Any:
    return build_executor(SearchRequest(**asked), DIGITS, COSTS, measures_costs="latency" in objectives)


def test_on_a_cpu_each_core_has_a_trial(machine: Any) -> None:
    machine(processors=8)

    assert executor().description == "8 networks at a time, each on a CPU core"


def test_small_networks_share_a_gpu(machine: Any) -> None:
    machine(gpus=2, free=78 * GIB)

    assert executor().description == "8 networks at a time, each on 0.25 of a GPU"


def test_with_little_free_memory_fewer_networks_share_a_gpu(machine: Any) -> None:
    machine(gpus=1, free=3 * GIB)

    assert executor().description == "2 networks at a time, each on 0.5 of a GPU"


@pytest.mark.parametrize("asked", [{"objectives": "accuracy,latency"}, {"gpus_per_trial": 1.0}])
def test_no_networks_share_a_gpu_if_latency_is_measured_or_the_user_asks_for_it(
    machine: Any, asked: dict[str, Any]
) -> None:
    machine(gpus=2, free=78 * GIB)

    assert executor(**asked).description == "2 networks at a time, each on 1 GPU"


def test_no_trial_is_on_parts_of_two_gpus(machine: Any) -> None:
    machine(gpus=2)

    assert executor(gpus_per_trial=0.4).workers == 4


def test_more_workers_than_fit_the_gpus_are_refused(machine: Any) -> None:
    machine(gpus=2, free=78 * GIB)

    assert executor(workers=8).workers == 8
    with pytest.raises(InputError, match=r"--workers 9: 8 at a time fit .* \(2\), .* or --gpus-per-trial 0.2$"):
        executor(workers=9)


def test_one_worker_trains_in_this_process(machine: Any) -> None:
    machine(gpus=1, free=GIB)

    assert isinstance(executor(), LocalExecutor)
    assert isinstance(executor(workers=1), LocalExecutor)


def test_more_gpus_per_trial_than_the_machine_has_are_refused(machine: Any) -> None:
    machine()

    with pytest.raises(InputError, match=r"--gpus-per-trial 1: this machine has 0 GPUs"):
        executor(gpus_per_trial=1.0)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes `--address auto` find a cluster with the given CPUs and GPUs."""

    def become(*, cpus: int, gpus: int = 0) -> None:
        found = ClusterCapacity(address="10.0.0.1:6379", machines=3, cpus=cpus, gpus=gpus)
        monkeypatch.setattr(executors, "ask_capacity", lambda _: found)

    return become


@pytest.mark.parametrize(
    ("has", "asked", "description", "processors"),
    [
        ({"cpus": 24}, {}, "24 networks at a time, each on a CPU core", 1),
        ({"cpus": 24}, {"workers": 6}, "6 networks at a time, each on a CPU core", 4),
        ({"cpus": 24}, {"workers": 100}, "100 networks at a time, each on a CPU core", 1),
        ({"cpus": 24, "gpus": 3}, {}, "3 networks at a time, each on 1 GPU", 8),
        ({"cpus": 24, "gpus": 3}, {"gpus_per_trial": 0.25}, "12 networks at a time, each on 0.25 of a GPU", 2),
        ({"cpus": 24, "gpus": 3}, {"gpus_per_trial": 0.0}, "24 networks at a time, each on a CPU core", 1),
        ({"cpus": 2, "gpus": 8}, {}, "2 networks at a time, each on 1 GPU", 1),
        ({"cpus": 1}, {}, "1 network at a time, each on a CPU core", 1),
    ],
)
def test_an_existing_cluster_trains_as_many_trials_as_it_has_room_for(
    machine: Any, cluster: Any, has: dict[str, int], asked: dict[str, Any], description: str, processors: int
) -> None:
    machine(gpus=1, free=78 * GIB, processors=5)
    cluster(**has)

    built = executor(address="auto", **asked)

    assert (built.description, built.processors) == (description, processors)
    assert built.cluster.startswith("the Ray cluster at 10.0.0.1:6379 (3 machines, ")


@pytest.mark.parametrize(("has", "asked"), [({"cpus": 0}, {}), ({"cpus": 8}, {"gpus_per_trial": 1.0})])
def test_a_cluster_that_can_train_nothing_now_is_refused_without_a_number_of_workers(
    cluster: Any, has: dict[str, int], asked: dict[str, Any]
) -> None:
    cluster(**has)

    with pytest.raises(InputError, match=r"the Ray cluster at 10.0.0.1:6379"):
        executor(address="auto", **asked)
    assert executor(address="auto", workers=3, **asked).workers == 3
