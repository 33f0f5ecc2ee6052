"""Small talk from the corpus: an intent, a reply, and what may follow."""

import re
from collections.abc import Iterator
from random import Random

from . import lexicon, menu
from .corpus import Corpus, Voice, draw, fill, slots_of
from .dialogue import Dialogue, repeats_the_person
from .prompt import User

# What may be said after anything, and what may end a chat.
FOLLOWING = {"why", "tell_me_more", "really", "laugh", "agree_yes", "disagree_no", "maybe", "what_do_you_mean", "say_again"}
# What may only be said after a dish was recommended.
AFTER_A_DISH = {"another", "reject_dish", "accept_dish", "how_to_make", "ask_calorie", "ask_spicy", "ask_price_where"}
CLOSING = {"goodbye", "thanks", "good_night"}
# What people tell and ask by its kind, whatever it is about (`corpus/said/`): the reply fits the kind. So most of what the corpus does
# not know is still answered in the right mood.
KINDS = {"news_good", "mishap", "annoyed_by", "worn_out", "doing_now", "made_or_bought", "looking_forward", "worried", "hurt", "loved_ones", "odd"}
KINDS |= {"stuck_choice", "asks_view", "asks_experience", "asks_advice"}
# What goes on from these.
DETAILS = {"detail_good", "detail_bad", "detail_plain"}
# Share of the kinds among what is said.
BY_KIND = 0.18
# After the persona was asked how it is, and asked back.
BACK = "i_am_good_and_you"
ASKING_HOW = {"how_are_you", "greet"}


def exchange(random: Random, corpus: Corpus, voice: Voice, intent: str, name: str) -> tuple[str, str] | None:
    """One phrasing and one reply, with the slots of both filled by the same values."""
    for _ in range(6):
        phrasing, reply = random.choice(voice.phrasings[intent]), random.choice(voice.replies[intent])
        said, answered = slots_of(phrasing), slots_of(reply)
        slotted = any(slots_of(one) for one in voice.phrasings[intent][:8])
        if answered - said and slotted:
            continue
        values = {slot: draw(random, corpus, slot, voice.language) for slot in sorted(said | answered)} | {"persona": name}
        words, reply = fill(phrasing, values), fill(reply, values)
        if "{" in words + reply or repeats_the_person(words, reply):
            continue
        return words, reply
    return None


def pair(random: Random, corpus: Corpus, voice: Voice, name: str) -> list[User | str]:
    """One exchange about anything, or nothing where none could be made."""
    made = exchange(random, corpus, voice, _next(random, voice, None, ""), name)
    return [User(made[0]), made[1]] if made else []


def _next(random: Random, voice: Voice, before: str | None, last: str) -> str:
    roll = random.random()
    if before in ASKING_HOW and "?" in last and BACK in voice.intents and roll < 0.5:
        return BACK
    following = [intent for intent in voice.intents if intent in FOLLOWING]
    recommended = menu.names_in(last) and re.search("어떠|어때|추천", last)
    if before and recommended and roll < 0.6:
        dishes = [intent for intent in voice.intents if intent in AFTER_A_DISH]
        if dishes:
            return random.choice(["another", "another", "reject_dish", "accept_dish", random.choice(dishes)])
    details = [intent for intent in voice.intents if intent in DETAILS]
    if before in KINDS | DETAILS and details and roll < 0.5:
        return random.choice(details)
    if before and following and random.random() < 0.3:
        return random.choice(following)
    kinds = [intent for intent in voice.intents if intent in KINDS]
    if kinds and random.random() < BY_KIND:
        return random.choice(kinds)
    return random.choice([intent for intent in voice.intents if intent not in AFTER_A_DISH | DETAILS | KINDS])


def _turns(random: Random, corpus: Corpus, voice: Voice, name: str, count: int) -> Iterator[User | str]:
    intent: str | None = None
    last = ""
    offered: set[str] = set()
    for number in range(count):
        closing = [one for one in voice.intents if one in CLOSING]
        if number and number == count - 1 and closing and random.random() < 0.35:
            intent = random.choice(closing)
        elif number == 0 and "greet" in voice.intents and random.random() < 0.2:
            intent = random.choice([one for one in ("greet", "how_are_you") if one in voice.intents])
        else:
            intent = _next(random, voice, intent, last)
        made = exchange(random, corpus, voice, intent, name)
        if not made or (intent in ("another", "reject_dish") and menu.names_in(made[1]) & offered):
            continue
        words, last = made
        offered |= menu.names_in(last)
        # Two things in one message: the second is what is answered.
        if voice.language == "en" and random.random() < 0.1:
            opener = next((one for one in ([intent] if intent == BACK else ["greet", BACK]) if one in voice.intents), None)
            if opener and opener != intent:
                lead = random.choice([random.choice(voice.phrasings[opener]).replace("{persona}", name), "i'm good", "hey " + name, "i'm good too", "ok", "haha", "nice"])
                if not slots_of(lead):
                    words = lead.rstrip(".?! ") + random.choice([", ", ". ", "! ", " "]) + words
        yield User(words)
        yield last


def dialogue(random: Random, corpus: Corpus, voice: Voice, name: str) -> Dialogue:
    """One to five exchanges (now and then many), or a hand-written scene."""
    if voice.scenes and random.random() < 0.3:
        scene = random.choice(voice.scenes)
        slots = sorted(set().union(*(slots_of(line) for line in scene)))
        values = {slot: draw(random, corpus, slot, voice.language) for slot in slots} | {"persona": name}
        lines = [fill(line, values) for line in scene]
        turns: list[User | str] = [User(line) if place % 2 == 0 else line for place, line in enumerate(lines)]
        if not any("{" in line for line in lines):
            return Dialogue(voice.persona, turns, "scene")
    count = random.choices([1, 2, 3, 4, 5, 9, 13], [14, 20, 22, 18, 14, 4, 1])[0]
    while True:
        turns = list(_turns(random, corpus, voice, name, count))
        if turns:
            return Dialogue(voice.persona, turns, "chat")


def in_another_language(random: Random, voice: Voice, words: str) -> Dialogue | None:
    """Korean typed to an English persona: it asks, in English, for English."""
    if "korean_text_to_me" not in voice.replies:
        return None
    return Dialogue(voice.persona, [User(words), random.choice(voice.replies["korean_text_to_me"])], "korean")


def group(random: Random, dialogue: Dialogue) -> None:
    """Leads every message by a name and a short id, as in a place that several people share."""
    known = next((user.memory["name"] for user in dialogue.users() if "name" in user.memory), None)
    if dialogue.kind in ("memory", "recall") and not known:
        return
    lead = f"{known or lexicon.value(random, 'name', 'en')}#{random.randrange(1 << 16):04x}: "
    for user in dialogue.users():
        user.text = lead + user.text
