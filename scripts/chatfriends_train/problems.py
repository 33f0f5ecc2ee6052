"""What the user of a step can mend, said so that they can."""

from dataclasses import dataclass
from pathlib import Path


class Problem(Exception):
    """Ends a step. The message names the thing and the remedy; no traceback is shown."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out, and why. Rows are never left out without one."""

    file: str
    """The file, as it was given."""
    row: int
    """Line or row in it, from 1."""
    reason: str
    """What is wrong, and what would be right."""

    def __str__(self) -> str:
        return f"{self.file}:{self.row}: {self.reason}"


def readable(path: Path, what: str) -> Path:
    """The path, if something is there to be read."""
    if not path.exists():
        raise Problem(f"{what} {path} is not there; check the path")
    if path.is_file() and path.stat().st_size == 0:
        raise Problem(f"{what} {path} is empty")
    return path
