"""How sure is a search's front? Train it again on fresh seeds: `python launch/confirm.py RUN_DIR --seeds 3`."""

from se_nas.commands.entry_points import run_script

if __name__ == "__main__":
    run_script("confirm")
