"""Talk of several people, line by line, and the dialogues that one of them has with the others.

Transcripts and exports of chats are read into `Line`s elsewhere; what becomes of them is decided here alone.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..dialogue import Dialogue, Turn
from ..problems import BadRow, Problem
from .report import listed, tokens
from .shapes import Place

# What chat programs write between people's words, also where somebody has copied a chat into a text file.
DAY = re.compile(r"[-–—=]{3,}.{0,60}\d.{0,60}[-–—=]{3,}")
NOTICE = re.compile(
    r".{1,40}님(?:이|께서) (?:.{1,200}님을 )?(?:들어왔습니다|나갔습니다|초대했습니다|내보냈습니다)\.?.{0,60}"
    r"|.{1,40} (?:joined|has joined|left|has left|invited .{1,200} to) (?:the|this) (?:chat ?room|chat|group)\.?"
)


@dataclass(frozen=True, slots=True)
class Line:
    """What one speaker says at once."""

    scene: int
    """Lines of different scenes or conversations never answer each other."""
    row: int
    speaker: str
    """Nothing where no one person says it."""
    words: str
    fault: str = ""
    """Why the line cannot be learnt from; such a line ends a dialogue, since what follows answers it."""


def speakers(lines: Iterable[Line]) -> Counter[str]:
    """Who speaks, and how often."""
    return Counter(line.speaker for line in lines if line.speaker)


def dialogues(
    place: Place, lines: Sequence[Line], speaker: str, longest: int
) -> Iterator[Dialogue | BadRow]:
    """As long as one other and `speaker` take turns, it is one dialogue; when somebody else speaks, the next begins.

    A dialogue of more than `longest` tokens (estimated) goes on as another of the same group. Every line that is in no
    dialogue is given with its reason. Raises `Problem` where that speaker says nothing.
    """
    persona = speaker.casefold()
    found = speakers(lines)
    if persona not in map(str.casefold, found):
        raise Problem(
            f"{place.file}: {speaker!r} says nothing in it; speakers found: {listed(found)}; "
            "name the persona's with --speaker NAME, lines look like `Name: words`"
        )
    turns: list[Turn] = []
    rows: list[int] = []
    scene = -1

    def ended() -> Iterator[Dialogue | BadRow]:
        if turns and turns[-1].role == "user":
            name = turns[-1].name
            yield replace(place, row=rows[-1]).bad(f"{name} says this, and {speaker} does not answer")  # fmt: skip
            del turns[-1], rows[-1]
        if turns:
            yield replace(place, row=rows[0]).dialogue(turns, f"scene-{scene}")
        turns.clear()
        rows.clear()

    for line in lines:
        here = replace(place, row=line.row)
        is_persona = line.speaker.casefold() == persona
        if line.scene != scene or line.fault:
            yield from ended()
            scene = line.scene
        if line.fault:
            yield here.bad(line.fault)
        elif is_persona and not turns:
            yield here.bad(f"one-sided: nobody speaks to {line.speaker} before this line of the scene")  # fmt: skip
        else:
            turn = Turn("assistant", line.words) if is_persona else Turn("user", line.words, line.speaker)  # fmt: skip
            if not is_persona and turns:
                is_answered = turns[-1].role == "assistant"
                before = turns[-2 if is_answered else -1].name
                is_long = sum(tokens(one.content) for one in turns) > longest
                if before != line.speaker or (is_answered and is_long):
                    yield from ended()
            if turns and turns[-1].role == turn.role:
                turns[-1] = replace(turn, content=f"{turns[-1].content}\n{turn.content}")  # fmt: skip
            else:
                turns.append(turn)
                rows.append(line.row)
    yield from ended()
