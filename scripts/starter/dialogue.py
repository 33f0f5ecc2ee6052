"""One training dialogue, and the small surface changes that people's typing makes."""

import re
from dataclasses import dataclass
from random import Random

from .prompt import Persona, Role, User, chatml, is_korean, language_of


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

    def replies(self) -> list[str]:
        return [turn for turn in self.turns if isinstance(turn, str)]

    def messages(self, persona: Persona) -> list[tuple[Role, str]]:
        """(role, content) of the whole prompt, ending with the last reply."""
        messages: list[tuple[Role, str]] = [("system", self.system or persona.system)]
        for turn in self.turns:
            if isinstance(turn, User):
                messages.append(("user", turn.render(language_of(turn.text))))
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


def squeezed(text: str) -> str:
    """Letters and digits alone, without spaces: what no typing habit changes but a swap."""
    return plain(text).replace(" ", "")


def repeats_the_person(words: str, reply: str) -> bool:
    """Whether the reply opens with the person's own sentence (of at least two words, so that "Hi" may answer "Hi")."""
    said, answered = plain(words), plain(reply)
    return len(said.split()) >= 2 and (answered + " ").startswith(said + " ")


# What people write instead, as whole words.
_SHORT_EN = {
    "you": "u", "your": "ur", "are": "r", "you're": "ur", "because": "bc", "tomorrow": "tmrw", "please": "pls", "right now": "rn", "going to": "gonna", "want to": "wanna",
    "got to": "gotta", "don't know": "dunno", "kind of": "kinda", "though": "tho", "people": "ppl", "tonight": "tonite", "really": "rly", "with": "w", "okay": "ok", "what are": "what r",
    "what's": "whats", "don't": "dont", "can't": "cant", "i'm": "im", "that's": "thats", "didn't": "didnt", "it's": "its", "i've": "ive", "doesn't": "doesnt", "won't": "wont", "isn't": "isnt",
}  # fmt: skip
_SHORT_KO = {
    "나는": "난", "저는": "전", "너무": "넘", "그런데": "근데", "어떻게": "어케", "무엇을": "뭘", "무엇": "뭐", "이것": "이거", "그것": "그거", "정말": "진짜", "해 줘": "해줘", "알려 줘": "알려줘",
    "거예요": "거에요", "오늘은": "오늘", "요즘은": "요즘", "싶어요": "싶어여", "있어요": "있어여", "먹고 싶": "먹고싶", "뭐 해": "뭐해", "조금": "좀", "내일은": "내일",
}  # fmt: skip
# Words that are left out when one types in a hurry, and the particles (no others: "고양이" has none) that are left out when one talks.
_LEFT_OUT_EN = re.compile(r"(?<=\w) (?:the|a|an|just|really|so|very|to|is|are|do)(?= \w)", re.IGNORECASE)
_LEFT_OUT_KO = re.compile(r"(?<=[가-힣]{2})[을를](?= )")


def _shortened(random: Random, text: str, short: dict[str, str], left_out: re.Pattern[str]) -> str:
    """Some words in their short form, or one left out."""
    if random.random() < 0.25:
        for full, form in short.items():
            if random.random() < 0.7:
                text = re.sub(rf"(?<!\w){re.escape(full)}(?!\w)", form, text, flags=re.IGNORECASE)
    if random.random() < 0.12:
        spare = list(left_out.finditer(text))
        if spare:
            one = random.choice(spare)
            text = text[: one.start()] + text[one.end() :]
    return text


def typed(random: Random, text: str, answers: str = "") -> str:
    """The text as somebody in a chat may type it: short forms, a word or particle left out, lower case, no full stop, two letters swapped, a "ㅠㅠ".
    A word that the answers take up keeps its letters."""
    if is_korean(text):
        text = _shortened(random, text, _SHORT_KO, _LEFT_OUT_KO)
        if random.random() < 0.35:
            text = text.rstrip(".?!~") or text
        if random.random() < 0.08:
            text += random.choice(["ㅠㅠ", "ㅎㅎ", "ㅋㅋ", "~", "...", "!!", "??", " ㅠ"])
        if random.random() < 0.12 and text.count(" ") >= 2:
            spaces = [place for place, character in enumerate(text) if character == " "]
            place = random.choice(spaces)
            text = text[:place] + text[place + 1 :]
        return text
    text = _shortened(random, text, _SHORT_EN, _LEFT_OUT_EN)
    if random.random() < 0.45:
        text = text.lower()
    if random.random() < 0.35:
        text = text.rstrip(".?!") or text
    if random.random() < 0.06:
        words = [word for word in re.finditer(r"\b[a-z]{5,}\b", text) if word[0] not in answers.lower()]
        if words:
            word = random.choice(words)
            place = random.randrange(word.start() + 1, word.end() - 1)
            text = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    if random.random() < 0.04:
        text += random.choice([" lol", " haha", " :)", "!!", "..."])
    return text
