"""Images: their sources, and how they are read, held in memory and augmented."""
