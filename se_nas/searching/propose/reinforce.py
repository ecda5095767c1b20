"""The `reinforce` strategy: a policy over the decisions that learns by REINFORCE, as NASNet's controller does.

Zoph and Le, "Neural Architecture Search with Reinforcement Learning", arXiv 1611.01578, section 3.2: the gradient of
the expected reward, with an exponential moving average as baseline. The policy has a softmax for each decision instead
of an LSTM, as TuNAS has (Bender et al., arXiv 2008.06120, section 3). Its reward is absolute (ibid., equation 3):
accuracy + beta · |cost / target - 1|. One reward finds one network, so each proposal has a target of its own. Targets
are drawn over the range of costs, and the logits are linear in the target: the policy learns a front.
"""

import math
from collections.abc import Callable, Mapping
from random import Random

import numpy as np
from numpy.typing import NDArray

from se_nas.searching.candidates import Inspection
from se_nas.searching.objectives import Objectives
from se_nas.searching.records import Proposal, TrialRecord, TrialStatus
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Assignment, Categorical, Decision, FloatRange, IntRange, Value

BETA = -0.1
"""The weight of a missed target: one point of accuracy for a tenth of the cost (TuNAS)."""
MOST_PENALTY = 0.3
"""The largest loss of reward by a missed target. The first targets are missed by factors."""
MEMORY = 0.95
"""The weight that the baseline keeps at each reward (NASNet, arXiv 1707.07012, appendix A)."""
RATE = 0.1
"""The step of a logit. The controllers of NASNet and TuNAS take smaller steps, and thousands of trials."""
ENTROPY = 0.2
"""The weight of the entropy, which keeps the policy from becoming certain too early."""
BINS = 8
"""A real range is divided into so many equal parts. A value is drawn uniformly within its part."""
DRAWS = 64
"""The networks that are drawn to find the range of costs."""


class Reinforce:
    """Draws each decision from a softmax whose logits learn from the rewards."""

    def __init__(
        self,
        *,
        decisions: Mapping[str, Decision],
        sample: Callable[[Random], Assignment],
        inspect: Callable[[Assignment], Inspection | None],
        objectives: Objectives,
        seed: int,
    ) -> None:
        self._decisions, self._seed = decisions, seed
        self._cost = objectives.costs[0]
        self._counted = _drawn_costs(sample, inspect, self._cost, seed)
        self._records: dict[int, TrialRecord] = {}
        self._asked = 0

    def ask(self) -> Proposal:
        """A network from the policy for a target of cost, which the memo keeps."""
        random = Random(derive_seed(self._seed, "reinforce", len(self._records), self._asked))
        self._asked += 1
        low, high = self._range()
        target = math.exp(random.uniform(math.log(low), math.log(high)))
        policy = self._policy()
        assignment = {
            name: _draw(decision, policy[name].chances(self._position(target)), random)
            for name, decision in self._decisions.items()
        }
        return Proposal(assignment=assignment, memo={"target": target})

    def tell(self, record: TrialRecord) -> None:
        """Remember the record."""
        self._records[record.number] = record
        self._asked = 0

    def _range(self) -> tuple[float, float]:
        """The lowest and the highest cost: of drawn networks, or of trained networks if the cost is measured."""
        costs = self._counted or [float(record.cost[self._cost]) for record in self._ended().values()] or [1.0]
        return min(costs), max(costs)

    def _position(self, target: float) -> float:
        """The place of a target in the range of log costs, from -1 to 1."""
        low, high = (math.log(bound) for bound in self._range())
        return 2 * (math.log(target) - low) / (high - low) - 1 if high > low else 0.0

    def _policy(self) -> dict[str, "Logits"]:
        """The policy after all ended trials, in their order. It is computed anew, and depends on the records alone."""
        policy = {name: Logits(_choices(decision)) for name, decision in self._decisions.items()}
        baseline, spread = 0.0, 0.0
        for count, (_, record) in enumerate(sorted(self._ended().items())):
            target = float(record.memo["target"])
            reward = self._reward(record, target)
            baseline = reward if count == 0 else baseline
            spread = MEMORY * spread + (1 - MEMORY) * abs(reward - baseline)
            advantage = (reward - baseline) / (spread / (1 - MEMORY ** (count + 1)) + 1e-6)
            baseline = MEMORY * baseline + (1 - MEMORY) * reward
            for name, decision in self._decisions.items():
                chosen = _place(decision, record.assignment[name])
                policy[name].learn(chosen, float(np.clip(advantage, -3, 3)), self._position(target))
        return policy

    def _ended(self) -> dict[int, TrialRecord]:
        """The trials with an accuracy. A pruned trial counts with its last accuracy."""
        return {
            number: record
            for number, record in self._records.items()
            if record.status in (TrialStatus.COMPLETE, TrialStatus.PRUNED)
            and record.curve
            and self._cost in record.cost
            and "target" in record.memo
        }

    def _reward(self, record: TrialRecord, target: float) -> float:
        missed = BETA * abs(float(record.cost[self._cost]) / target - 1)
        return record.curve[-1] + max(missed, -MOST_PENALTY)


class Logits:
    """The logits of one decision's choices: `constant` + `slope` · the target's position."""

    def __init__(self, choices: int) -> None:
        self.constant: NDArray[np.float64] = np.zeros(choices)
        self.slope: NDArray[np.float64] = np.zeros(choices)

    def chances(self, position: float) -> NDArray[np.float64]:
        """The probability of each choice for a target."""
        logits = self.constant + position * self.slope
        weights = np.exp(logits - logits.max())
        return np.asarray(weights / weights.sum())

    def learn(self, chosen: int, advantage: float, position: float) -> None:
        """One step up the gradient of the reward and of the entropy."""
        chances = self.chances(position)
        gradient = -advantage * chances
        gradient[chosen] += advantage
        logs = np.log(chances)
        gradient -= ENTROPY * chances * (logs - (chances * logs).sum())
        self.constant += RATE * gradient / len(chances) ** 0.5
        self.slope += RATE * position * gradient / len(chances) ** 0.5


def _drawn_costs(
    sample: Callable[[Random], Assignment],
    inspect: Callable[[Assignment], Inspection | None],
    cost: str,
    seed: int,
) -> list[float]:
    """The costs of drawn networks within the bounds; none if the cost is measured."""
    random = Random(derive_seed(seed, "range of costs"))
    seen = [inspect(sample(random)) for _ in range(DRAWS)]
    return [float(one.cost[cost]) for one in seen if one is not None and one.cost.get(cost)]


def _choices(decision: Decision) -> int:
    return BINS if isinstance(decision, FloatRange) else len(decision.values() or ())


def _place(decision: Decision, value: Value) -> int:
    """The index of the choice that a value belongs to."""
    match decision:
        case FloatRange(low, high):
            return min(BINS - 1, int((float(value) - low) / (high - low) * BINS))
        case Categorical(choices):
            return choices.index(value)
        case IntRange(low, _, step):
            return (int(value) - low) // step


def _draw(decision: Decision, chances: NDArray[np.float64], random: Random) -> Value:
    (place,) = random.choices(range(len(chances)), weights=chances.tolist())
    match decision:
        case FloatRange(low, high):
            width = (high - low) / BINS
            return random.uniform(low + place * width, low + (place + 1) * width)
        case Categorical(choices):
            return choices[place]
        case IntRange(low, _, step):
            return low + place * step
