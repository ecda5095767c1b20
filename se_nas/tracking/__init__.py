"""Reports a search in the terminal and in W&B. No result depends on a tracker."""
