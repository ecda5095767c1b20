"""Chooses the executor that trains, by the flags and by the machine or cluster."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from se_nas.commands.flags import EPOCH_SECONDS
from se_nas.commands.preflight import HEADROOM
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError
from se_nas.execution.local import LocalExecutor
from se_nas.execution.protocol import Executor
from se_nas.execution.ray.capacity import ask_capacity
from se_nas.execution.ray.environment import set_ray_environment
from se_nas.machine.limits import cpu_count
from se_nas.machine.process_limits import check_room_for_cluster, check_room_for_driver
from se_nas.training.devices.device import free_gpu_bytes, gpu_count
from se_nas.training.devices.sharing import training_bytes, trainings_on_a_gpu
from se_nas.training.recipe import Recipe


class Machines(Protocol):
    """The part of a request that says where to train."""

    @property
    def workers(self) -> int | None:
        """The number of trainings at a time; None: as many as there are cores, or as fit the GPUs."""

    @property
    def gpus_per_trial(self) -> float | None:
        """The fraction or number of GPUs for a trial; None: as much as the largest network needs."""

    @property
    def address(self) -> str | None:
        """The address of an existing Ray cluster; None: a new cluster on this machine."""


def build_executor(
    request: Machines,
    data: ImageData,
    costs: Iterable[Mapping[str, float]],
    *,
    measures_costs: bool,
    epoch_seconds: float = EPOCH_SECONDS,
) -> Executor:
    """The executor: this process for one worker, else Ray Tune.

    `costs` are the costs of the networks to train, or of a sample of them. If trials measure a cost, each trial gets a
    whole GPU.
    """
    if request.address is not None:
        return _build_on_cluster(request, request.address, data, epoch_seconds=epoch_seconds)
    gpus = gpu_count()
    gpus_per_trial = request.gpus_per_trial
    if gpus_per_trial is None:
        gpus_per_trial = float(gpus > 0) if measures_costs else _gpus_per_trial(gpus, data, costs)
    if gpus_per_trial > gpus:
        raise InputError(f"--gpus-per-trial {gpus_per_trial:g}: this machine has {gpus} GPUs that torch can use")
    fit = _at_once(gpus, gpus_per_trial) if gpus_per_trial else cpu_count()
    workers = request.workers or fit
    if gpus_per_trial and workers > fit:
        smaller = 1000 // -(-workers // gpus) / 1000
        raise InputError(
            f"--workers {workers}: {fit} at a time fit this machine's GPUs ({gpus}), each on {gpus_per_trial:.3g} of "
            f"one; expected at most {fit}, or --gpus-per-trial {smaller:g}"
        )
    if workers == 1:
        return LocalExecutor(epoch_seconds=epoch_seconds)
    check_room_for_cluster(workers)
    set_ray_environment(workers=workers, own_cluster=True)
    from se_nas.execution.ray.tune import RayTuneExecutor

    return RayTuneExecutor(
        workers=workers,
        gpus_per_trial=gpus_per_trial,
        address=None,
        cluster="a new cluster on this machine",
        processors=max(1, cpu_count() // workers),
        data_bytes=_bytes_of(data),
        epoch_seconds=epoch_seconds,
    )


def executor_lines(executor: Executor, detail: str = "") -> Iterator[str]:
    """Lines for the user: how many trainings run at a time and where, and the cluster."""
    yield f"training  {executor.description}{detail}"
    if executor.cluster is not None:
        yield f"cluster   {executor.cluster}"


def _build_on_cluster(request: Machines, address: str, data: ImageData, *, epoch_seconds: float) -> Executor:
    """Ray Tune on an existing cluster, with as many trainings at a time as the cluster has room for now.

    If the cluster has GPUs, each training has its own GPU. An autoscaler may add machines for more `workers`.
    """
    check_room_for_driver()
    found = ask_capacity(address)
    gpus_per_trial = float(found.gpus > 0) if request.gpus_per_trial is None else request.gpus_per_trial
    if gpus_per_trial > 0 and found.gpus == 0 and request.workers is None:
        raise InputError(f"--gpus-per-trial {gpus_per_trial:g}: {found.description} has no GPU now")
    fit = min(found.cpus, _at_once(found.gpus, gpus_per_trial)) if gpus_per_trial else found.cpus
    workers = request.workers or fit
    if not workers:
        raise InputError(
            f"--address {address}: {found.description} can train nothing now; expected a machine with a CPU core to "
            "spare, or --workers N where an autoscaler adds machines"
        )
    set_ray_environment(workers=workers, own_cluster=False, with_token=found.with_token)
    from se_nas.execution.ray.tune import RayTuneExecutor

    return RayTuneExecutor(
        workers=workers,
        gpus_per_trial=gpus_per_trial,
        address=found.address,
        cluster=found.description,
        processors=max(1, found.cpus // workers),
        data_bytes=_bytes_of(data),
        epoch_seconds=epoch_seconds,
    )


def _at_once(gpus: int, gpus_per_trial: float) -> int:
    """The number of trials that fit the GPUs, at least 1. No trial is on parts of two GPUs."""
    on_each = int(1 / gpus_per_trial)
    return max(1, gpus * on_each if on_each else int(gpus / gpus_per_trial))


def _gpus_per_trial(gpus: int, data: ImageData, costs: Iterable[Mapping[str, float]]) -> float:
    """The fraction of a GPU that holds the largest network; 0 if there is no GPU."""
    if not gpus:
        return 0.0
    batch_size = Recipe(epochs=1).batch_size_for(len(data.train))
    largest = max(training_bytes(cost, batch_size=batch_size) for cost in costs)
    return 1 / trainings_on_a_gpu(
        free_bytes=free_gpu_bytes(),
        bytes_each=_bytes_of(data) + round(HEADROOM * largest),
        processors=cpu_count() // gpus,
    )


def _bytes_of(data: ImageData) -> int:
    return data.train.nbytes + data.validation.nbytes
