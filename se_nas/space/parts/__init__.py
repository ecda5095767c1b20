"""The parts of a network: its stem, its blocks in segments and stages, its tail, and what its layers share."""
