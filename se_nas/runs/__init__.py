"""The run folder: its files, its settings and its lock."""
