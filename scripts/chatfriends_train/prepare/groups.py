"""What no split may tear apart: groups of near-duplicates and paraphrases, and exact duplicates.

Texts that share enough of their character trigrams are found by MinHash (Broder 1997) with banding, in time that
grows with the number of texts: a text is compared with a few of each bucket it falls into, never with all.
"""

import re
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from zlib import crc32

from ..dialogue import Dialogue

ALIKE = 0.7
"""Two texts are near-duplicates from this share (Jaccard) of common trigrams on."""
BANDS, ROWS = 8, 3
"""A pair of likeness s meets in a bucket with probability 1 - (1 - s^3)^8: 96 % at 0.7, 99.9 % at 0.85."""
COMPARED = 6
"""How many of a bucket a text is compared with: the bound that keeps one crowded bucket from costing a square."""
SHORT = 12
"""Texts with fewer letters say too little for their likeness, or for equal answers, to mean anything."""

_random = Random(1)
_FACTORS = [_random.getrandbits(32) | 1 for _ in range(BANDS * ROWS)]
_MASK = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A dialogue that was dropped since another says word for word the same."""

    dropped: Dialogue
    kept: Dialogue


def without_duplicates(
    dialogues: Iterable[Dialogue],
) -> tuple[list[Dialogue], list[Duplicate]]:
    """The first of each, and the others. What the person is called makes no difference."""
    first: dict[tuple[str, ...], Dialogue] = {}
    dropped: list[Duplicate] = []
    for dialogue in dialogues:
        words = tuple(turn.content for turn in dialogue.turns)
        key = (dialogue.system or "", *words)
        if key in first:
            dropped.append(Duplicate(dialogue, first[key]))
        else:
            first[key] = dialogue
    return list(first.values()), dropped


def grouped(
    dialogues: Sequence[Dialogue], step: Callable[[str], None] = lambda _: None
) -> list[Dialogue]:
    """The dialogues with their final groups.

    One group are: what came with one (a scene, a conversation); whole dialogues that are nearly the same; single
    questions that are nearly the same and hold the same numbers; single questions with one and the same answer.
    A group has the name of its first member's.
    """
    union = _Union()
    for dialogue in dialogues:
        union.find(dialogue.group)
    names = [dialogue.group for dialogue in dialogues]
    wholes = [plain(" ".join(turn.content for turn in one.turns)) for one in dialogues]
    _join_alike(
        names,
        wholes,
        union,
        lambda index: len(wholes[index]) >= SHORT,
        lambda done: step(f"looked for near-duplicates of {done} dialogues"),
    )
    questions = [plain(one.turns[0].content) for one in dialogues]
    # "Where is building 1?" and "Where is building 2?" look alike and ask for different things.
    numbers = [" ".join(re.findall(r"\d+", one.turns[0].content)) for one in dialogues]
    single = [len(one.turns) == 2 and one.turns[0].name is None for one in dialogues]
    _join_alike(
        names,
        questions,
        union,
        lambda index: single[index],
        lambda done: step(f"looked for paraphrases of {done} questions"),
        numbers,
    )
    answers: dict[str, str] = {}
    for index, dialogue in enumerate(dialogues):
        answer = plain(dialogue.turns[-1].content)
        if single[index] and len(answer) >= SHORT:
            union.join(answers.setdefault(answer, names[index]), names[index])
    return [one.with_group(union.find(one.group)) for one in dialogues]


def plain(text: str) -> str:
    """Letters and digits only, in lower case and one width."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text)).casefold()  # fmt: skip
    return "".join(character for character in folded if character.isalnum())


def _join_alike(
    names: Sequence[str],
    texts: Sequence[str],
    union: "_Union",
    counts: Callable[[int], bool],
    step: Callable[[int], None],
    same: Sequence[str] | None = None,
) -> None:
    """Joins the groups of texts that are alike; `same` must be equal for both, where it is given."""
    buckets: dict[tuple[int, str], list[int]] = defaultdict(list)
    shingles: dict[int, array[int]] = {}
    first: dict[tuple[str, str], int] = {}
    for index, text in enumerate(texts):
        if index and index % 20_000 == 0:
            step(index)
        if not text or not counts(index):
            continue
        # The same text again needs no search.
        key = (text, same[index] if same else "")
        if key in first:
            union.join(names[first[key]], names[index])
            continue
        first[key] = index
        mine = _shingles(text)
        shingles[index] = array("I", mine)
        # Only texts that can be joined share a bucket: others would crowd them out of it.
        for bucket in ((least, key[1]) for least in _buckets(mine)):
            for other in buckets[bucket]:
                if union.find(names[other]) == union.find(names[index]):
                    continue
                if _jaccard(mine, set(shingles[other])) >= ALIKE:
                    union.join(names[other], names[index])
            # The newest take the place of the oldest, so that a crowd of unlike texts hides none for ever.
            buckets[bucket] = [*buckets[bucket][1 - COMPARED :], index]


def _shingles(text: str) -> set[int]:
    data = f"^{text}$".encode("utf-32-le")
    return {crc32(data[at : at + 12]) for at in range(0, len(data) - 8, 4)}


def _buckets(shingles: set[int]) -> list[int]:
    least = [min([value * factor & _MASK for value in shingles]) for factor in _FACTORS]
    return [hash((band, *least[band * ROWS : (band + 1) * ROWS])) for band in range(BANDS)]  # fmt: skip


def _jaccard(one: set[int], other: set[int]) -> float:
    # Sets of very different size cannot be alike, and counting their common part costs the most.
    if min(len(one), len(other)) < ALIKE * max(len(one), len(other)):
        return 0.0
    common = len(one & other)
    return common / (len(one) + len(other) - common)


class _Union:
    """Sets of group names that grow together; each is called by the name that came first."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._order: dict[str, int] = {}

    def find(self, name: str) -> str:
        self._order.setdefault(name, len(self._order))
        root = self._parent.setdefault(name, name)
        while root != self._parent[root]:
            self._parent[root] = self._parent[self._parent[root]]
            root = self._parent[root]
        return root

    def join(self, one: str, other: str) -> None:
        first, second = sorted(
            (self.find(one), self.find(other)), key=self._order.__getitem__
        )
        self._parent[second] = first
