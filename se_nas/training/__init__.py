"""Trains a network on images and measures its accuracy. Uses torch."""
