"""The search: proposes networks, prunes trials, and records everything. Uses optuna, numpy and moocore, not torch."""
