"""Executors: they run trials in this process or on Ray's workers."""
