"""Tells of a search: in the terminal, in W&B. A tracker only tells; nothing depends on it."""
