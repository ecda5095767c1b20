"""Builds what the space describes, and counts what it costs. torch and fvcore."""
