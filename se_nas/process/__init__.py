"""How a command lives as a process: flags, streams, signals, exit codes, last words."""
