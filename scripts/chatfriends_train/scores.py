"""What the daemon's engine thinks of texts, and which tokens it sees in them: what it measures is what people will get."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import daemon
from .template import Message


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
        output = daemon.model_command(
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
    output = daemon.model_command(
        "tokenize", model, lines=({"text": text} for text in texts)
    )
    answers = (json.loads(line) for line in output.splitlines())
    return [
        Tokens(tuple(answer["plain"]), tuple(answer["special"])) for answer in answers
    ]


def prompts(
    model: Path,
    conversations: Sequence[Sequence[Message]],
    template: str | None = None,
) -> list[tuple[int, ...]]:
    """The tokens of conversations under the named template or the model's own, up to where the reply begins."""
    output = daemon.model_command(
        "tokenize",
        model,
        *(["--template", template] if template else []),
        lines=(
            {"messages": [asdict(one) for one in messages]}
            for messages in conversations
        ),
    )
    return [tuple(json.loads(line)["tokens"]) for line in output.splitlines()]
