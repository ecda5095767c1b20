"""The command that trains the front of a search again on fresh seeds."""
