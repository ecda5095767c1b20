"""Trials on Ray Tune's workers: the only room that imports ray."""
