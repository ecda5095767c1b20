"""The command that writes the report of a run folder, which a search writes at its end too."""
