"""Supernets in a run folder: trained, read, and used by commands."""
