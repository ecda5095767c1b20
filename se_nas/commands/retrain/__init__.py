"""The command that retrains the networks of a search in full."""
