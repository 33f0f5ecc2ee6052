"""The starter's own dialogues between yours: what it is not shown any more, so small a model forgets within minutes."""

from itertools import islice

from starter.data import Source as Corpus

from .dialogue import Dialogue, Source, Turn
from .rows import Encoder, Row
from .template import Message


def rows(encoder: Encoder, count: int, longest: int, seed: int) -> list[Row]:
    """That many dialogues as they were trained on, with what the daemon shows beside the words; none above `longest` tokens."""
    corpus = Corpus(seed)
    found: list[Row] = []
    for number, made in enumerate(corpus.dialogues(), 1):
        if len(found) >= count:
            break
        above, *said = (
            Message(role, content)
            for role, content in made.messages(corpus.personas[made.persona])
        )
        turns = tuple(Turn(one.role, one.content) for one in said)
        name = Source("the starter's own dialogues", number)
        own = Dialogue(made.persona, f"rehearsal-{number}", turns, name)
        found += [
            row
            for row in encoder.laid_out(own, [above], said)
            if len(row.tokens) <= longest
        ]
    return list(islice(found, count))
