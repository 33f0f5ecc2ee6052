"""Measures a GGUF with the held-out questions: `python -m starter.evaluate [file] [--show]`. Replies are greedy."""

import argparse
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer

from . import gguf_file
from .dialogue import ENDED, repeats_the_person, spoken
from .heldout import Item, items
from .model import Starter
from .paths import STARTER
from .prompt import END, Persona, User, chatml, language_of, opening, personas

# A few letters four times in a row, laughter and tears aside.
_STUTTER = re.compile(r"((?!ha|ah|[ㅋㅎㅠㅜ])[^\W_]{2,8}?)\1{3}", re.I)


@dataclass
class Outcome:
    """What came of one question."""

    item: Item
    reply: str
    ended: bool

    @property
    def content(self) -> bool | None:
        """Whether the reply says what it must and nothing that it must not; `None` where nothing certain is expected."""
        if not (self.item.any or self.item.all or self.item.none):
            return None
        said = self.reply.lower()
        return (
            (not self.item.any or any(word.lower() in said for word in self.item.any))
            and all(word.lower() in said for word in self.item.all)
            and not any(word.lower() in said for word in self.item.none)
            and bool(self.reply.strip())
        )

    @property
    def language(self) -> bool:
        """Whether it is in the language that is expected."""
        return language_of(self.reply) == self.item.language

    @property
    def copied(self) -> bool:
        """Whether it opens with the person's own sentence."""
        last = self.item.turns[-1]
        return isinstance(last, User) and repeats_the_person(spoken(last.text)[-1], self.reply)

    @property
    def loops(self) -> bool:
        """Whether three words in a row occur three times, or a few letters four times in a row."""
        if _STUTTER.search(self.reply):
            return True
        words = self.reply.lower().split()
        threes = [tuple(words[place : place + 3]) for place in range(len(words) - 2)]
        return any(threes.count(three) >= 3 for three in set(threes))

    @property
    def complete(self) -> bool:
        """Whether it ended by itself, with the end of a sentence."""
        return self.ended and bool(ENDED.search(self.reply))

    @property
    def good(self) -> bool:
        """Whether nothing of all that is amiss."""
        return self.content is not False and self.language and self.complete and not self.copied and not self.loops


def complete(model: Starter, tokenizer: Tokenizer, prompt: str, most: int) -> tuple[str, bool]:
    """The greedy reply to a prompt, of at most so many tokens, and whether it ended by itself."""
    end = tokenizer.token_to_id(END)
    cache: list[tuple[torch.Tensor, torch.Tensor]] = []
    scores = model.advance(torch.tensor([tokenizer.encode(prompt).ids]), cache)
    reply: list[int] = []
    while len(reply) < most:
        following = int(scores.argmax())
        if following == end:
            return tokenizer.decode(reply), True
        reply.append(following)
        scores = model.advance(torch.tensor([[following]]), cache)
    return tokenizer.decode(reply), False


def answer(model: Starter, tokenizer: Tokenizer, persona: Persona, turns: list[User | str]) -> tuple[str, bool]:
    """The persona's reply to a dialogue that ends with the person's words."""
    prompt = chatml("system", persona.system)
    for turn in turns:
        if isinstance(turn, User):
            prompt += chatml("user", turn.render(language_of(turn.text)))
        else:
            prompt += chatml("assistant", turn)
    return complete(model, tokenizer, prompt + opening(), persona.reply_tokens)


def measure(path: Path, adapter: Path | None = None) -> list[Outcome]:
    """Asks every held-out question. Replies that stand open in a dialogue are the model's own."""
    model, tokenizer = gguf_file.read(path)
    if adapter:
        gguf_file.adapt(model, adapter)
    library = personas()
    outcomes = []
    for item in items():
        turns: list[User | str] = []
        reply, ended = "", False
        for place, turn in enumerate(item.turns):
            if turn is None:
                turns.append(reply)
                continue
            turns.append(turn)
            if isinstance(turn, User) and (place == len(item.turns) - 1 or item.turns[place + 1] is None):
                reply, ended = answer(model, tokenizer, library[item.persona], turns)
        outcomes.append(Outcome(item, reply, ended))
    return outcomes


MEASURES = {"content": "content", "language": "language kept", "copied": "repeats the person", "loops": "loops", "complete": "complete", "good": "nothing amiss"}


def _row(label: str, group: list[int], *files: list[Outcome]) -> str:
    """One line: the shares of a group of questions, of each file in turn."""

    def share(outcomes: list[Outcome], measure: str) -> str:
        found = [answer for place in group if (answer := getattr(outcomes[place], measure)) is not None]
        return f"{sum(found) / len(found):.0%}" if found else "–"

    cells = [" → ".join(share(outcomes, measure) for outcomes in files) for measure in MEASURES]
    return f"| {label} | {len(group)} | " + " | ".join(cells) + " |"


def table(*files: list[Outcome]) -> str:
    """A Markdown table: by set, kind and persona, and altogether; several files stand beside each other in a cell."""
    lines = ["| group | questions | " + " | ".join(MEASURES.values()) + " |", "|---" * (len(MEASURES) + 2) + "|"]
    asked = [one.item for one in files[0]]
    for attribute in ("set", "kind", "persona"):
        groups: dict[str, list[int]] = defaultdict(list)
        for place, item in enumerate(asked):
            groups[getattr(item, attribute)].append(place)
        lines += [_row(f"{attribute}: {name}", group, *files) for name, group in sorted(groups.items())]
    unseen = [place for place, item in enumerate(asked) if item.kind != "seed"]
    return "\n".join([*lines, _row("all but the seeds' samples", unseen, *files), _row("all", list(range(len(asked))), *files)])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measures a starter model with the held-out questions.")
    parser.add_argument("file", type=Path, nargs="?", default=STARTER)
    parser.add_argument("--show", action="store_true", help="print questions and replies, too; whoever has seen them must not write training text any more")
    parser.add_argument("--before", type=Path, help="another starter's file, whose shares stand first in each cell")
    parser.add_argument("--adapter", type=Path, help="a LoRA adapter of the file, applied to every persona")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    outcomes = measure(arguments.file, arguments.adapter)
    print(table(measure(arguments.before), outcomes) if arguments.before else table(outcomes))
    for one in outcomes if arguments.show else ():
        said = " / ".join(turn.text for turn in one.item.turns if isinstance(turn, User))
        print(f"{'ok  ' if one.good else 'FAIL'} {one.item.kind:9} {one.item.persona:9} {said} -> {one.reply}")


if __name__ == "__main__":
    main()
