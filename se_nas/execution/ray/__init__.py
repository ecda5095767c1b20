"""Trials on the workers of Ray Tune. This is the only package that imports ray."""
