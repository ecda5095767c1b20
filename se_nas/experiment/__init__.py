"""Joins all layers: search, resume, retrain, describe, report. The only package that sees them all."""
