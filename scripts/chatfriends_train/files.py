"""Files and folders that a step writes: whole or not at all, and never over what is somebody else's."""

import os
from pathlib import Path

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
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).exists():
        raise Problem(
            f"{folder} is there and holds something else; name another --out, or a folder that is not there yet"
        )


def cache() -> Path:
    """Where fetched things lie: `$XDG_CACHE_HOME/chatfriends-train`, or the same in `~/.cache`."""
    above = os.environ.get("XDG_CACHE_HOME")
    return (Path(above) if above else Path.home() / ".cache") / "chatfriends-train"
