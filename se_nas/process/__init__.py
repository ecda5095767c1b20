"""A command as a process: flags, streams, signals, exit codes, last words."""
