"""Writes one persona's dialogues as training data of `chatfriends-train`, for an adapter of the starter: `python -m starter.export PERSONA FOLDER`."""

import argparse
import itertools
import json
from pathlib import Path

from .data import Source
from .dialogue import Dialogue
from .paths import STARTER
from .prompt import User, language_of


def row(made: Dialogue, number: int) -> dict:
    """A dialogue as docs/TRAINING.md describes a line."""
    found = {"persona": made.persona, "group": f"{made.kind}-{number}", "messages": [_message(turn) for turn in made.turns], "source": {"file": "starter", "row": number}}
    return found if made.system is None else found | {"system": made.system}


def _message(turn: User | str) -> dict[str, str]:
    if isinstance(turn, str):
        return {"role": "assistant", "content": turn}
    return {"role": "user", "content": turn.text, "shown": turn.render(language_of(turn.text)).removesuffix(turn.text)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Writes a persona's dialogues as training data for an adapter of the starter.")
    parser.add_argument("persona")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=8000, help="dialogues to train on; a hundredth more stand in validation.jsonl, of the same kind")
    arguments = parser.parse_args()
    # They need torch, and the rows themselves do not.
    from . import gguf_file
    from .train import LENGTHS, encode

    arguments.folder.mkdir(parents=True, exist_ok=True)
    source = Source(seed=1)
    persona = source.personas[arguments.persona]
    _, tokenizer = gguf_file.read(STARTER)
    drawn = source.dialogues_of(persona.id)
    fitting = (one for one in drawn if len(encode(tokenizer, one.messages(persona)).tokens) <= LENGTHS[-1])
    made = (row(one, number) for number, one in enumerate(fitting, 1))
    for split, count in (("train", arguments.count), ("validation", arguments.count // 100)):
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in itertools.islice(made, count)]
        (arguments.folder / f"{split}.jsonl").write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
