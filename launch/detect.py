"""Train a detector on a retrained network: `python launch/detect.py RUN_DIR/retrain/TRAINED --data coco:PATH`."""

from se_nas.commands.entry_points import run_script

if __name__ == "__main__":
    run_script("detect")
