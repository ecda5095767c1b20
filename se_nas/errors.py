"""Errors whose message is meant for the person at the terminal."""


class InputError(ValueError):
    """What the user gave cannot be used; the message is one line that says what would be right.

    The launch scripts print the line and leave with exit code 2, without a traceback.
    """


class RunFailedError(RuntimeError):
    """A run could not produce its result; the launch scripts print the line and leave with exit code 3."""


class WriteError(RunFailedError):
    """A file of a run could not be written: the disk is full, or closed to us."""
