"""Mixes all kinds of dialogues into the training data. `python -m starter.data [count]` prints some to look at."""

import hashlib
import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from chatfriends_train.persona import SYSTEMS

from . import campus, chat, corpus, facts, heldout, lexicon, memory, menu, talk
from .dialogue import Dialogue, repeats_the_person, spoken, typed
from .prompt import Persona, User, is_korean, personas

FRIENDS = ("joey", "chandler", "monica", "phoebe", "rachel", "ross")

# Share of dialogues per persona.
SHARES = {**{friend: 8 for friend in FRIENDS}, "mechuri": 15, "campus": 13, "listener": 13, "helper": 13}
# Share of a persona's dialogues that come from `corpus/talk/`; the rest is generated.
TALK = 0.06
# How often a dialogue near the seeds' sample exchanges comes against any other: those are asked most.
SAMPLES = 20
# Share of the dialogues of made-up personas, which teach that the system text chooses who answers.
OTHERS = 0.06
# Share of the dialogues under the text that `chatfriends-train make` drafts for a new persona, so that it can talk from the first day.
DRAFTED = 0.06
# Who talks under the draft for a kind of data.
DRAFTS = {
    ("friends", "en"): FRIENDS,
    ("mechuri", "ko"): ("mechuri",),
    ("campus", "ko"): ("campus",),
    ("campus", "en"): ("campus",),
    ("listener", "ko"): ("listener",),
    ("listener", "en"): ("listener",),
    ("instruct", "ko"): ("helper",),
    ("instruct", "en"): ("helper",),
}

# Words after which nothing may be recommended any more that does not fit them.
_LASTING = re.compile(r"알레르기|알러지|못 먹|안 먹|빼고|채식|비건|없는|없이|할랄")

# How people call the personas that are not called by a person's name.
_CALLED = re.compile(r"메추|길잡이|헬퍼|도우미|리스너|경청이|guide|helper|listener|mechuri", re.IGNORECASE)
# What asks or tells what is known of a person, so that other notes would contradict the reply.
_KNOWN = re.compile(r"remember|about me|\bmy name|who am i|기억|이름|나에 대해|저에 대해", re.IGNORECASE)


def _asked_freely(one: talk.Talk) -> talk.Talk | None:
    """The dialogue without the alternatives that are held-out questions; nothing where no other is left."""
    turns: list[talk.Said | list[str]] = []
    for turn in one.turns:
        if isinstance(turn, talk.Said):
            lines = [(speaker, [words for words in alternatives if not heldout.holds(words)]) for speaker, alternatives in turn.lines]
            if not all(alternatives for _, alternatives in lines):
                return None
            turn = replace(turn, lines=lines)
        turns.append(turn)
    return replace(one, turns=turns)


def _is_held_back(one: talk.Talk) -> bool:
    """One dialogue in forty, by its place, tells in training how well others of its kind are understood."""
    return one.system is None and hashlib.sha256(one.place.encode()).digest()[0] % 40 == 0


