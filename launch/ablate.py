"""What is SE worth in a network, and where? `python launch/ablate.py RUN_DIR:knee --seeds 5`."""

from se_nas.commands.entry_points import run_script

if __name__ == "__main__":
    run_script("ablate")
