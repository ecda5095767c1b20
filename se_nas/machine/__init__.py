"""What this machine allows: memory, processors, shared memory."""
