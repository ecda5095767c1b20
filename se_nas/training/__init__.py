"""Trains a network on images and says how accurate it is."""
