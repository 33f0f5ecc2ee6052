"""Stages of a chain that are skipped when they need not be run again: their inputs are the same and their output is whole.

Nothing is lost on the way: what a stage has not made it leaves alone, what was changed by hand counts as it is, and what other inputs
or settings have made is put aside until the new output is whole.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import sha256, write_whole
from .problems import Problem


@dataclass(slots=True)
class Stamps:
    """The stamp files of a chain, one a stage, in a folder. They name inputs by what they are for, so that the work can be moved."""

    folder: Path
    _hashes: dict[str, list[Any]] = field(init=False, default_factory=dict)
    """SHA-256 of files read so far, with size and time of change: large files are read once."""

    def __post_init__(self) -> None:
        self._former.mkdir(parents=True, exist_ok=True)
        self._hashes = _read(self.folder / "hashes.json") or {}

    @property
    def _former(self) -> Path:
        """Where outputs lie that others are to take the place of, with their stamps."""
        return self.folder / "former"

    def stage(
        self,
        name: str,
        inputs: Mapping[str, Path],
        settings: Any,
        output: Path,
        work: Callable[[], object],
    ) -> None:
        """Does the work unless its stamp says that it is done. `inputs` are named by what they are for.

        What a stopped run of the same inputs and settings has left stays, for the work to go on from. Raises `Problem` where the
        output is none of this chain's, or was changed by hand and would have to be made anew.
        """
        path = self.folder / f"{name}.json"
        needed = {
            "inputs": {role: self.fingerprint(one) for role, one in inputs.items()},
            "settings": json.loads(json.dumps(settings, default=str)),
        }
        if "made" in (_read(path) or {}) and output.exists():
            # A run that was killed after its last stamp has left there what the output took the place of.
            self._remove(self._former / output.name)
        self._bring_back(path, needed, output)
        stamp, there = _read(path), self.fingerprint(output)
        if there and stamp is None:
            raise Problem(
                f"{output} is there, and `make` has not made it; move it away, or name another --out"
            )
        if there and stamp["needed"] == needed and "made" in stamp:
            told = (
                f"{name} is done already"
                if there == stamp["made"]
                else f"{output} was changed by hand and is taken as it is; remove it to have it made anew"
            )
            print(f"make: {told}", file=sys.stderr)
            return
        if there and stamp["needed"] != needed:
            if stamp.get("made", there) != there:
                raise Problem(
                    f"{output} was changed by hand, and since then what it is made from has changed, too; move it away to have it made "
                    "anew, or take back what you changed last"
                )
            self._put_aside(path, stamp, output)
        print(f"make: {name}", file=sys.stderr)
        _write(path, {"needed": needed})
        work()
        _write(path, {"needed": needed, "made": self.fingerprint(output)})
        self._remove(self._former / output.name)

    def _put_aside(self, path: Path, stamp: dict[str, Any], output: Path) -> None:
        """Makes way for another output. What lies aside already was whole, and what took its place is not: that goes."""
        former = self._former / output.name
        if former.exists():
            self._remove(output)
            return
        _write(self._former / path.name, stamp)
        output.rename(former)

    def _bring_back(self, path: Path, needed: dict[str, Any], output: Path) -> None:
        """Takes up again what was put aside, where it is what is wanted now."""
        former, stamp = self._former / output.name, _read(self._former / path.name)
        if former.exists() and stamp and stamp["needed"] == needed:
            self._remove(output)
            # Before the output: a run that is killed in between does the same again.
            _write(path, stamp)
            former.rename(output)

    def _remove(self, path: Path) -> None:
        """At once, by another name: half of a folder, which a killed run leaves, would be taken for one that was changed by hand."""
        going = self.folder / "going"
        if going.exists():
            _delete(going)
        if path.exists():
            path.rename(going)
            _delete(going)

    def fingerprint(self, path: Path) -> str:
        """SHA-256 of a file, or of all files of a folder with their names; "" where nothing is."""
        if path.is_file():
            return self._hash(path)
        digest = hashlib.sha256()
        files = sorted(one for one in path.rglob("*") if one.is_file())
        for one in files:
            digest.update(f"{one.relative_to(path)}\0{self._hash(one)}\n".encode())
        return digest.hexdigest() if files else ""

    def _hash(self, path: Path) -> str:
        about = path.stat()
        size_and_time = [about.st_size, about.st_mtime_ns]
        key = str(path.resolve())
        known = self._hashes.get(key)
        if known and known[:2] == size_and_time:
            return known[2]
        found = sha256(path)
        self._hashes[key] = [*size_and_time, found]
        _write(self.folder / "hashes.json", self._hashes)
        return found


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _read(path: Path) -> Any:
    """What a stamp says; nothing where there is none, or half of one."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _write(path: Path, value: Any) -> None:
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=1))
