"""Folders of image files: their layout, their files and what is wrong with them."""
