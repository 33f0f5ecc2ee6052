"""Persona files as training needs them: what stands in every prompt, a draft where there is no file yet, and the way to a model.

docs/PERSONAS.md describes the files.
"""

import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from . import daemon
from .daemon import CHECKOUT
from .problems import Problem

LIBRARY = CHECKOUT / "personas" / "library"

Language = Literal["ko", "en"]


@dataclass(frozen=True, slots=True)
class Persona:
    """What stands in a persona's prompts."""

    id: str
    system: str
    examples: tuple[tuple[str, str], ...] = ()
    """What the person says, and the reply."""
    facts: tuple[str, ...] = ()
    """What it knows. The nearest of these stand with each message."""
    folder: Path | None = None
    """Where its file is."""

    def facts_shown(self, messages: Iterable[str]) -> dict[str, str]:
        """What the daemon puts before each of these messages for a persona with facts; nothing for others."""
        if not self.facts:
            return {}
        if self.folder is None:
            raise ValueError(f"{self.id} has facts and no file to look them up in")
        asked = list(dict.fromkeys(messages))
        found = daemon.facts(self.id, self.folder, asked)
        return {
            # bot/src/memory/notes.rs
            message: "\n".join(("<facts>", *(facts or ("none",)), "</facts>", ""))
            for message, facts in zip(asked, found, strict=True)
        }


def own_folder() -> Path:
    """Where the user's personas are: the daemon's setting `personas.path`, when it is started in the clone's root."""
    named = os.environ.get("CHATFRIENDS__PERSONAS__PATH")
    if named:
        return CHECKOUT / named
    for name in ("local", "default"):
        settings = CHECKOUT / "config" / f"{name}.toml"
        if not settings.is_file():
            continue
        path = document_of(settings).get("personas", {}).get("path")
        if path:
            return CHECKOUT / path
    return CHECKOUT / "config/personas"


def of_file(identity: str, path: Path) -> Persona:
    """The persona of a file."""
    document = document_of(path)
    system = document.get("system")
    if not isinstance(system, str) or not system.strip():
        raise Problem(
            f'{path}: "system" is empty; docs/PERSONAS.md says what stands there'
        )
    # The daemon trims these texts when it reads them.
    examples = tuple(
        (person.strip(), reply.strip())
        for person, reply in _texts(path, document, "example", "person", "reply")
    )
    facts = tuple(text for (text,) in _texts(path, document, "fact", "text"))
    return Persona(identity, system.strip(), examples, facts, path.parent)


def _texts(
    path: Path, document: dict[str, Any], name: str, *keys: str
) -> Iterator[tuple[str, ...]]:
    """What stands under these keys in each table of an array such as `[[example]]`."""
    tables = document.get(name, [])
    if not isinstance(tables, list):
        raise Problem(f"{path}: {name!r} is no array of tables; write [[{name}]]")
    for number, table in enumerate(tables, 1):
        texts = [table.get(key) if isinstance(table, dict) else None for key in keys]
        for key, text in zip(keys, texts, strict=True):
            if not isinstance(text, str) or not text.strip():
                raise Problem(
                    f'{path}: [[{name}]] number {number} has no text "{key}"; docs/PERSONAS.md says what stands there'
                )
        yield tuple(texts)


def document_of(path: Path) -> dict[str, Any]:
    """What a file of settings or of a persona says."""
    return _parsed(text_of(path), str(path))


def text_of(path: Path) -> str:
    """Its text."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        row = error.object.count(b"\n", 0, error.start) + 1
        raise Problem(f"{path}:{row}: not UTF-8; save the file as UTF-8") from error


def _parsed(text: str, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Problem(
            f"{origin}: {error}; `chatfriends check` names every mistake"
        ) from error


def path_of(identity: str) -> Path | None:
    """The file that the daemon would take: the user's own, or the shipped one."""
    paths = (folder / f"{identity}.toml" for folder in (own_folder(), LIBRARY))
    return next((path for path in paths if path.is_file()), None)


def find(identity: str) -> Persona:
    """The persona that the daemon would answer as. Raises `Problem` where nobody has that id."""
    path = path_of(identity)
    if path is None:
        raise Problem(
            f"there is no persona {identity!r}: write {own_folder() / identity}.toml (docs/PERSONAS.md), since its `system` text "
            "stands in every prompt, or give the dialogues a `system` of their own"
        )
    return of_file(identity, path)


