"""Figures of a search, and the page that shows them."""
