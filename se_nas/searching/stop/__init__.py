"""Pruning: it stops running trials that are not worth their remaining epochs."""
