"""Architectures, and the design spaces from which a search draws them. Plain Python, without torch."""
