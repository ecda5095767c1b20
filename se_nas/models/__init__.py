"""Builds the network of an architecture and counts its cost. Uses torch and fvcore."""
