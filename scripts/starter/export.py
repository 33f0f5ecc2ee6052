"""Writes one persona's dialogues as training data of `chatfriends-train`, for an adapter of the starter: `python -m starter.export PERSONA FOLDER`.

Only what is said: memory and summaries are the daemon's, and the base has learnt to read them.
"""

import argparse
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from .data import Source
from .dialogue import Dialogue
from .prompt import User


def rows(source: Source, persona: str) -> Iterator[dict]:
    """Dialogues without notes, as docs/TRAINING.md describes a line. A persona with facts has none: its words are what stands in these."""
    if source.personas[persona].facts:
        raise ValueError(f"{persona} answers from facts, which such rows do not hold")
    for number in itertools.count(1):
        made = source.piece(persona)
        if made and not any(user.memory or user.summary or user.recall for user in made.users()):
            yield {"persona": persona, "group": f"{made.kind}-{number}", "messages": _messages(made), "source": {"file": "starter", "row": number}}


def _messages(made: Dialogue) -> list[dict[str, str]]:
    return [{"role": "user", "content": turn.text} if isinstance(turn, User) else {"role": "assistant", "content": turn} for turn in made.turns]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Writes a persona's dialogues as training data for an adapter of the starter.")
    parser.add_argument("persona")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=6000, help="dialogues to train on; a fiftieth more stand in validation.jsonl, of the same kind")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    made = rows(Source(seed=1), arguments.persona)
    for split, count in (("train", arguments.count), ("validation", arguments.count // 50)):
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in itertools.islice(made, count)]
        (arguments.folder / f"{split}.jsonl").write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