class Source:
    """Makes dialogues without end; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.corpus = corpus.read()
        self.personas: dict[str, Persona] = personas()
        self.talks: dict[str, list[talk.Talk]] = {}
        self.others: list[talk.Talk] = []
        # Of the shipped personas; never drawn.
        self.held_back: list[talk.Talk] = []
        for one in filter(None, map(_asked_freely, talk.read())):
            if _is_held_back(one):
                self.held_back.append(one)
            elif one.system is None:
                self.talks.setdefault(one.persona, []).append(one)
            else:
                self.others.append(one)
                self.personas.setdefault(one.persona, Persona(one.persona, one.persona, [one.language], one.system, [], 120))
        self.korean = [phrasing for (_, language), voice in self.corpus.voices.items() if language == "ko" for phrasings in voice.phrasings.values() for phrasing in phrasings if "{" not in phrasing]
        self.korean += [phrase for phrases in memory.ASK_KO.values() for phrase in phrases]

    def _small_talk(self, persona: str, language: str) -> Dialogue | None:
        voice = self.corpus.voices.get((persona, language))
        return chat.dialogue(self.random, self.corpus, voice, self.personas[persona].name) if voice and voice.intents else None

    def _pair(self, persona: str, language: str) -> list[User | str]:
        voice = self.corpus.voices.get((persona, language))
        return chat.pair(self.random, self.corpus, voice, self.personas[persona].name) if voice and voice.intents else []

    def _remembering(self, persona: str, language: str) -> Dialogue:
        made = memory.dialogue(self.random, persona, language, lambda: self._pair(persona, language))
        if persona == "campus":
            for user in made.users():
                user.facts = [] if self.random.random() < 0.7 else facts.question_and_facts(self.random, language == "ko")[1]
        return made

    def _friend(self, persona: str) -> Dialogue | None:
        roll = self.random.random()
        if roll < 0.42:
            return self._remembering(persona, "en")
        if roll < 0.46:
            voice = self.corpus.voices.get((persona, "en"))
            return chat.in_another_language(self.random, voice, self.random.choice(self.korean)) if voice else None
        return self._small_talk(persona, "en")

    def one(self, persona: str) -> Dialogue | None:
        """One dialogue of a persona as it was written; nothing where none could be made."""
        random = self.random
        if persona not in SHARES:
            return talk.dialogue(random, random.choice([one for one in self.others if one.persona == persona]))
        if persona in self.talks and random.random() < TALK:
            weights = [SAMPLES if "samples" in one.place else 1 for one in self.talks[persona]]
            return talk.dialogue(random, random.choices(self.talks[persona], weights)[0])
        roll = random.random()
        match persona:
            case "mechuri":
                if roll < 0.45:
                    return menu.dialogue(random)
                if roll < 0.5:
                    return menu.seed_dialogue(random)
                if roll < 0.53:
                    return menu.from_english(random)
                return self._remembering(persona, "ko") if roll < 0.78 else self._small_talk(persona, "ko") or menu.dialogue(random)
            case "campus":
                if roll < 0.7:
                    return facts.dialogue(random) if roll < 0.5 else campus.real(random, self.personas["campus"]) or facts.dialogue(random)
                return campus.small_talk(random) if roll < 0.87 else self._remembering(persona, random.choice(["ko", "ko", "en"]))
            case "listener":
                language = "ko" if random.random() < 0.62 else "en"
                return self._remembering(persona, language) if roll < 0.4 else self._small_talk(persona, language)
            case "helper":
                language = random.choice(["ko", "en"])
                return self._remembering(persona, language) if roll < 0.42 else self._small_talk(persona, language)
            case _:
                return self._friend(persona)

    def piece(self, persona: str, name: str | None = None) -> Dialogue | None:
        """One dialogue as people type it, with another name for the persona where one is given; nothing where a question is held out."""
        made = self.one(persona)
        if made is None or not self._fits(made):
            return None
        if name is not None:
            made = self._renamed(made, name)
        answers = " ".join(made.replies())
        for user in made.users():
            # In a group every line is typed already. Names and values keep their spelling where they are to be copied from the person's own words.
            copied = made.kind in ("memory", "recall") and not user.memory and "?" not in user.text
            if made.kind != "group" and not copied:
                user.text = typed(self.random, user.text, answers)
        return made

    def _fits(self, made: Dialogue) -> bool:
        for user, reply in zip(made.turns[::2], made.turns[1::2], strict=True):
            said = spoken(user.text)
            if any(map(heldout.holds, said)) or repeats_the_person(said[-1], reply):
                return False
        return True

    def _renamed(self, made: Dialogue, name: str) -> Dialogue:
        """Under the draft for somebody of that name, where there is one for it and the text can do without the old name."""
        language = "ko" if is_korean(made.users()[-1].text) else "en"
        kind = next((kind for (kind, of), who in DRAFTS.items() if of == language and made.persona in who), None)
        old = self.personas[made.persona].name
        said = [turn.text if isinstance(turn, User) else turn for turn in made.turns]
        # "메추리예요" would want another particle; "the guide" is no name.
        if kind is None or (made.persona not in FRIENDS and any(_CALLED.search(words) for words in said)):
            return made
        own = re.compile(rf"\b{old}\b", re.IGNORECASE)
        for user in made.users():
            user.text = own.sub(name, user.text)
        made.turns = [own.sub(name, turn) if isinstance(turn, str) else turn for turn in made.turns]
        made.system = SYSTEMS[kind][language].format(name=name)
        return made

    def _whole(self, persona: str) -> Dialogue | None:
        """What stands in one prompt: a dialogue, behind others of the same place as in a chat that goes on, and notes that it does not need."""
        random = self.random
        # Whoever is drafted has one language and one name throughout.
        name = None
        if persona in SHARES and random.random() < DRAFTED:
            name = lexicon.value(random, "name", self.personas[persona].languages[0])
        made = self.piece(persona, name)
        if made is None:
            return None
        # A window may be long.
        if random.random() < 0.5:
            for _ in range(random.choice([1, 1, 1, 2, 2, 3, 6])):
                earlier = self.piece(persona, name)
                if earlier is None or earlier.system != made.system or earlier.kind in ("memory", "recall", "told"):
                    continue
                if persona == "mechuri" and any(_LASTING.search(user.text) for user in earlier.users()):
                    continue
                if (earlier.kind == "group") == (made.kind == "group"):
                    for user in earlier.users():
                        user.memory, user.summary, user.recall = {}, [], []
                    made.turns = earlier.turns + made.turns
        self._add_notes(made)
        if any(not menu.harmless(user.memory.get("allergy", ""), made.replies()) for user in made.users()):
            return None
        if made.kind != "group" and random.random() < 0.08:
            chat.group(random, made)
        return made

    def _add_notes(self, made: Dialogue) -> None:
        """Notes that no reply needs and none contradicts, with the first message, where the dialogue has none of its own."""
        users, first = made.users(), made.users()[0]
        has_some = any(user.memory or user.summary or user.recall for user in users)
        if has_some or made.kind not in ("chat", "scene", "talk") or any(_KNOWN.search(user.text) for user in users):
            return
        language = "ko" if is_korean(first.text) else "en"
        if self.random.random() < 0.3:
            first.memory = memory.notes(self.random, language, 1, 5)
        memory.noise(self.random, language, first)

    def dialogues(self) -> Iterator[Dialogue]:
        """Dialogues in random order, personas by their shares."""
        names = [name for name in SHARES if name in self.personas]
        weights = [SHARES[name] for name in names]
        while True:
            persona = self.random.choices(names, weights)[0]
            if self.others and self.random.random() < OTHERS:
                persona = self.random.choice(self.others).persona
            made = self._whole(persona)
            if made:
                yield made

    def dialogues_of(self, persona: str) -> Iterator[Dialogue]:
        """A persona's dialogues, in random order."""
        return filter(None, (self._whole(persona) for _ in itertools.count()))

    def unseen(self) -> Iterator[Dialogue]:
        """The dialogues that are held back, always the same forms of them."""
        random = Random(0)
        return (talk.dialogue(random, one) for one in self.held_back)

    def texts(self) -> Iterator[str]:
        """The same as ChatML."""
        for made in self.dialogues():
            yield made.text(self.personas[made.persona])


def main() -> None:
    """Prints a few dialogues."""
    source = Source(seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    for made in itertools.islice(source.dialogues(), int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        print(f"== {made.persona} ({made.kind})")
        for role, content in made.messages(source.personas[made.persona])[1:]:
            print(f"{'  ' if role == 'assistant' else '> '}{content}")


if __name__ == "__main__":
    main()
