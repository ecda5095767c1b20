"""The exit codes of a command. `docs/files.md` explains them to users."""

BAD_INPUT = 2
"""The flags, a file or a setting is wrong; one line says what would be right."""
FAILED = 3
"""The run itself failed."""
UNREAD = 141
"""Nobody reads the output. A shell gives this code to a command that SIGPIPE ends."""


def of_signal(number: int) -> int:
    """The code that shells give to a command that a signal has ended: 130 if interrupted, 143 if terminated."""
    return 128 + number
