"""Trains a supernet, and reads the accuracy of each placement of SE from it."""
