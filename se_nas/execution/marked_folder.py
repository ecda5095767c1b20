"""MarkedFolder: the folder that trainings write into, with a mark by which other machines recognise it."""

import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from se_nas.files import write_atomically

MARK = ".machines"
"""The name of the file with the mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedFolder:
    """A folder whose file `MARK` has the content `token`."""

    path: Path
    token: str

    @classmethod
    def of(cls, path: Path) -> "MarkedFolder":
        """Write a new mark into the folder. WriteError if it cannot be written."""
        token = secrets.token_hex(8)
        write_atomically(path / MARK, token)
        return cls(path=path, token=token)

    def problem_here(self) -> str | None:
        """One line that says why this machine cannot write into the folder; None if it can."""
        try:
            if (self.path / MARK).read_text() != self.token:
                return f"the run folder {self.path} is another folder there"
            with tempfile.TemporaryFile(dir=self.path) as file:
                file.write(b"\0")
        except (FileNotFoundError, NotADirectoryError):
            return f"the run folder {self.path} is not there"
        except (OSError, ValueError) as error:  # ValueError: the file at this path has no text
            reason = error.strerror if isinstance(error, OSError) else "its mark is damaged"
            return f"the run folder {self.path} cannot be read and written there ({reason})"
        return None
