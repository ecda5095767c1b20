"""Strategies: they choose the network that is tried next."""
