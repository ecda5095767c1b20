"""Several processes that train one network, each on its own GPU. torchrun starts them.

The processes share each batch: every process computes the gradients of its part, and all take the same step with the
mean gradient. So a recipe means the same for any number of processes, except for batch norm, which sees only the part
of its process, as in torch's DistributedDataParallel. The host waits for nothing in a step, so that a CUDA graph can
record it.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessGroup:
    """The processes that train one network together; this is process `rank` of `processes`."""

    rank: int
    processes: int

    @property
    def is_first(self) -> bool:
        """Whether this process prints and writes files for all."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Set each tensor to its mean over the processes. All tensors must have the same type."""
        if self.processes == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.processes
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def total(self, number: Tensor) -> Tensor:
        """The sum of `number` over the processes."""
        if self.processes > 1:
            dist.all_reduce(number)
        return number

    def agree(self, choice: T) -> T:
        """The choice of the first process."""
        if self.processes == 1:
            return choice
        choices = [choice]
        dist.broadcast_object_list(choices, src=0)
        return choices[0]


ALONE = ProcessGroup(rank=0, processes=1)


@contextlib.contextmanager
def joined() -> Iterator[ProcessGroup]:
    """Join the processes that torchrun started. Without torchrun, the group has only this process.

    torchrun describes the group in the environment: https://docs.pytorch.org/docs/stable/elastic/run.html
    """
    if not dist.is_torchelastic_launched() or os.environ["WORLD_SIZE"] == "1":
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield ProcessGroup(rank=dist.get_rank(), processes=dist.get_world_size())
    finally:
        dist.destroy_process_group()
