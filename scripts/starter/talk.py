"""Hand-written dialogues with alternatives, `corpus/talk/`: reads them, draws from them, and checks a file: `python -m starter.talk FILE…`.

A blank line ends a dialogue; a line that begins with `#` is a comment. Within a dialogue:

    @name Yun                      a line of the person's memory, sent with the next words (keys of docs/PROMPT.md; summary, recall, fact too)
    > hi there | hello             what the person writes: alternatives that mean the same, parted by " | "
    Mina> anyone up for lunch?     the same in a place shared by several people; lines in a row are one message
    < Hey! What's up? | Hi, you!   the reply; each alternative fits each alternative before it

A file is named `<persona>.<language>.<topic>.txt`. In `talk/others/` the first line is `system: …` instead of a shipped persona's.
"""

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from . import lexicon
from .corpus import fill
from .dialogue import ENDED, Dialogue, plain, typed
from .paths import CORPUS
from .prompt import MEMORY_KEYS, User

FOLDER = CORPUS / "talk"
# Characters, far below what the starter sees at once.
LONGEST_LINE = 220
# What stands for a name that is drawn anew each time.
SLOTS = ("name", "name2", "name3", "name4")

_MARKUP = re.compile(r"[*_`<>\[\]]|https?:|[\U0001F000-\U0001FAFF\u2600-\u27BF]")


class Fault(ValueError):
    """A line that cannot be read: file, line and reason."""


@dataclass
class Said:
    """One message of the person (or of several): (speaker or "", alternatives) a line, and the blocks that go with it."""

    lines: list[tuple[str, list[str]]] = field(default_factory=list)
    memory: dict[str, str] = field(default_factory=dict)
    summary: list[str] = field(default_factory=list)
    recall: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)


@dataclass
class Talk:
    """One hand-written dialogue: messages and replies in turn, the last one a reply."""

    persona: str
    language: str
    turns: list[Said | list[str]]
    # Where it stands, to name it.
    place: str
    system: str | None = None


def _line(talk: list[Said | list[str]], waiting: Said, line: str) -> Said:
    """Takes up one line; gives back the message that is still open."""
    if line.startswith("@"):
        key, _, value = line[1:].partition(" ")
        value = value.strip()
        if not value:
            raise ValueError(f"`@{key}` has no value")
        if waiting.lines:
            raise ValueError(f"`@{key}` stands after the words that it belongs to")
        match key:
            case "summary":
                waiting.summary.append(value)
            case "recall":
                waiting.recall.append(value)
            case "fact":
                waiting.facts.append(value)
            case _ if key in MEMORY_KEYS:
                waiting.memory[key] = value
            case _:
                raise ValueError(f"`@{key}` is none of {', '.join(MEMORY_KEYS)}, summary, recall, fact")
        return waiting
    head, mark, rest = line.partition("> ") if not line.startswith("< ") else ("", "<", line[2:])
    alternatives = [one.strip() for one in rest.split(" | ")]
    if not mark or not all(alternatives):
        raise ValueError("a line begins with `> `, `Name> `, `< ` or `@key `, and no alternative is empty")
    for one in alternatives:
        if len(one) > LONGEST_LINE:
            raise ValueError(f"{len(one)} characters; at most {LONGEST_LINE}")
        if _MARKUP.search(one):
            raise ValueError(f"markup or a pictogram in `{one}`")
        unknown = [slot for slot in re.findall(r"\{(\w+)", one) if slot not in SLOTS]
        if unknown:
            raise ValueError(f"`{{{unknown[0]}}}` is none of {', '.join(SLOTS)}")
    if mark == "> ":
        if head and not re.fullmatch(r"[\w{} .-]{1,24}", head):
            raise ValueError(f"`{head}` is no name")
        waiting.lines.append((head, alternatives))
        return waiting
    for one in alternatives:
        if not ENDED.search(one):
            raise ValueError(f"the reply `{one}` does not end its sentence")
    if not waiting.lines:
        raise ValueError("a reply without words before it")
    talk += [waiting, alternatives]
    return Said()


