"""The daemon's program, asked to work on model files.

`CHATFRIENDS` in the environment names the program; otherwise it is looked for in PATH and among what `cargo build` made here.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
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
    built = [
        CHECKOUT / "target" / kind / "chatfriends" for kind in ("release", "debug")
    ]
    there = [path for path in built if path.is_file()]
    if not there:
        raise Problem(
            "the program chatfriends is nowhere: build it with `cargo build --release`, or name it in the environment as CHATFRIENDS"
        )
    return max(there, key=lambda path: path.stat().st_mtime)


def model_command(*arguments: str | Path, lines: Iterable[Any] = ()) -> str:
    """Runs `chatfriends model …` with JSON lines on standard input; gives back its standard output.

    Its reason is shown as it comes; raises `Problem` when it fails.
    """
    command = [program(), "model", *arguments]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    done = subprocess.run(
        [str(part) for part in command],
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
