"""Optuna's tables in an SQLite file, and the encoding of their values.

Optuna gives the format of a study a version, which `RDBStorage.get_current_version` returns. A study of another format
than `KNOWN_FORMATS` is read and written by Optuna's own functions (`optuna_trials.py`).
"""

import enum
import math

from optuna.trial import TrialState
from sqlalchemy import Column, DateTime, Enum, Float, Integer, MetaData, String, Table

KNOWN_FORMATS = ("v3.2.0.a",)
"""The formats that have these tables. This one has been in use since Optuna 3.2."""


class Kind(enum.Enum):
    """The kind of a number. A number that is not finite is stored as its kind alone."""

    FINITE = 1
    INF_POS = 2
    INF_NEG = 3
    NAN = 4


_ALL = MetaData()
TRIALS = Table(
    "trials",
    _ALL,
    Column("trial_id", Integer, primary_key=True),
    Column("number", Integer),
    Column("study_id", Integer),
    Column("state", Enum(TrialState)),
    Column("datetime_start", DateTime),
    Column("datetime_complete", DateTime),
)
PARAMETERS = Table(
    "trial_params",
    _ALL,
    Column("param_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("param_name", String),
    Column("param_value", Float(53)),
    Column("distribution_json", String),
)
ATTRIBUTES = Table(
    "trial_user_attributes",
    _ALL,
    Column("trial_user_attribute_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("key", String),
    Column("value_json", String),
)
EPOCHS = Table(
    "trial_intermediate_values",
    _ALL,
    Column("trial_intermediate_value_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("step", Integer),
    Column("intermediate_value", Float(53)),
    Column("intermediate_value_type", Enum(Kind)),
)
VALUES = Table(
    "trial_values",
    _ALL,
    Column("trial_value_id", Integer, primary_key=True),
    Column("trial_id", Integer),
    Column("objective", Integer),
    Column("value", Float(53)),
    Column("value_type", Enum(Kind)),
)
STUDY_ATTRIBUTES = Table(
    "study_user_attributes",
    _ALL,
    Column("study_user_attribute_id", Integer, primary_key=True),
    Column("study_id", Integer),
    Column("key", String),
    Column("value_json", String),
)


def encoded(value: float) -> tuple[float | None, Kind]:
    """The value as it is stored, and its kind."""
    if math.isnan(value):
        return None, Kind.NAN
    if math.isinf(value):
        return None, Kind.INF_POS if value > 0 else Kind.INF_NEG
    return value, Kind.FINITE


def decoded(value: float | None, kind: Kind) -> float:
    """The value of a stored pair. ValueError if the pair contradicts itself."""
    if (value is not None) != (kind is Kind.FINITE):
        raise ValueError(f"a stored value is {value} and {kind.name}")
    if value is not None:
        return value
    return {Kind.INF_POS: math.inf, Kind.INF_NEG: -math.inf, Kind.NAN: math.nan}[kind]
