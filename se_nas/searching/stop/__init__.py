"""Pruning: which running trial is not worth its remaining epochs."""
