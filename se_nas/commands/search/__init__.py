"""The command that searches."""
