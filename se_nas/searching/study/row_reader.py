"""Reads all trials of a study in five queries.

Optuna makes an object for each row and parses each distribution again. That takes 10 s and 380 MB for 10,000 trials
with 18 decisions (`benchmarks/LOG.md`).
"""

import json
from functools import cache
from sys import intern

from optuna.distributions import json_to_distribution
from sqlalchemy import Engine, select

from se_nas.searching.study.optuna_tables import ATTRIBUTES, EPOCHS, PARAMETERS, TRIALS, VALUES, decoded
from se_nas.searching.study.trial_store import StoredTrial


def read_rows(engine: Engine, study_id: int) -> dict[int, StoredTrial]:
    """All trials of the study by the id of their row, ordered by number.

    ValueError, TypeError or an error of SQLAlchemy for damaged rows.
    """
    parse = cache(json_to_distribution)
    with engine.connect() as connection:
        rows = connection.execute(
            select(TRIALS.c.number, TRIALS.c.trial_id, TRIALS.c.state)
            .where(TRIALS.c.study_id == study_id)
            .order_by(TRIALS.c.number)
        )
        by_id = {trial_id: StoredTrial(number, state) for number, trial_id, state in rows}
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
                trial.accuracies[step] = decoded(value, kind)
        values = select(VALUES.c.trial_id, VALUES.c.objective, VALUES.c.value, VALUES.c.value_type)
        for trial_id, objective, value, kind in connection.execute(values.order_by(VALUES.c.objective)):
            if trial := by_id.get(trial_id):
                trial.values[objective] = decoded(value, kind)
    return by_id
