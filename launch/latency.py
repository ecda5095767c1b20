"""Measure a latency table: `python launch/latency.py --space FILE --runtime onnx --out FILE`."""

from se_nas.commands.entry_points import run_script

if __name__ == "__main__":
    run_script("latency")
