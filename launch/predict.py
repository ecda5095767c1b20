"""Predict what image files show: `python launch/predict.py RUN_DIR/retrain/NAME IMAGE ...`."""

from se_nas.commands.entry_points import run_script

if __name__ == "__main__":
    run_script("predict")
