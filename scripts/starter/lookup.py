"""Rows that teach nothing but to look up: random keys with random values, and a question by key. They belong to no persona; they only
make the model learn early to copy from the prompt, which persona dialogues alone teach it slowly."""

from random import Random

from . import lexicon


def _words(random: Random, most: int) -> str:
    make = random.choice([lexicon.syllables_en, lexicon.syllables_ko, lambda one: str(one.randint(1, 9999)), lambda one: lexicon.value(one, one.choice(_KEYS), one.choice(["en", "ko"]))])
    return " ".join(make(random) for _ in range(random.randint(1, most)))


_KEYS = ["name", "job", "home", "studies", "hobby", "birthday", "pet", "likes", "allergy"]


def lookups(random: Random) -> list[tuple[str, str]]:
    """One table of three to seven lines, and a question for most of them."""
    table = {_words(random, 1): _words(random, 4) for _ in range(random.randint(3, 7))}
    asked = random.sample(list(table), random.randint(2, len(table)))
    tag = random.choice(["memory", "facts", "recall"])
    between = " " if tag == "facts" else ": "
    block = "\n".join(f"{key}{between}{value}" for key, value in table.items())
    made: list[tuple[str, str]] = []
    for place, key in enumerate(asked):
        made.append(("user", (f"<{tag}>\n{block}\n</{tag}>\n" if place == 0 else "") + key))
        made.append(("assistant", f"= {table[key]}"))
    return made


def continuations(random: Random) -> list[tuple[str, str]]:
    """A line of random words, and then two of them: the reply goes on from there, word by word. The simplest thing that can only be copied."""
    words = [_words(random, 1) for _ in range(random.randint(14, 40))]
    made: list[tuple[str, str]] = []
    for turn in range(random.randint(2, 4)):
        first = random.randrange(len(words) - 4)
        last = min(len(words), first + random.randint(6, 24))
        line = "<facts>\n" + " ".join(words) + "\n</facts>\n" if turn == 0 else ""
        made.append(("user", f"{line}{words[first]} {words[first + 1]}"))
        made.append(("assistant", "> " + " ".join(words[first:last])))
    return made


def messages(random: Random) -> list[tuple[str, str]]:
    """Either of the two."""
    return continuations(random) if random.random() < 0.6 else lookups(random)
