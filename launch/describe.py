"""Show a network and its cost: `python launch/describe.py RUN_DIR:knee`."""

from se_nas.commands.entry_points import run_script

if __name__ == "__main__":
    run_script("describe")
