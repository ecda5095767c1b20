"""Kernels that make operators faster, and the choice between these kernels and stock operators."""
