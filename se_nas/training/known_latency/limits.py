"""The limits of a latency table's setting. This file does not import torch, so that `--help` answers at once."""

MOST_IMAGES = 4096
"""The most images of a pass."""
MOST_THREADS = 1024
MOST_PIXELS = 4096
"""The longest side of the images."""
MOST_CLASSES = 1_000_000
