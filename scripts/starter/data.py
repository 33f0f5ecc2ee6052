"""Mixes all kinds of dialogues into the training data. `python -m starter.data [count]` prints some to look at."""

import itertools
import re
import sys
from collections.abc import Iterator
from random import Random

from chatfriends_train.persona import SYSTEMS

from . import campus, chat, corpus, facts, heldout, lexicon, memory, menu, talk
from .dialogue import Dialogue, repeats_the_person, spoken, typed
from .prompt import Persona, User, is_korean, personas

FRIENDS = ("joey", "chandler", "monica", "phoebe", "rachel", "ross")

# Share of dialogues per persona.
SHARES = {**{friend: 8 for friend in FRIENDS}, "mechuri": 15, "campus": 13, "listener": 13, "helper": 13}
# Share of a persona's dialogues that come from `corpus/talk/`; the rest is generated.
TALK = 0.75
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


class Source:
    """Makes dialogues without end; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.corpus = corpus.read()
        self.personas: dict[str, Persona] = personas()
        self.talks: dict[str, list[talk.Talk]] = {}
        self.others: list[talk.Talk] = []
        for one in talk.read():
            if one.system is None:
                self.talks.setdefault(one.persona, []).append(one)
            else:
                self.others.append(one)
                self.personas.setdefault(one.persona, Persona(one.persona, one.persona, [one.language], one.system, [], []))
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
        if roll < 0.34:
            return self._remembering(persona, "en")
        if roll < 0.39:
            voice = self.corpus.voices.get((persona, "en"))
            return chat.in_another_language(self.random, voice, self.random.choice(self.korean)) if voice else None
        return self._small_talk(persona, "en")

    def one(self, persona: str) -> Dialogue | None:
        """One dialogue of a persona as it was written; nothing where none could be made."""
        random = self.random
        if persona not in SHARES:
            return talk.dialogue(random, random.choice([one for one in self.others if one.persona == persona]))
        if persona in self.talks and random.random() < TALK:
            return talk.dialogue(random, random.choice(self.talks[persona]))
        roll = random.random()
        match persona:
            case "mechuri":
                if roll < 0.45:
                    return menu.dialogue(random)
                if roll < 0.5:
                    return menu.seed_dialogue(random)
                if roll < 0.53:
                    return menu.from_english(random)
                return self._remembering(persona, "ko") if roll < 0.68 else self._small_talk(persona, "ko") or menu.dialogue(random)
            case "campus":
                if roll < 0.7:
                    return facts.dialogue(random) if roll < 0.5 else campus.real(random, self.personas["campus"]) or facts.dialogue(random)
                return campus.small_talk(random) if roll < 0.87 else self._remembering(persona, random.choice(["ko", "ko", "en"]))
            case "listener":
                language = "ko" if random.random() < 0.62 else "en"
                return self._remembering(persona, language) if roll < 0.22 else self._small_talk(persona, language)
            case "helper":
                language = random.choice(["ko", "en"])
                return self._remembering(persona, language) if roll < 0.33 else self._small_talk(persona, language)
            case _:
                return self._friend(persona)

    def _season(self, made: Dialogue) -> None:
        """Typing habits, unrelated memory in the first message, a group's name before the words, and joined dialogues."""
        random = self.random
        language = "ko" if is_korean(made.users()[0].text) else "en"
        if made.kind in ("chat", "scene", "talk") and random.random() < 0.3:
            made.users()[0].memory = memory.notes(random, language, 1, 5)
            memory.noise(random, language, made.users()[0])
        # Names and values keep their spelling where they are to be copied from the person's own words.
        copied_from_words = made.kind in ("memory", "recall")
        if made.kind == "group":
            return
        for user in made.users():
            if not copied_from_words or user.memory or "?" in user.text:
                user.text = typed(random, user.text)
        if random.random() < 0.08:
            chat.group(random, made)

    def _drafted(self, made: Dialogue) -> Dialogue:
        """The same under a draft for somebody of another name, where there is one for it."""
        language = "ko" if is_korean(made.users()[-1].text) else "en"
        kind = next((kind for (kind, of), who in DRAFTS.items() if of == language and made.persona in who), None)
        if kind is None:
            return made
        old, new = self.personas[made.persona].name, lexicon.value(self.random, "name", language)
        for user in made.users():
            user.text = user.text.replace(old, new)
        made.turns = [turn.replace(old, new) if isinstance(turn, str) else turn for turn in made.turns]
        made.system = SYSTEMS[kind][language].format(name=new)
        return made

    def _fits(self, made: Dialogue) -> bool:
        for user, reply in zip(made.turns[::2], made.turns[1::2], strict=True):
            said = spoken(user.text)
            if any(map(heldout.holds, said)) or repeats_the_person(said[-1], reply):
                return False
        if made.persona == "mechuri":
            for user in made.users():
                if not menu.harmless(user.memory.get("allergy", ""), [turn for turn in made.turns if isinstance(turn, str)]):
                    return False
        return True

    def dialogues(self) -> Iterator[Dialogue]:
        """Dialogues in random order, personas by their shares."""
        names = [name for name in SHARES if name in self.personas]
        weights = [SHARES[name] for name in names]
        while True:
            persona = self.random.choices(names, weights)[0]
            if self.others and self.random.random() < OTHERS:
                persona = self.random.choice(self.others).persona
            made = self.one(persona)
            if made is None:
                continue
            self._season(made)
            # What is said stands after other talk, as it does in a chat that goes on; a window may be long.
            if self.random.random() < 0.5:
                for _ in range(self.random.choice([1, 1, 1, 2, 2, 3, 6])):
                    earlier = self.one(persona)
                    if earlier and persona == "mechuri" and any(_LASTING.search(user.text) for user in earlier.users()):
                        continue
                    if earlier and earlier.kind not in ("memory", "recall", "told") and (earlier.kind == "group") == (made.kind == "group"):
                        for user in earlier.users():
                            user.memory, user.summary, user.recall = {}, [], []
                        made.turns = earlier.turns + made.turns
            # Example turns may stand first, as the daemon sends them.
            examples = self.personas[persona].examples
            if examples and self.random.random() < 0.2:
                for person, reply in reversed(examples[: self.random.randint(1, 2)]):
                    made.turns = [User(person), reply, *made.turns]
            if self._fits(made):
                yield self._drafted(made) if self.random.random() < DRAFTED else made

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
