"""Reads `corpus/`: what people say, what each persona answers, hand-written dialogues and slots. corpus/README.md describes the shape."""

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from . import lexicon
from .paths import CORPUS

# `{slot}`, or `{slot:은}` with the form that a Korean particle takes after a consonant.
_SLOT = re.compile(r"\{([a-z_]+\d?)(?::([가-힣]+))?\}")
_AFTER_VOWEL = {"은": "는", "이": "가", "을": "를", "과": "와", "으로": "로", "이야": "야", "이에요": "예요", "아": "야"}

# Slots whose values are half the time taken from the lexicon's endless ones: slot -> the lexicon's key.
_ENDLESS = {"name": "name", "job": "job", "city": "home", "subject": "studies", "hobby": "hobby", "date": "birthday", "allergen": "allergy"}
_ENDLESS |= {f"ko_{slot}": key for slot, key in _ENDLESS.items()}


@dataclass
class Voice:
    """What one persona can be asked and answers, in one language."""

    persona: str
    language: str
    phrasings: dict[str, list[str]] = field(default_factory=dict)
    replies: dict[str, list[str]] = field(default_factory=dict)
    scenes: list[list[str]] = field(default_factory=list)

    @property
    def intents(self) -> list[str]:
        """The intents that have both sides."""
        return [intent for intent in self.replies if self.phrasings.get(intent)]


@dataclass
class Corpus:
    """Everything under `corpus/`."""

    voices: dict[tuple[str, str], Voice]
    slots: dict[str, list[str]]


def _toml(path: Path) -> dict:
    return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


def _said(folder: Path, language: str) -> dict[str, list[str]]:
    """What people say in a language, by intent."""
    kinds = {path.name.split(".")[0]: path.read_text("utf-8").splitlines() for path in sorted((folder / "said").glob(f"*.{language}.txt"))}
    return kinds | _toml(folder / f"intents.{language}.toml")


def read(folder: Path = CORPUS) -> Corpus:
    """Reads every file that is there; a persona without a file simply has no voice."""
    slots: dict[str, list[str]] = {}
    for path in sorted(folder.glob("slots*.toml")):
        slots |= _toml(path)
    voices: dict[tuple[str, str], Voice] = {}
    for path in sorted(folder.glob("*.*.*")):
        persona, language, kind = path.name.split(".")
        if persona in ("intents", "slots", "questions") or language not in ("en", "ko") or kind not in ("toml", "jsonl"):
            continue
        voice = voices.setdefault((persona, language), Voice(persona, language, _said(folder, language)))
        if kind == "toml":
            raw = _toml(path)
            voice.replies = raw.get("replies", {})
            for intent, phrasings in raw.get("intents", {}).items():
                voice.phrasings[intent] = voice.phrasings.get(intent, []) + phrasings
        else:
            voice.scenes = [json.loads(line)["turns"] for line in path.read_text("utf-8").splitlines() if line.strip()]
    return Corpus(voices, slots)


def slots_of(text: str) -> set[str]:
    """The slots that stand in a text, `{persona}` aside."""
    return {name for name, _ in _SLOT.findall(text)} - {"persona"}


def draw(random: Random, corpus: Corpus, slot: str, language: str) -> str:
    """A value for a slot."""
    korean = slot.startswith("ko_") or language == "ko"
    if slot in _ENDLESS and (slot not in corpus.slots or random.random() < 0.5):
        return lexicon.value(random, _ENDLESS[slot], "ko" if korean else "en").split(",")[0]
    if slot.endswith("petname") and random.random() < 0.3:
        return lexicon.syllables_ko(random, 2, 2) if korean else lexicon.syllables_en(random)
    return random.choice(corpus.slots[slot]) if slot in corpus.slots else ""


def fill(text: str, values: dict[str, str]) -> str:
    """Puts the values in: a Korean particle takes its fitting form, "a" becomes "an", a sentence begins with a capital."""

    def put(match: re.Match[str]) -> str:
        name, ending = match.group(1), match.group(2)
        value = values.get(name, match.group(0))
        if ending:
            after_vowel = _AFTER_VOWEL.get(ending) or ending.removeprefix("이")
            return lexicon.particle(value, f"{ending}/{after_vowel}")
        before = text[: match.start()].rstrip()
        if value[:1].islower() and (not before or before[-1] in ".!?"):
            value = value[:1].upper() + value[1:]
        return value

    text = re.sub(r"\b([Aa]) \{(\w+)\}", lambda found: _with_article(found, values), text)
    return _SLOT.sub(put, text)


def _with_article(found: re.Match[str], values: dict[str, str]) -> str:
    value = values.get(found.group(2))
    if value is None:
        return found.group(0)
    words = lexicon.article(value)
    return words[:1].upper() + words[1:] if found.group(1) == "A" else words
