"""Search where Squeeze-and-Excitation pays: `python launch/search.py --budget 200`."""

from se_nas.commands.entry_points import run_script

if __name__ == "__main__":
    run_script("search")
