"""The command that trains a supernet and reads placements of SE from it."""
