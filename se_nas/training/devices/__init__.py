"""The device that trains, the number of trainings that share it, and the measurement of time on it."""
