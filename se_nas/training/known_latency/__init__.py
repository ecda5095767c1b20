"""Latency that is known before training: a table of measured parts, whose sum predicts a network."""
