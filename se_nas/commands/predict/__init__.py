"""The command that prints what image files show."""