# Of each kind of data, who a persona is that has no file yet. To be changed by whoever knows better, before the training.
SYSTEMS: dict[str, dict[Language, str]] = {
    "friends": {
        "en": "You are {name}. You chat in short, warm, casual English, like a friend and never like an assistant.",
        "ko": "너는 친구 {name}, 비서가 아니야. 짧고 따뜻하게 한국어 반말로 이야기해.",
    },
    "mechuri": {
        "en": "You are {name} and recommend what to eat, in one or two sentences. Asked again, you name another dish.",
        "ko": "너는 음식 추천 친구 {name}. 상황과 입맛에 맞는 메뉴를 짧게 추천하고, 다시 물으면 다른 메뉴를 추천해.",
    },
    "campus": {
        "en": "You are {name}. You answer questions about the school in one or two sentences, in the language of the question.",
        "ko": "너는 학교 안내 담당 {name}. 질문한 언어로 한두 문장으로 대답해.",
    },
    "listener": {
        "en": "You are {name}, a warm listener. You name the feeling, take it seriously and give no diagnosis.",
        "ko": "너는 따뜻한 경청자 {name}. 감정을 알아주고 진지하게 받아들이며, 진단은 하지 않아.",
    },
    "instruct": {
        "en": "You are {name}, a plain and friendly assistant. When you do not know something, you say so.",
        "ko": "너는 담백하고 친절한 도우미 {name}. 모르는 것은 모른다고 말해.",
    },
}
GREETINGS: dict[Language, str] = {
    "en": "Hi, {name} here. What's on your mind?",
    "ko": "안녕하세요, {name}입니다. 무슨 이야기를 할까요?",
}


def name_of(identity: str) -> str:
    """What a persona is called that has no file yet."""
    return identity.replace("_", " ").replace("-", " ").title()


def draft(
    identity: str, kind: str, languages: list[Language], facts: Iterable[str] = ()
) -> str:
    """A persona file for somebody who has none yet."""
    name = name_of(identity)
    first = languages[0]
    lines = [
        "# Made by `chatfriends-train make`. Whoever changes `system` or the examples trains anew: they stood in every prompt.",
        "",
        f"name = {_text(name)}",
        f"languages = {json.dumps(languages)}",
        f"system = {_text(SYSTEMS[kind][first].format(name=name))}",
        f"greeting = {_text(GREETINGS[first].format(name=name))}",
        "reply_tokens = 120",
        "",
        "[sampling]",
        "temperature = 0.4",
        "top_p = 0.9",
        "repeat_penalty = 1.05",
    ]
    for fact in facts:
        lines += ["", "[[fact]]", f"text = {_text(fact)}"]
    return "\n".join(lines) + "\n"


def with_model(text: str, changes: Mapping[str, str | None], origin: str) -> str:
    """A persona file's text with other paths and template; a key of None goes. Everything else stays, comments too.

    Raises `Problem` where that cannot be done line by line.
    """
    lines = text.splitlines()
    tables = next(
        (place for place in range(len(lines)) if _begins_table(lines, place)),
        len(lines),
    )
    kept = [
        line for line in lines[:tables] if line.split("=", 1)[0].strip() not in changes
    ]
    while kept and not kept[-1].strip():
        kept.pop()
    new = [
        f"{key} = {_text(value)}" for key, value in changes.items() if value is not None
    ]
    result = "\n".join([*kept, "", *new, "", *lines[tables:]]).rstrip() + "\n"

    expected = {
        key: value for key, value in _parsed(text, origin).items() if key not in changes
    }
    expected |= {key: value for key, value in changes.items() if value is not None}
    try:
        whole = tomllib.loads(result) == expected
    except tomllib.TOMLDecodeError:
        whole = False
    if not whole:
        raise Problem(
            f"{origin}: {', '.join(changes)} cannot be set there line by line; write each of them on one line, and begin no line of a "
            "longer text with one of these names"
        )
    return result


def _begins_table(lines: Sequence[str], place: int) -> bool:
    """Whether the first table begins there: within a longer text, what stands above it would be broken off."""
    if not lines[place].startswith("["):
        return False
    try:
        tomllib.loads("\n".join(lines[:place]))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _text(value: str) -> str:
    """A basic string of TOML, in which JSON's escapes mean the same."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
