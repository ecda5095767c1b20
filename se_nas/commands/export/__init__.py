"""The command that writes a retrained network for use without se-nas."""
