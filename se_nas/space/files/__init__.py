"""Files of search spaces and of single networks: one file for each part of their keys."""
