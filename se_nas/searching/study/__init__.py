"""The study: every trial in Optuna's SQLite file, the record of a search."""
