"""Several processes that train one network, each on a GPU of its own, as torchrun starts them.

Each batch is shared out: every process computes the gradients of its part, and all take the same step with their
mean. So the recipe means the same however many there are, but for batch norm, which sees a process's part alone, as in
torch's DistributedDataParallel. A step stays recordable: nothing is asked on the way.
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
    """Process `rank` of `processes`."""

    rank: int
    processes: int

    @property
    def is_first(self) -> bool:
        """Whether this one speaks and writes for all."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Set each tensor to its mean over the processes; all must be of one type."""
        if self.processes == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.processes
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def total(self, number: Tensor) -> Tensor:
        """The sum over the processes."""
        if self.processes > 1:
            dist.all_reduce(number)
        return number

    def agree(self, choice: T) -> T:
        """What the first process chose."""
        if self.processes == 1:
            return choice
        choices = [choice]
        dist.broadcast_object_list(choices, src=0)
        return choices[0]


ALONE = ProcessGroup(rank=0, processes=1)


@contextlib.contextmanager
def joined() -> Iterator[ProcessGroup]:
    """The processes that torchrun started this one with; alone without it.

    torchrun names them in the environment: https://docs.pytorch.org/docs/stable/elastic/run.html
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
