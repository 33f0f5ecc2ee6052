"""One training dialogue, and the small surface changes that people's typing makes."""

import re
from dataclasses import dataclass
from random import Random

from .prompt import Persona, Role, User, chatml, is_korean


@dataclass
class Dialogue:
    """Turns alternate between the person (`User`) and the persona (`str`); the last is the persona's."""

    persona: str
    turns: list[User | str]
    kind: str
    # Who answers, where it is not the persona's own system text.
    system: str | None = None

    def users(self) -> list[User]:
        return [turn for turn in self.turns if isinstance(turn, User)]

    def messages(self, persona: Persona) -> list[tuple[Role, str]]:
        """(role, content) of the whole prompt, ending with the last reply."""
        messages: list[tuple[Role, str]] = [("system", self.system or persona.system)]
        for turn in self.turns:
            if isinstance(turn, User):
                messages.append(("user", turn.render("ko" if is_korean(turn.text) else "en")))
            else:
                messages.append(("assistant", turn))
        return messages

    def text(self, persona: Persona) -> str:
        """The ChatML text that the model is trained on."""
        return "".join(chatml(role, content) for role, content in self.messages(persona))


# The end of a whole sentence.
ENDED = re.compile(r"[.!?…~)\"'”]$")
_LEAD = re.compile(r"^.{1,40}?#[0-9a-f]{4}: ")


def spoken(text: str) -> list[str]:
    """What each person says in a message: its lines without the names that lead them in a shared place."""
    return [_LEAD.sub("", line) for line in text.splitlines()]


def plain(text: str) -> str:
    """Letters and digits only, lower case: what is left when typing habits are taken away."""
    return re.sub(r"[^0-9a-z가-힣]+", " ", text.lower()).strip()


def repeats_the_person(words: str, reply: str) -> bool:
    """Whether the reply opens with the person's own sentence (of at least two words, so that "Hi" may answer "Hi")."""
    said, answered = plain(words), plain(reply)
    return len(said.split()) >= 2 and (answered + " ").startswith(said + " ")


_SHORT = {"what's": "whats", "don't": "dont", "can't": "cant", "i'm": "im", "you're": "youre", "that's": "thats", "didn't": "didnt", "it's": "its"}


def typed(random: Random, text: str) -> str:
    """The text as somebody in a chat may type it: lower case, no full stop, an apostrophe lost, two letters swapped, a "ㅠㅠ"."""
    if is_korean(text):
        if random.random() < 0.35:
            text = text.rstrip(".?!~") or text
        if random.random() < 0.08:
            text += random.choice(["ㅠㅠ", "ㅎㅎ", "ㅋㅋ", "~", "...", "!!", "??", " ㅠ"])
        if random.random() < 0.12 and text.count(" ") >= 2:
            spaces = [place for place, character in enumerate(text) if character == " "]
            place = random.choice(spaces)
            text = text[:place] + text[place + 1 :]
        return text
    if random.random() < 0.45:
        text = text.lower()
    if random.random() < 0.35:
        text = text.rstrip(".?!") or text
    if random.random() < 0.15:
        for full, short in _SHORT.items():
            text = text.replace(full, short).replace(full.capitalize(), short.capitalize())
    if random.random() < 0.04 and len(text) > 12:
        place = random.randrange(1, len(text) - 2)
        if text[place].isalpha() and text[place + 1].isalpha():
            text = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    if random.random() < 0.04:
        text += random.choice([" lol", " haha", " :)", "!!", "..."])
    return text
