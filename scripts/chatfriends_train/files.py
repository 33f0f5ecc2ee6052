"""Files and folders that a step writes (whole or not at all, and never over what is somebody else's), and reading small ones."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from .problems import Problem


def write_whole(path: Path, text: str) -> None:
    """Writes a file beside its name and renames it when it is whole."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def give_name(partial: Path, folder: Path) -> None:
    """Gives a whole folder its name. Where another process was quicker with the same, that one's stays."""
    try:
        partial.replace(folder)
    except OSError:
        if not folder.is_dir():
            raise


def refuse_foreign(folder: Path, mark: str) -> None:
    """Raises `Problem` where the folder holds something, but not `mark`, by which a step knows what is its own."""
    if folder.is_file():
        raise Problem(f"{folder} is a file where a folder belongs; name another --out")
    if folder.is_dir() and not is_empty(folder) and not (folder / mark).exists():
        raise Problem(
            f"{folder} is there and holds something else; name another --out, or a folder that is not there yet"
        )


def is_empty(path: Path) -> bool:
    """Whether it is a folder that holds nothing."""
    return path.is_dir() and not any(path.iterdir())


def read_object(path: Path) -> dict[str, Any]:
    """The object that a file of JSON holds. Raises `Problem` where it holds something else."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise Problem(f"{path} is no JSON ({error}); copy it again") from error
    if not isinstance(found, dict):
        raise Problem(f"{path} holds no object {{…}} of JSON; copy it again")
    return found


def sha256(path: Path) -> str:
    """Of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache() -> Path:
    """Where fetched things lie: `$XDG_CACHE_HOME/chatfriends-train`, or the same in `~/.cache`."""
    above = os.environ.get("XDG_CACHE_HOME")
    return (Path(above) if above else Path.home() / ".cache") / "chatfriends-train"
