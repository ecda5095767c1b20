"""Batches of images for a training: on the device or streamed, augmented."""
