"""Strategies: which network is tried next."""
