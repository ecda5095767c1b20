"""The command that trains a detector on the trunk of a retrained network."""
