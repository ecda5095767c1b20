"""Designed experiments: which placements to train, and what their accuracies say about each factor."""
