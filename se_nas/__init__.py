"""se-nas: neural architecture search over where Squeeze-and-Excitation goes in a network."""

__version__ = "0.1.0"
