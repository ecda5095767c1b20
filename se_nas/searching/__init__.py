"""Chooses what to train, stops what cannot win, and remembers everything. optuna, numpy, moocore; no torch."""
