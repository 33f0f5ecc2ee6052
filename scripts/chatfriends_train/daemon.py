"""The daemon's program, asked to work on model files: what it measures is what people will get.

`CHATFRIENDS` in the environment names the program; otherwise it is looked for in PATH and among what `cargo build` made here.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True)
class Passage:
    """Tokens to be scored."""

    tokens: tuple[int, ...]
    rows: tuple[int, ...] = ()
    """Ascending places after which the whole distribution of the next token is wanted."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model thinks of passages. All are natural logarithms of probabilities."""

    tokens: tuple[NDArray[np.float64], ...]
    """A passage's tokens after those before them, from its second on: one number fewer than tokens."""
    rows: NDArray[np.float32]
    """Whole distributions, in the order in which they were asked for: wanted places × vocabulary."""


def score(
    model: Path, passages: Sequence[Passage], adapter: Path | None = None
) -> Scores:
    """How likely the engine finds passages."""
    wanted = sum(len(passage.rows) for passage in passages)
    with tempfile.TemporaryDirectory(prefix="chatfriends-") as folder:
        file = Path(folder) / "rows"
        arguments: list[str | Path] = ["score", model, "--rows", file]
        if adapter is not None:
            arguments += ["--adapter", adapter]
        output = model_command(
            *arguments,
            lines=(
                {"tokens": passage.tokens, "rows": passage.rows} for passage in passages
            ),
        )
        rows = np.fromfile(file, dtype="<f4")
    lines = [json.loads(line)["log_probabilities"][1:] for line in output.splitlines()]
    return Scores(
        tuple(np.array(line, dtype=np.float64) for line in lines),
        rows.reshape(wanted, -1) if wanted else rows.reshape(0, 0),
    )


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's tokens."""

    plain: tuple[int, ...]
    """As somebody's words: special tokens in them are text."""
    special: tuple[int, ...]
    """As a template's words: special tokens count, and the one that begins every text is there if the model wants it."""


def tokenize(model: Path, texts: Sequence[str]) -> list[Tokens]:
    """The tokens that the daemon sees in texts."""
    output = model_command("tokenize", model, lines=({"text": text} for text in texts))
    answers = (json.loads(line) for line in output.splitlines())
    return [
        Tokens(tuple(answer["plain"]), tuple(answer["special"])) for answer in answers
    ]


def prompts(
    model: Path, conversations: Sequence[Sequence[dict[str, str]]]
) -> list[tuple[int, ...]]:
    """The tokens of conversations under the model's own template, up to where the reply begins."""
    output = model_command(
        "tokenize",
        model,
        lines=({"messages": list(messages)} for messages in conversations),
    )
    return [tuple(json.loads(line)["tokens"]) for line in output.splitlines()]
