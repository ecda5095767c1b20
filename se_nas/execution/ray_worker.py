"""The Ray actor that trains one trial after another, as Tune calls it."""

from typing import Any

from ray import tune

from se_nas.execution.protocol import Evaluate, next_report


def worker_class(evaluate: Evaluate, *, epoch_seconds: float) -> type[tune.Trainable]:
    """The actor's class, with what it evaluates trials by. Ray keeps `evaluate` once on each machine."""
    return tune.with_parameters(_Worker, evaluate=evaluate, epoch_seconds=epoch_seconds)  # type: ignore[no-any-return]


class _Worker(tune.Trainable):  # type: ignore[misc]
    """A Ray actor that trains one trial after another; Tune reuses it, so torch and the images load once."""

    def setup(self, config: dict[str, Any], evaluate: Evaluate, epoch_seconds: float) -> None:
        self._evaluate, self._epoch_seconds = evaluate, epoch_seconds
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._reports = self._evaluate(new_config["task"])
        return True

    def step(self) -> dict[str, Any]:
        return {"report": next_report(self._reports, epoch_seconds=self._epoch_seconds)}
