"""Reads all trials of a study in five queries.

Optuna makes an object for each row and parses each distribution again. That takes 10 s and 380 MB for 10,000 trials
with 18 decisions (`benchmarks/LOG.md`). The tables and their encoding are those of Optuna
(`optuna/storages/_rdb/models.py`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from sys import intern
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.storages._rdb.models import TrialIntermediateValueModel, TrialValueModel
from optuna.trial import TrialState
from sqlalchemy import Engine, select

from se_nas.searching.study.trial_rows import ATTRIBUTES, EPOCHS, PARAMETERS, TRIALS, VALUES


@dataclass(frozen=True, slots=True)
class StoredTrial:
    """A trial as it is stored: `accuracies` by epoch, `values` of the objectives by index."""

    number: int
    trial_id: int
    state: TrialState
    assignment: dict[str, Any] = field(default_factory=dict)
    distributions: dict[str, BaseDistribution] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    accuracies: dict[int, float] = field(default_factory=dict)
    values: dict[int, float] = field(default_factory=dict)


def read_trials(engine: Engine, study_id: int) -> list[StoredTrial]:
    """All trials of the study, ordered by number. ValueError, TypeError or an error of SQLAlchemy for damaged rows."""
    parse = cache(json_to_distribution)
    with engine.connect() as connection:
        rows = connection.execute(
            select(TRIALS.c.number, TRIALS.c.trial_id, TRIALS.c.state)
            .where(TRIALS.c.study_id == study_id)
            .order_by(TRIALS.c.number)
        )
        trials = [StoredTrial(number, trial_id, state) for number, trial_id, state in rows]
        by_id: Mapping[int, StoredTrial] = {trial.trial_id: trial for trial in trials}
        parameters = select(
            PARAMETERS.c.trial_id, PARAMETERS.c.param_name, PARAMETERS.c.param_value, PARAMETERS.c.distribution_json
        ).order_by(PARAMETERS.c.param_id)
        for trial_id, name, value, distribution in connection.execute(parameters):
            if trial := by_id.get(trial_id):
                trial.distributions[intern(name)] = parse(distribution)
                trial.assignment[intern(name)] = parse(distribution).to_external_repr(value)
        attributes = select(ATTRIBUTES.c.trial_id, ATTRIBUTES.c.key, ATTRIBUTES.c.value_json)
        for trial_id, name, value in connection.execute(attributes):
            if trial := by_id.get(trial_id):
                trial.attributes[intern(name)] = json.loads(value)
        epochs = select(
            EPOCHS.c.trial_id, EPOCHS.c.step, EPOCHS.c.intermediate_value, EPOCHS.c.intermediate_value_type
        ).order_by(EPOCHS.c.step)
        for trial_id, step, value, kind in connection.execute(epochs):
            if trial := by_id.get(trial_id):
                decoded = TrialIntermediateValueModel.stored_repr_to_intermediate_value(value, kind)
                trial.accuracies[step] = decoded
        values = select(VALUES.c.trial_id, VALUES.c.objective, VALUES.c.value, VALUES.c.value_type)
        for trial_id, objective, value, kind in connection.execute(values.order_by(VALUES.c.objective)):
            if trial := by_id.get(trial_id):
                trial.values[objective] = TrialValueModel.stored_repr_to_value(value, kind)
    return trials