def parse(path: Path) -> list[Talk]:
    """Every dialogue of a file, or a `Fault` that lists all bad lines."""
    persona, language = path.name.split(".")[:2]
    lines = path.read_text("utf-8").splitlines()
    system = None
    if path.parent.name == "others":
        mark, begins, system = lines[0].partition("system: ")
        if mark or not begins or not system.strip():
            raise Fault(f"{path.name}:1: it begins with `system: ` and who answers")
        lines[0] = "#"
    found: list[Talk] = []
    faults: list[str] = []
    turns: list[Said | list[str]] = []
    waiting = Said()
    first = 1
    for number, line in enumerate([*lines, ""], 1):
        line = line.strip()
        try:
            if line.startswith("#"):
                continue
            if line:
                waiting = _line(turns, waiting, line)
                continue
            if waiting != Said():
                raise ValueError("the dialogue does not end with a reply")
        except ValueError as error:
            faults.append(f"{path.name}:{number}: {error}")
        if not line:
            if turns:
                found.append(Talk(persona, language, turns, f"{path.name}:{first}", system))
            turns, waiting, first = [], Said(), number + 1
    if faults:
        raise Fault("\n".join(faults))
    return found


def read(folder: Path = FOLDER) -> list[Talk]:
    """Every dialogue of the folder, in the files' order."""
    return [talk for path in sorted(folder.rglob("*.txt")) for talk in parse(path)]


def _values(random: Random, talk: Talk) -> dict[str, str]:
    """A value for each slot of a dialogue, no two alike. `{name2}` is another `{name}`."""
    values: dict[str, str] = {}
    for slot in SLOTS:
        while (value := lexicon.value(random, "name", talk.language)) in values.values():
            pass
        values[slot] = value
    return values


def dialogue(random: Random, talk: Talk) -> Dialogue:
    """One of the dialogues that the alternatives stand for."""
    values = _values(random, talk)
    ids: dict[str, str] = {}
    turns: list[User | str] = []
    shared = False
    answers = " ".join(reply for turn in talk.turns if isinstance(turn, list) for reply in turn)
    for turn in talk.turns:
        if isinstance(turn, list):
            turns.append(fill(random.choice(turn), values))
            continue
        lines = []
        for speaker, alternatives in turn.lines:
            words = fill(random.choice(alternatives), values)
            if speaker:
                shared = True
                name = fill(speaker, values)
                # What the daemon puts before a person's words in a shared place (docs/PROMPT.md).
                mark = ids.setdefault(name, f"{random.randrange(1 << 16):04x}")
                words = f"{name}#{mark}: {typed(random, words, answers)}"
            lines.append(words)
        memory = {key: fill(value, values) for key, value in turn.memory.items()}
        facts = [fill(fact, values) for fact in turn.facts if fact != "none"]
        if len(facts) > 1 and random.random() < 0.35:
            random.shuffle(facts)
        told = turn.facts or talk.persona == "campus"
        turns.append(User("\n".join(lines), memory, [fill(one, values) for one in turn.summary], [fill(one, values) for one in turn.recall], facts if told else None))
    return Dialogue(talk.persona, turns, "group" if shared else "told" if any(user.memory for user in turns if isinstance(user, User)) else "talk")


def main() -> None:
    """Checks files, and says how much they hold."""
    bad = False
    for path in map(Path, sys.argv[1:]):
        try:
            talks = parse(path)
        except Fault as fault:
            print(fault)
            bad = True
            continue
        replies = Counter(plain(reply) for talk in talks for turn in talk.turns if isinstance(turn, list) for reply in turn)
        for reply, count in replies.items():
            if count > 1 and len(reply) > 24:
                print(f"{path.name}: {count} times the reply `{reply}`")
        exchanges = sum(len(talk.turns) // 2 for talk in talks)
        print(f"{path.name}: ok, {len(talks)} dialogues, {exchanges} exchanges, {path.stat().st_size / 1000:.0f} KB")
    sys.exit(bad)


if __name__ == "__main__":
    main()
