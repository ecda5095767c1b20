"""A training step on one device, and what makes it fast: precision, CUDA graphs, few launches."""
