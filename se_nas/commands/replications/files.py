"""The files of replications: one for each training, so that it is done once.

Where they say accuracy, the objective metric of the search is meant.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from se_nas.data.image_data import ImageData
from se_nas.files import read_checked, write_checked
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.records import Metrics
from se_nas.searching.tasks import TrialTask
from se_nas.space.architecture import Architecture


@dataclass(frozen=True, slots=True)
class ReplicationFolder:
    """`RUN_DIR/replications/epochs-N/FINGERPRINT/seed-S.json`.

    `images` are the fingerprints of the images for training and validation, as this version and earlier ones compute
    them. `changed`: the images have changed since the search began.
    """

    path: Path
    images: tuple[str, ...] = ()
    changed: bool = False

    @classmethod
    def of(cls, folder: RunFolder, epochs: int, data: ImageData, *, changed: bool) -> "ReplicationFolder":
        """The trainings of `epochs` epochs on these images."""
        path = folder.path.absolute() / "replications" / f"epochs-{epochs}"
        return cls(path, images=data.training_fingerprints(), changed=changed)

    def at(self, path: Path) -> "ReplicationFolder":
        """The same trainings in another folder."""
        return replace(self, path=path)

    def file(self, fingerprint: str, seed: int) -> Path:
        """The file of one training."""
        return self.path / fingerprint / f"seed-{seed}.json"

    def write_finished(
        self,
        task: TrialTask,
        *,
        curve: Sequence[float],
        seconds: float,
        cost: Mapping[str, float],
        metrics: Metrics,
    ) -> None:
        """Write the result of a training; its worker calls this."""
        fingerprint = task.architecture.fingerprint()
        result = {
            "fingerprint": fingerprint,
            "se": list(task.architecture.se_tokens),
            "seed": task.seed,
            "curve": list(curve),
            "seconds": seconds,
            "cost": dict(cost),
            "metrics": dict(metrics),
            "images": self.images[0] if self.images else None,
        }
        write_checked(self.file(fingerprint, task.seed), result)
        self.checkpoint(task).unlink(missing_ok=True)

    def checkpoint(self, task: TrialTask) -> Path:
        """The file with the state of a long training, from which it can continue."""
        return self.file(task.architecture.fingerprint(), task.seed).with_suffix(".safetensors")

    def accuracies(self, architecture: Architecture, *, epochs: int) -> dict[int, float]:
        """The final accuracy by seed of every earlier training on these images. Damaged files do not count."""
        return {seed: accuracy for seed, accuracy, current in self._done(architecture, epochs) if current}

    def count_on_earlier_images(self, architecture: Architecture, *, epochs: int) -> int:
        """The number of trainings of this network on images that have changed since."""
        return sum(not current for _, _, current in self._done(architecture, epochs))

    def _done(self, architecture: Architecture, epochs: int) -> Iterator[tuple[int, float, bool]]:
        """The seed and the final accuracy of each training, and whether it is on these images."""
        fingerprint = architecture.fingerprint()
        for path in (self.path / fingerprint).glob("seed-*.json"):
            result = read_checked(path) or {}
            curve, seed = result.get("curve"), result.get("seed")
            if not isinstance(curve, list) or len(curve) != epochs or not isinstance(seed, int):
                continue
            if path == self.file(str(result.get("fingerprint")), seed) and isinstance(curve[-1], float | int):
                yield seed, float(curve[-1]), self._is_current(result.get("images"))

    def _is_current(self, images: object) -> bool:
        """Whether a result comes from these images. Earlier versions did not write the images of a result."""
        return images in self.images if images is not None else not self.changed
