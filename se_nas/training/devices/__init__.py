"""What device trains, how many trainings share it, and how time is measured on it."""
