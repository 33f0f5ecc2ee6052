"""Stages of a chain that are skipped when they need not be run again: their inputs are the same and their outputs are whole."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Stamps:
    """The stamp files of a chain, one a stage, in a folder."""

    folder: Path
    _hashes: dict[str, list[Any]] = field(init=False, default_factory=dict)
    """SHA-256 of files read so far, with size and time of change: large files are read once."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._hashes = _read(self.folder / "hashes.json") or {}

    def stage(
        self,
        name: str,
        inputs: Sequence[Path],
        settings: Any,
        outputs: Sequence[Path],
        work: Callable[[], object],
    ) -> None:
        """Does the work unless its stamp says that it is done.

        What other inputs or settings have left is removed first; what a stopped run of the same ones has left stays, for the
        work to go on from.
        """
        path = self.folder / f"{name}.json"
        needed = {
            "inputs": {str(one): self.fingerprint(one) for one in inputs},
            "settings": json.loads(json.dumps(settings, default=str)),
        }
        stamp = _read(path) or {}
        same = stamp.get("needed") == needed
        if same and stamp.get("made") == self._made(outputs):
            print(f"make: {name} is done already", file=sys.stderr)
            return
        if not same or stamp.get("made"):
            # Outputs of something else, or changed by hand since.
            for output in outputs:
                _remove(output)
        print(f"make: {name}", file=sys.stderr)
        _write(path, {"needed": needed})
        work()
        _write(path, {"needed": needed, "made": self._made(outputs)})

    def fingerprint(self, path: Path) -> str:
        """SHA-256 of a file, or of all files of a folder with their names; "" where nothing is."""
        if path.is_file():
            return self._hash(path)
        digest = hashlib.sha256()
        files = sorted(one for one in path.rglob("*") if one.is_file())
        for one in files:
            digest.update(f"{one.relative_to(path)}\0{self._hash(one)}\n".encode())
        return digest.hexdigest() if files else ""

    def _made(self, outputs: Sequence[Path]) -> dict[str, str]:
        return {str(one): self.fingerprint(one) for one in outputs}

    def _hash(self, path: Path) -> str:
        about = path.stat()
        size_and_time = [about.st_size, about.st_mtime_ns]
        known = self._hashes.get(str(path))
        if known and known[:2] == size_and_time:
            return known[2]
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        self._hashes[str(path)] = [*size_and_time, found]
        _write(self.folder / "hashes.json", self._hashes)
        return found


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _read(path: Path) -> Any:
    """What a stamp says; nothing where there is none, or half of one."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _write(path: Path, value: Any) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(
        json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    partial.replace(path)
