"""Runs trials somewhere: in this process, or on Ray's workers."""
