"""GpuUse: the fraction of the time in which a GPU computes, as nvidia-smi reports it."""

import contextlib
import statistics
import subprocess
from types import TracebackType

QUERY = ("stdbuf", "-oL", "nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop-ms=200")
"""`stdbuf` sends each answer at once, so that none is lost when nvidia-smi is ended."""


class GpuUse:
    """Asks nvidia-smi five times a second while the context lasts.

    Each answer is the percentage of the last sample period in which at least one kernel ran. So it says nothing about
    the fraction of the GPU that the kernel used.
    """

    def __init__(self) -> None:
        self.percentages: list[float] = []
        self._asking: subprocess.Popen[str] | None = None

    def __enter__(self) -> "GpuUse":
        with contextlib.suppress(FileNotFoundError):
            self._asking = subprocess.Popen(QUERY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._asking is not None:
            self._asking.terminate()
            answers, _ = self._asking.communicate()
            self.percentages = [float(line) for line in answers.split() if line.isdigit()]

    def __str__(self) -> str:
        if not self.percentages:
            return "nvidia-smi did not say how much a GPU computed"
        return f"the GPU computed in {statistics.mean(self.percentages):.0f} % of the time"
