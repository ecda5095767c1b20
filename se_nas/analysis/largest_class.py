"""The largest class of a part of the images, and what a network reaches that always names it.

With uneven classes, such a network has a high accuracy. So this stands beside the accuracies that are shown.
"""

from dataclasses import dataclass
from typing import Literal

from se_nas.data.inventory import Inventory
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.wording import printable

Held = Literal["validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestClass:
    """The class with the most images of a part: its name, its fraction of the images, and the number of classes that
    have images in that part."""

    name: str
    share: float
    classes: int
    part: Held

    @classmethod
    def of(cls, inventory: Inventory, part: Held) -> "LargestClass":
        """Find the largest class. Of classes with equally many images, the first counts."""
        place = ("training", "validation", "test").index(part)
        counts = [of_class[place] for of_class in inventory.counts]
        largest = counts.index(max(counts))
        return cls(
            name=printable(inventory.class_names[largest]),
            share=counts[largest] / max(1, sum(counts)),
            classes=max(1, sum(count > 0 for count in counts)),
            part=part,
        )

    @property
    def setting(self) -> dict[str, float]:
        """The fraction by its name in W&B. The name of the class stays here, because W&B gets no content of the images.

        >>> LargestClass(name="cat", share=0.875, classes=4, part="test").setting
        {'largest class, fraction of the test images': 0.875}
        """
        return {f"largest class, fraction of the {self.part} images": self.share}

    def sentence(self, metric: ObjectiveMetric = ACCURACY) -> str:
        """A sentence with the fraction of the class, and with the score of always naming it.

        >>> LargestClass(name="cat", share=0.875, classes=4, part="test").sentence()
        'The largest class (cat) has 87.5 % of the test images: the accuracy of always naming it.'
        >>> LargestClass(name="cat", share=0.875, classes=4, part="test").sentence(ObjectiveMetric.BALANCED_ACCURACY)
        'The largest class (cat) has 87.5 % of the test images; always naming it gives 25.0 % balanced accuracy.'
        """
        has = f"The largest class ({self.name}) has {100 * self.share:.1f} % of the {self.part} images"
        if metric is ACCURACY:
            return f"{has}: the accuracy of always naming it."
        reached = metric.of_largest_class(self.share, self.classes)
        return f"{has}; always naming it gives {100 * reached:.1f} % {metric.label}."
