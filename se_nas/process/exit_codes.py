"""The exit codes of a command. `docs/files.md` explains them to users."""

BAD_INPUT = 2
"""The flags, a file or a setting is wrong; one line says what would be right."""
FAILED = 3
"""The run itself failed."""
UNREAD = 141
"""Nobody reads the output, as for a command of the shell that SIGPIPE ends."""


def of_signal(number: int) -> int:
    """The code of a command that a signal has ended, as shells count it: 130 interrupted, 143 terminated."""
    return 128 + number
