"""The command that measures a latency table."""
