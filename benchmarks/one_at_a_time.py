"""Ablations as they are usually analysed: each network is compared with one other on paired seeds (Bonferroni)."""

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import stdtrit

from se_nas.analysis.paired import CONFIDENCE, Gain


class PairedAccuracies:
    """Accuracies of networks, by name, on the seeds that all of them have. Other seeds are left out.

    An accuracy is modelled as the sum of an effect of the network, an effect of the seed, and noise of one standard
    deviation: a two-way layout without replication (Scheffé, "The Analysis of Variance", 1959, chapter 4). The effect
    that a seed has on all networks cancels out.
    """

    def __init__(self, accuracies: Mapping[str, Mapping[int, float]]) -> None:
        """Take accuracies by name and seed. ValueError if there are fewer than two networks or common seeds."""
        seeds = [set(by_seed) for by_seed in accuracies.values()]
        self.seeds = sorted(set.intersection(*seeds)) if seeds else []
        if len(accuracies) < 2 or len(self.seeds) < 2:
            raise ValueError(
                f"two networks and two common seeds are needed, but got {len(accuracies)} and {len(self.seeds)}"
            )
        self._means = {name: float(np.mean([by_seed[s] for s in self.seeds])) for name, by_seed in accuracies.items()}
        table = np.array([[by_seed[seed] for seed in self.seeds] for by_seed in accuracies.values()])
        noise = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
        self.freedom = (len(accuracies) - 1) * (len(self.seeds) - 1)
        self.deviation = math.sqrt(float((noise**2).sum()) / self.freedom)

    def gain(self, name: str, over: str, *, among: int = 1) -> Gain:
        """The gain of the network `name` over the network `over`.

        `among` is the number of gains that lie within their intervals together with 95 % (Bonferroni).
        """
        quantile = float(stdtrit(self.freedom, 1 - (1 - CONFIDENCE) / 2 / among))
        return Gain(
            mean=self._means[name] - self._means[over],
            half_width=quantile * self.deviation * math.sqrt(2 / len(self.seeds)),
            seeds=len(self.seeds),
        )
