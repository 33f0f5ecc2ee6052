"""Measures a GGUF with the held-out questions: `python -m starter.evaluate [file] [--show]`. Replies are greedy."""

import argparse
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer

from . import gguf_file
from .dialogue import ENDED, repeats_the_person
from .heldout import Item, items
from .model import Starter
from .paths import STARTER
from .prompt import END, Persona, User, chatml, is_korean, opening, personas

MOST_TOKENS = 96
# A few letters four times in a row, laughter and tears aside.
_STUTTER = re.compile(r"((?!ha|ah|[ㅋㅎㅠㅜ])[^\W_]{2,8}?)\1{3}", re.I)


@dataclass
class Outcome:
    """What came of one question."""

    item: Item
    reply: str
    ended: bool

    @property
    def content(self) -> bool:
        """Whether the reply says what it must and nothing that it must not."""
        said = self.reply.lower()
        return (
            (not self.item.any or any(word.lower() in said for word in self.item.any))
            and all(word.lower() in said for word in self.item.all)
            and not any(word.lower() in said for word in self.item.none)
            and bool(self.reply.strip())
        )

    @property
    def language(self) -> bool:
        """Whether it is in the language that is expected: Hangul occurs, or does not."""
        return is_korean(self.reply) == (self.item.language == "ko")

    @property
    def copied(self) -> bool:
        """Whether it opens with the person's own sentence."""
        last = self.item.turns[-1]
        return isinstance(last, User) and repeats_the_person(last.text, self.reply)

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


def complete(model: Starter, tokenizer: Tokenizer, prompt: str) -> tuple[str, bool]:
    """The greedy reply to a prompt, and whether it ended by itself."""
    end = tokenizer.token_to_id(END)
    cache: list[tuple[torch.Tensor, torch.Tensor]] = []
    scores = model.advance(torch.tensor([tokenizer.encode(prompt).ids]), cache)
    reply: list[int] = []
    while len(reply) < MOST_TOKENS:
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
            prompt += chatml("user", turn.render("ko" if is_korean(turn.text) else "en"))
        else:
            prompt += chatml("assistant", turn)
    return complete(model, tokenizer, prompt + opening())


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


MEASURES = {"content": "content", "language": "language kept", "copied": "repeats the person", "loops": "loops", "complete": "complete"}


def _row(label: str, group: list[int], *files: list[Outcome]) -> str:
    """One line: the shares of a group of questions, of each file in turn."""

    def share(outcomes: list[Outcome], measure: str) -> str:
        return f"{sum(getattr(outcomes[place], measure) for place in group) / len(group):.0%}"

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


def report(path: Path, show: bool = False, before: Path | None = None, adapter: Path | None = None) -> None:
    """Prints the table, and the failures (or every reply)."""
    outcomes = measure(path, adapter)
    print(table(measure(before), outcomes) if before else table(outcomes))
    for one in outcomes:
        good = one.content and one.language and one.complete and not one.copied and not one.loops
        if show or not good:
            said = " / ".join(turn.text for turn in one.item.turns if isinstance(turn, User))
            print(f"{'ok  ' if good else 'FAIL'} {one.item.kind:9} {one.item.persona:9} {said} -> {one.reply}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measures a starter model with the held-out questions.")
    parser.add_argument("file", type=Path, nargs="?", default=STARTER)
    parser.add_argument("--show", action="store_true", help="print every reply, not only the failures")
    parser.add_argument("--before", type=Path, help="another starter's file, whose shares stand first in each cell")
    parser.add_argument("--adapter", type=Path, help="a LoRA adapter of the file, applied to every persona")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    report(arguments.file, arguments.show, arguments.before, arguments.adapter)


if __name__ == "__main__":
    main()
