"""The prompt as `docs/PROMPT.md` writes it, and its ChatML form. Nothing here invents text: it only lays out what it is given."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .paths import LIBRARY

Role = Literal["system", "user", "assistant"]

END_OF_TEXT = "<|endoftext|>"
START = "<|im_start|>"
END = "<|im_end|>"
SPECIALS = (END_OF_TEXT, START, END)

# Stored in the GGUF; the engine renders messages with it. `messages` holds one system message, then user and assistant in turn.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

# docs/PROMPT.md, in its order: key -> (English line, Korean line).
MEMORY_KEYS: dict[str, tuple[str, str]] = {
    "name": ("name", "이름"),
    "job": ("job", "직업"),
    "home": ("lives in", "사는 곳"),
    "studies": ("studies", "전공"),
    "allergy": ("allergic to", "알레르기"),
    "likes": ("likes", "좋아하는 것"),
    "dislikes": ("dislikes", "싫어하는 것"),
    "pet": ("pet", "반려동물"),
    "hobby": ("hobby", "취미"),
    "birthday": ("birthday", "생일"),
    "note": ("note", "메모"),
}


@dataclass
class User:
    """One user message: the blocks it carries, and the person's words."""

    text: str
    memory: dict[str, str] = field(default_factory=dict)
    summary: list[str] = field(default_factory=list)
    recall: list[str] = field(default_factory=list)
    # None: a persona without facts, no block. Empty: nothing was near, the block says `none`.
    facts: list[str] | None = None

    def render(self, language: str) -> str:
        """The message's content. `language` ("en" or "ko") chooses the memory block's keys."""
        column = 1 if language == "ko" else 0
        blocks: list[str] = []
        lines = [f"{names[column]}: {self.memory[key]}" for key, names in MEMORY_KEYS.items() if key in self.memory]
        for tag, content in (
            ("memory", lines),
            ("summary", self.summary),
            ("recall", self.recall),
            ("facts", None if self.facts is None else (self.facts or ["none"])),
        ):
            if content:
                blocks.append(f"<{tag}>\n" + "\n".join(content) + f"\n</{tag}>\n")
        return "".join(blocks) + self.text


@dataclass
class Persona:
    """What training needs of a persona file."""

    id: str
    name: str
    languages: list[str]
    system: str
    facts: list[str]
    # Tokens of a reply at most.
    reply_tokens: int


def personas(folder: Path = LIBRARY) -> dict[str, Persona]:
    """Every persona of the library, by the name of its file."""
    found = {}
    for path in sorted(folder.glob("*.toml")):
        raw = tomllib.loads(path.read_text("utf-8"))
        found[path.stem] = Persona(
            id=path.stem,
            name=raw["name"],
            languages=raw["languages"],
            system=raw["system"],
            facts=[fact["text"] for fact in raw.get("fact", [])],
            reply_tokens=raw["reply_tokens"],
        )
    return found


def is_korean(text: str) -> bool:
    """Whether any Hangul occurs in it, syllables or single letters such as "ㅎㅇ"."""
    return any(map(_is_hangul, text))


def _is_hangul(letter: str) -> bool:
    return "가" <= letter <= "힣" or "ㄱ" <= letter <= "ㅣ"


def language_of(text: str) -> str:
    """ "ko" or "en", by the daemon's rule (personas/src/language.rs): a letter of Hangul weighs as three others."""
    hangul = sum(map(_is_hangul, text))
    others = sum(map(str.isalpha, text)) - hangul
    return "ko" if hangul and 3 * hangul >= others else "en"


def chatml(role: str, content: str) -> str:
    """One whole message."""
    return f"{START}{role}\n{content}{END}\n"


def opening(role: str = "assistant") -> str:
    """What stands before a reply."""
    return f"{START}{role}\n"
