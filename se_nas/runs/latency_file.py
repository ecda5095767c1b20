"""`latency.json` of a run folder: the measured latency of the front's networks beside the prediction of the table."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from se_nas.analysis.latency_check import CheckedLatency, LatencyCheck
from se_nas.errors import InputError
from se_nas.files import read_checked, write_checked
from se_nas.process.invocation import invocation
from se_nas.runs.run_folder import RunFolder

Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Network(BaseModel):
    model_config = ConfigDict(extra="forbid")

    trial: Annotated[int, Field(ge=0)]
    predicted: Milliseconds
    measured: Milliseconds
    low: Milliseconds
    high: Milliseconds


class _Check(BaseModel):
    model_config = ConfigDict(extra="forbid")

    setting: str
    networks: Annotated[tuple[_Network, ...], Field(min_length=1)]


def write_latencies(folder: RunFolder, check: LatencyCheck) -> None:
    """Write the measured latencies into the run folder."""
    networks = [
        {name: getattr(network, name) for name in ("trial", "predicted", "measured", "low", "high")}
        for network in check.networks
    ]
    write_checked(folder.latencies, {"setting": check.setting, "networks": networks})


def load_latencies(folder: RunFolder) -> LatencyCheck | None:
    """Read the measured latencies; None if there are none, InputError if the file is damaged."""
    if not folder.latencies.exists():
        return None
    try:
        read = _Check.model_validate(read_checked(folder.latencies))
    except ValidationError:
        raise InputError(
            f"{folder.latencies}: damaged, so the report leaves it out; `{invocation('latency')} --run` writes it again"
        ) from None
    return LatencyCheck(
        setting=read.setting, networks=tuple(CheckedLatency(**network.model_dump()) for network in read.networks)
    )
