"""Trains detectors: the recipe, the trainer, and the files of a trained detector."""
