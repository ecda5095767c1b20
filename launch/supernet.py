"""Which placement of SE looks best in one shared network? `python launch/supernet.py RUN_DIR:knee`."""

from se_nas.commands.entry_points import run_script

if __name__ == "__main__":
    run_script("supernet")
