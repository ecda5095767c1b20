"""Trainings of chosen networks on chosen seeds after a search, for `confirm` and `ablate`."""
