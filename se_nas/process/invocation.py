"""The line by which a user calls a command: its launch script in a checkout, or the installed `se-nas`."""

import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "launch"
CONSOLE = "se-nas"


def invocation(command: str) -> str:
    """The start of the line that calls a command, e.g. `python launch/search.py` or `se-nas search`."""
    if Path(sys.argv[0]).name == CONSOLE or not (SCRIPTS / f"{command}.py").is_file():
        return f"{CONSOLE} {command}"
    return f"python launch/{command}.py"
