"""The command that writes the report of a run folder again. A search also writes the report at its end."""
