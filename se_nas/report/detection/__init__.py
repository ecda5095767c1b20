"""The page on trained detectors."""
