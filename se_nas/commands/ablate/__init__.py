"""The command that measures what SE is worth in a network."""
