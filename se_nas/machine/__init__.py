"""The limits of this machine: memory, processors, shared memory."""
