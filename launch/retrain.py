"""Retrain the winner of a search: `python launch/retrain.py RUN_DIR --pick knee`."""

from se_nas.commands.entry_points import run_script

if __name__ == "__main__":
    run_script("retrain")
