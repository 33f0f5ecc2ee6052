"""The held-out questions: written without a look at the training text, locked by their SHA-256, and kept out of the data."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .dialogue import plain, spoken, squeezed
from .paths import HELDOUT
from .prompt import User


@dataclass(frozen=True)
class Item:
    """One question: its turns (`None` is a reply that the model writes itself) and what the last reply must be like."""

    set: str
    persona: str
    kind: str
    turns: tuple[User | str | None, ...]
    any: tuple[str, ...]
    all: tuple[str, ...]
    none: tuple[str, ...]
    language: str


_KEYS = {
    "name": "name",
    "job": "job",
    "lives in": "home",
    "studies": "studies",
    "allergic to": "allergy",
    "likes": "likes",
    "dislikes": "dislikes",
    "pet": "pet",
    "hobby": "hobby",
    "birthday": "birthday",
    "note": "note",
    "이름": "name",
    "직업": "job",
    "사는 곳": "home",
    "전공": "studies",
    "알레르기": "allergy",
    "좋아하는 것": "likes",
    "싫어하는 것": "dislikes",
    "반려동물": "pet",
    "취미": "hobby",
    "생일": "birthday",
    "메모": "note",
}


def _user(raw: str | dict) -> User:
    if isinstance(raw, str):
        return User(raw)
    known = {_KEYS[key]: value for key, value in raw.get("memory", {}).items()}
    return User(raw["text"], known, raw.get("summary", []), raw.get("recall", []), raw.get("facts"))


@cache
def items() -> tuple[Item, ...]:
    """All items of all sets, after their locks have been checked."""
    return tuple(item for path in sorted(HELDOUT.glob("*.jsonl")) for item in _items(path))


def _items(path: Path) -> Iterator[Item]:
    content = path.read_bytes()
    locked = path.with_suffix(".sha256").read_text("utf-8").split()[0]
    if hashlib.sha256(content).hexdigest() != locked:
        raise ValueError(f"{path.name} differs from its lock: held-out questions are not to be changed after training text was written")
    for line in content.decode("utf-8").splitlines():
        raw = json.loads(line)
        turns = tuple(_user(turn) if place % 2 == 0 else turn for place, turn in enumerate(raw["turns"]))
        expect = raw["expect"]
        yield Item(path.stem, raw["persona"], raw["kind"], turns, *(tuple(expect.get(key, ())) for key in ("any", "all", "none")), expect["lang"])


@cache
def _samples() -> frozenset[str]:
    """The seeds' samples, exactly as they stand: near phrasings of them are trained on deliberately."""
    return frozenset(line for item in items() if item.kind == "seed" for line in _lines(item))


@cache
def _questions() -> frozenset[str]:
    """All others, squeezed. "hi" cannot be kept out of small talk, so what has two words and few letters is not among them."""
    return frozenset(squeezed(line) for item in items() if item.kind != "seed" for line in _lines(item) if len(plain(line).split()) >= 3 or _weight(squeezed(line)) >= 13)


def _lines(item: Item) -> list[str]:
    return [line for turn in item.turns if isinstance(turn, User) for line in spoken(turn.text)]


def _weight(letters: str) -> int:
    """Letters, where a syllable of Hangul is worth three."""
    return sum(3 if "가" <= letter <= "힣" else 1 for letter in letters)


def holds(text: str) -> bool:
    """Whether these words are held out, or hold a question that is: behind "hey, ", say, or before "lol"."""
    letters = squeezed(text)
    return text in _samples() or any(question in letters for question in _questions())
