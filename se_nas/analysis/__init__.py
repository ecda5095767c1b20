"""Statistics of a search's trials and of further trainings, with their uncertainty."""
