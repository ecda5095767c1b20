"""Measures the front of a search on the runtime of its latency table."""

import numpy as np

from se_nas.analysis.latency_check import CheckedLatency, LatencyCheck
from se_nas.errors import InputError
from se_nas.searching.pareto import ParetoFront
from se_nas.space.design_space import DesignSpace
from se_nas.training.known_latency.runtimes import RUNTIMES, undisturbed
from se_nas.training.known_latency.table import LatencyTable
from se_nas.training.trainer import build_initial_model


def is_measured_here(table: LatencyTable) -> bool:
    """Whether this machine is of the kind on which the table was measured, and starts its runtime at once."""
    runtime = RUNTIMES.get(table.setting.runtime)
    if runtime is None or not runtime.starts_at_once or runtime.problem() is not None:
        return False
    return runtime.device_name() == table.setting.device


def measure_front(front: ParetoFront, space: DesignSpace, table: LatencyTable) -> LatencyCheck:
    """Measure each member of the front. InputError if this machine lacks something for the runtime."""
    setting = table.setting
    runtime = RUNTIMES.get(setting.runtime)
    if runtime is None:
        raise InputError(f"the table was measured on the runtime '{setting.runtime}', which se-nas cannot measure")
    if (problem := runtime.problem()) is not None:
        raise InputError(f"runtime {setting.runtime}: {problem}")
    modules = []
    for member in front.members:
        network = space.decode(member.assignment)
        side = network.image_size or setting.image_size
        model = build_initial_model(network, num_classes=setting.classes, seed=0).eval()
        modules.append((model, (setting.batch, 3, side, side)))
    alone = [[index] for index in range(len(modules))]
    taken = runtime.measure(modules, alone, threads=setting.threads, on_round=lambda done, rounds: None)
    networks = []
    for member, seconds in zip(front.members, taken, strict=True):
        low, high = (1000 * np.quantile(seconds, [0.25, 0.75]) / setting.batch).tolist()
        measured = 1000 * undisturbed(seconds) / setting.batch
        predicted = member.cost["latency"]
        networks.append(CheckedLatency(trial=member.number, predicted=predicted, measured=measured, low=low, high=high))
    here = runtime.device_name()
    where = setting.title if here == setting.device else f"{setting.title}; the front on {here}"
    return LatencyCheck(setting=where, networks=tuple(networks))
