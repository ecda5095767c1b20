"""Write a retrained network for ONNX and for torch alone: `python launch/export.py RUN_DIR/retrain/NAME`."""

from se_nas.commands.entry_points import run_script

if __name__ == "__main__":
    run_script("export")
