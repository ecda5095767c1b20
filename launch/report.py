"""Write the report of a run folder again: `python launch/report.py RUN_DIR`."""

from se_nas.commands.entry_points import run_script

if __name__ == "__main__":
    run_script("report")
