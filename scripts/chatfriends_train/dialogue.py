"""The one form of training data: dialogues, one a line of a JSONL file. docs/TRAINING.md describes the file.

A dialogue belongs to one persona; its turns alternate, the person begins and the persona ends.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from .problems import Problem

Role = Literal["user", "assistant"]
# JSON can say half of a pair that makes one character in UTF-16; no file can hold it.
HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says."""

    role: Role
    content: str
    name: str | None = None
    """Who the person is, where several people speak."""
    shown: str | None = None
    """What the daemon shows before a person's words, as docs/PROMPT.md has it: memory, a summary, facts. None: the facts of the persona's
    file, where it has some."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a dialogue comes from."""

    file: str
    row: int
    """Line or row of its beginning, from 1."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One conversation with a persona."""

    persona: str
    """The persona's id."""
    group: str
    """What must not be torn apart by a split: a scene, the paraphrases of one question, a conversation."""
    turns: tuple[Turn, ...]
    source: Source
    system: str | None = None
    """What stands above the conversation, where the data bring it along; otherwise the persona's own text."""

    def __post_init__(self) -> None:
        fault = self.fault()
        if fault:
            raise ValueError(fault)

    def fault(self) -> str | None:
        """Why it is no dialogue."""
        expected: Role = "user"
        for turn in self.turns:
            if turn.role != expected:
                return f"two turns of {turn.role!r} follow each other, or it begins with the persona"
            if not turn.content.strip():
                return f"a turn of {turn.role!r} has no words"
            if HALF.search(turn.content + (turn.name or "") + (turn.shown or "")):
                return f"a turn of {turn.role!r} holds half a character (an escape such as \\ud83c that stands alone)"
            if turn.shown and (turn.role != "user" or not turn.shown.endswith("\n")):
                return "`shown` stands before words of the person, and ends with a line break"
            expected = "assistant" if turn.role == "user" else "user"
        if len(self.turns) < 2 or expected != "user":
            return "it does not end with words of the persona"
        if HALF.search(self.system or ""):
            return "the system text holds half a character (an escape such as \\ud83c that stands alone)"
        return None

    def with_group(self, group: str) -> Self:
        """The same in another group."""
        return replace(self, group=group)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a file."""
        row: dict[str, Any] = {"persona": self.persona, "group": self.group}
        if self.system is not None:
            row["system"] = self.system
        row["messages"] = [
            {"role": turn.role, "content": turn.content}
            | ({"name": turn.name} if turn.name else {})
            | ({} if turn.shown is None else {"shown": turn.shown})
            for turn in self.turns
        ]
        row["source"] = {"file": self.source.file, "row": self.source.row}
        return row

    @classmethod
    def from_json(cls, row: Any) -> Self:
        """Reads one line of a file. Raises `ValueError` with what is wrong."""
        turns = tuple(
            Turn(
                _field(message, "role", str),
                _field(message, "content", str),
                *(
                    _field(message, key, str) if message.get(key) is not None else None
                    for key in ("name", "shown")
                ),
            )
            for message in _field(row, "messages", list)
        )
        place = _field(row, "source", dict)
        return cls(
            _field(row, "persona", str),
            _field(row, "group", str),
            turns,
            Source(_field(place, "file", str), _field(place, "row", int)),
            _field(row, "system", str) if row.get("system") is not None else None,
        )


def _field(table: Any, key: str, kind: type) -> Any:
    """A value of an object of JSON. Raises `ValueError` where it is missing or none of that kind."""
    if not isinstance(table, dict):
        raise ValueError(f"{table!r:.40} stands where an object {{…}} belongs")
    if key not in table:
        raise ValueError(f"the field {key!r} is missing")
    if not isinstance(table[key], kind):
        wanted = {
            str: "a text",
            int: "a whole number",
            list: "a list",
            dict: "an object {…}",
        }
        raise ValueError(
            f"the field {key!r} is {table[key]!r:.40}; it must be {wanted[kind]}"
        )
    return table[key]


def write(path: Path, dialogues: Iterable[Dialogue]) -> int:
    """Writes a file whole or not at all; gives back how many dialogues it holds."""
    partial = path.with_name(path.name + ".part")
    count = 0
    with partial.open("w", encoding="utf-8") as file:
        for dialogue in dialogues:
            file.write(json.dumps(dialogue.to_json(), ensure_ascii=False) + "\n")
            count += 1
    partial.replace(path)
    return count


def read(path: Path) -> Iterator[Dialogue]:
    """The dialogues of a file that `prepare` wrote and somebody may have edited since; a bad line ends it, an empty one is none."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                # Editors of Windows put a mark before the first line.
                text = line.decode("utf-8-sig").strip()
                if text:
                    yield Dialogue.from_json(json.loads(text))
            except UnicodeDecodeError as error:
                raise Problem(
                    f"{path}:{number}: not UTF-8; save the file as UTF-8"
                ) from error
            except ValueError as error:
                raise Problem(
                    f"{path}:{number}: {error}; mend the line or take it out"
                ) from error
