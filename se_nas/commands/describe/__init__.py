"""The command that shows a network."""
