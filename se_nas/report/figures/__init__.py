"""The figures of the page and for papers."""
