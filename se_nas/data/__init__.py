"""Images: where they come from, how they are read, held and changed."""
