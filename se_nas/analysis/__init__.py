"""What the trials of a search and further trainings show, with their uncertainty."""
