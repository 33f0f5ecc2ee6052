"""The starter's own dialogues between yours: what it is not shown any more, so small a model forgets within minutes."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from starter.data import Source as Corpus

from .dialogue import Dialogue, Source, Turn
from .rows import Encoder, Row
from .template import Message


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One dialogue as the starter was trained on it, with what the daemon shows beside the words."""

    dialogue: Dialogue
    above: list[Message]
    said: list[Message]


def rows(encoder: Encoder, count: int, longest: int, seed: int) -> list[Row]:
    """That many rows, none above `longest` tokens."""
    fitting = (
        row
        for one in _dialogues(seed)
        for row in encoder.laid_out(one.dialogue, one.above, one.said)
        if len(row.tokens) <= longest
    )
    return list(islice(fitting, count))


def fingerprint(count: int, seed: int) -> str:
    """SHA-256 of the first dialogues: changes with the starter's corpus."""
    drawn = [(one.above, one.said) for one in islice(_dialogues(seed), count)]
    return hashlib.sha256(repr(drawn).encode()).hexdigest()


def _dialogues(seed: int) -> Iterator[Rehearsed]:
    """Without end; the same seed makes the same ones."""
    corpus = Corpus(seed)
    for number, made in enumerate(corpus.dialogues(), 1):
        above, *said = (
            Message(role, content)
            for role, content in made.messages(corpus.personas[made.persona])
        )
        turns = tuple(Turn(one.role, one.content) for one in said)
        name = Source("the starter's own dialogues", number)
        own = Dialogue(made.persona, f"rehearsal-{number}", turns, name)
        yield Rehearsed(own, [above], said)
