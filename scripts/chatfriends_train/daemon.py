"""The daemon's program, asked to work on model files.

`CHATFRIENDS` in the environment names the program; otherwise it is looked for in PATH and among what `cargo build` made here.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .problems import Problem

CHECKOUT = Path(__file__).resolve().parents[2]


def program() -> Path:
    """Where the daemon's program lies. Raises `Problem` when it is nowhere."""
    named = os.environ.get("CHATFRIENDS")
    if named:
        if not os.access(named, os.X_OK):
            raise Problem(f"CHATFRIENDS={named} is no program; correct the path")
        return Path(named)
    found = shutil.which("chatfriends")
    if found:
        return Path(found)
    # `scripts/run` builds for the processor that it finds, in a folder of its own.
    built = CHECKOUT / "target"
    there = [
        path
        for kind in ("release", "debug", "cpu-*/release")
        for path in built.glob(f"{kind}/chatfriends")
        if path.is_file()
    ]
    if not there:
        raise Problem(
            "the program chatfriends is nowhere: build it with `cargo build --release`, or name it in the environment as CHATFRIENDS"
        )
    return max(there, key=lambda path: path.stat().st_mtime)


def model_command(*arguments: str | Path, lines: Iterable[Any] = ()) -> str:
    """Runs `chatfriends model …` with JSON lines on standard input; gives back its standard output.

    Its reason is shown as it comes; raises `Problem` when it fails.
    """
    return _command("model", *arguments, lines=lines)


def facts(
    identity: str, folder: Path, messages: Sequence[str]
) -> list[tuple[str, ...]]:
    """What the daemon shows of a persona's facts with each message. `folder` is the one that its file is in, or the user's own."""
    output = _command(
        "persona",
        "facts",
        identity,
        lines=({"text": message} for message in messages),
        settings={"CHATFRIENDS__PERSONAS__PATH": str(folder)},
    )
    return [tuple(json.loads(line)["facts"]) for line in output.splitlines()]


def _command(
    *arguments: str | Path,
    lines: Iterable[Any],
    settings: Mapping[str, str] = MappingProxyType({}),
) -> str:
    command = [program(), *arguments]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    done = subprocess.run(
        [str(part) for part in command],
        env=os.environ | settings,
        input=text,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    if done.returncode != 0:
        raise Problem(
            f"`{' '.join(str(part) for part in command)}` failed; its reason stands above"
        )
    return done.stdout
