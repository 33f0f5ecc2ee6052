"""From dialogues to the token rows that a model is trained on, laid out as the daemon lays out its prompts.

The tokens are those of engine/src/worker/tokens.rs: special tokens only where the template writes them, all other text in the
longest possible runs. Labels are the persona's words and the token that ends its turn; everything else is -100 and teaches nothing.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .dialogue import Dialogue, Turn
from .persona import Persona
from .problems import Problem
from .template import Message, Piece, Template

UNLABELLED = -100
# bot/src/compose.rs: examples are shown when they take at most this share of the context, and a context is at most so long.
EXAMPLES_SHARE = 16
LONGEST_CONTEXT = 8192
# bot/src/memory/notes.rs: the blocks that only the daemon may open or close.
_OWN_TAG = re.compile(r"<(?=\s*/*\s*(?ai:memory|summary|recall|facts)(?![^\W_]))")


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt with the replies to learn."""

    tokens: list[int]
    labels: list[int]
    """As many as tokens; `UNLABELLED` where the model is not to learn the token."""
    dialogue: Dialogue


class Words:
    """A tokenizer used as the daemon uses its own."""

    def __init__(self, tokenizer: Any) -> None:
        """Takes a fast tokenizer of Hugging Face; slow ones cannot leave typed special tokens alone."""
        if not tokenizer.is_fast:
            raise Problem(
                f"the model {tokenizer.name_or_path} has no tokenizer.json, only a slow tokenizer; take a base that has one"
            )
        self.tokenizer = tokenizer
        # A conversation is read again for each of its replies, and what a template writes stands in all of them.
        self._own = lru_cache(maxsize=4096)(self._read)
        special = [
            (token.content, number, token.lstrip, token.rstrip)
            for number, token in tokenizer.added_tokens_decoder.items()
            if token.special and token.content
        ]
        # The longest first, as the daemon takes them.
        self._special = sorted(special, key=lambda token: -len(token[0]))
        self._begin_special = {token[0][0] for token in special}
        # Texts that the tokenizer makes one token of even in ordinary text. White space deceives nobody.
        self._defined = [
            token.content
            for token in tokenizer.added_tokens_decoder.values()
            if not token.special and token.content.strip() and len(token.content) > 1
        ]
        bos = tokenizer.bos_token_id
        begun = tokenizer("x").input_ids
        self._bos = bos if bos is not None and begun and begun[0] == bos else None
        # SentencePiece puts a space before a text. Newer Hugging Face tokenizers do so only where none is; llama.cpp always does.
        lead = tokenizer.convert_ids_to_tokens(self._own("x"))[0].startswith("▁")
        self._spared_space = lead and self._own(" x") == self._own("x")

    def plain(self, text: str) -> list[int]:
        """The tokens of ordinary text; special tokens in it are not seen."""
        return [
            *self._own(
                f" {text}" if self._spared_space and text.startswith(" ") else text
            )
        ]

    def _read(self, text: str) -> tuple[int, ...]:
        """As Hugging Face has them."""
        return tuple(
            self.tokenizer(
                text, add_special_tokens=False, split_special_tokens=True, verbose=False
            ).input_ids
        )

    def special_at(self, text: str, place: int) -> tuple[str, int, bool, bool] | None:
        """The special token that stands at this place of a text of the template."""
        if text[place] not in self._begin_special:
            return None
        return next(
            (token for token in self._special if text.startswith(token[0], place)), None
        )

    def tokens(self, pieces: Sequence[Piece]) -> list[int]:
        """The tokens of a prompt."""
        found: list[int] = []
        plain = ""
        strip = False
        # What the template writes as a marker must not be typed: it is broken up in people's words.
        markers = tuple(
            marker
            for marker in self._defined
            if any(piece.trusted and marker in piece.text for piece in pieces)
        )
        for piece in pieces:
            if not piece.trusted:
                *broken, rest = _broken_up(plain, piece.text, markers)
                for run in broken:
                    found += self.plain(run)
                plain = rest
                strip = False
                continue
            place = 0
            while place < len(piece.text):
                if strip and piece.text[place].isspace():
                    place += 1
                    continue
                strip = False
                special = self.special_at(piece.text, place)
                if special is None:
                    plain += piece.text[place]
                    place += 1
                    continue
                content, number, strips_left, strip = special
                found += self.plain(plain.rstrip() if strips_left else plain)
                found.append(number)
                plain = ""
                place += len(content)
        found += self.plain(plain)
        if self._bos is not None and found[:1] != [self._bos]:
            found.insert(0, self._bos)
        return found

    def turn_end(self, template: Template) -> Piece:
        """What ends the model's turn: the template's words up to its first special token, which the model must learn to write."""
        text = template.turn_end
        start = len(text) - len(text.lstrip())
        special = self.special_at(text, start) if text.strip() else None
        if special is None:
            raise Problem(
                f'the chat template ends the model\'s turn with "{text.strip()[:40]}", which is no special token of '
                f"{self.tokenizer.name_or_path}: it would talk on for ever; choose the template that the model was trained with"
            )
        return Piece(text[: start + len(special[0])], True)


def _broken_up(before: str, words: str, markers: tuple[str, ...]) -> Iterator[str]:
    """Runs of somebody's words, the first one behind `before`: after a marker's first character a new one begins."""
    start = 0
    for place in range(len(words)) if markers else ():
        if words.startswith(markers, place):
            yield before + words[start : place + 1]
            before, start = "", place + 1
    yield before + words[start:]


@dataclass(frozen=True, slots=True)
class Scene:
    """A dialogue with all that the daemon would show beside its words."""

    dialogue: Dialogue
    persona: Persona
    facts: Mapping[str, str]
    """What stands before each message of a persona that has facts (`Persona.facts_shown`)."""

    def messages(
        self, examples: Sequence[tuple[str, str]]
    ) -> tuple[list[Message], list[Message]]:
        """What stands above the conversation, with these of the persona's examples, and the conversation, as docs/PROMPT.md has them."""
        own = self.dialogue.system
        system = self.persona.system if own is None else own
        above = [Message("system", system)] if system.strip() else []
        for person, reply in examples:
            above += [Message("user", person), Message("assistant", reply)]
        names = {turn.name for turn in self.dialogue.turns if turn.name}

        def said(turn: Turn) -> str:
            if turn.role == "assistant":
                return turn.content.strip()
            shown = turn.shown
            if shown is None:
                shown = self.facts[turn.content] if self.persona.facts else ""
            return shown + _spoken(turn.content, turn.name if len(names) > 1 else None)

        turns = self.dialogue.turns
        return above, [Message(turn.role, said(turn)) for turn in turns]


def scenes(
    dialogues: Iterable[Dialogue], find: Callable[[str], Persona]
) -> Iterator[Scene]:
    """Dialogues with what belongs to them, persona by persona."""
    of_persona: dict[str, list[Dialogue]] = {}
    for one in dialogues:
        of_persona.setdefault(one.persona, []).append(one)
    for same in of_persona.values():
        who = persona_of(same[0], find)
        asked = (turn for one in same for turn in one.turns if turn.role == "user")
        facts = who.facts_shown(turn.content for turn in asked if turn.shown is None)
        yield from (Scene(one, who, facts) for one in same)


def persona_of(dialogue: Dialogue, find: Callable[[str], Persona]) -> Persona:
    """Who answers in a dialogue; a persona that has no file needs none where the data bring the text along."""
    try:
        return find(dialogue.persona)
    except Problem:
        if dialogue.system is None:
            raise
        return Persona(dialogue.persona, dialogue.system)


class Encoder:
    """Makes rows for one model."""

    def __init__(self, template: Template, words: Words, context: int) -> None:
        """`context` is the number of tokens that the model can see."""
        self._template = template
        self._words = words
        self._context = context
        self._end = words.turn_end(template)
        self._shown: dict[str, tuple[tuple[str, str], ...]] = {}

    def rows(self, scene: Scene) -> list[Row]:
        """The rows of a dialogue: one, or several where the template writes earlier replies otherwise than it lets them begin."""
        who = scene.persona
        if who.id not in self._shown:
            fit = _examples_fit(who, self._template, self._words, self._context)
            self._shown[who.id] = who.examples if fit else ()
        above, said = scene.messages(self._shown[who.id])
        return self.laid_out(scene.dialogue, above, said)

    def laid_out(
        self, dialogue: Dialogue, above: list[Message], said: list[Message]
    ) -> list[Row]:
        """The same of messages that are as the daemon shows them."""
        rows: list[Row] = []
        tokens: list[int] = []
        labels: list[int] = []
        for place in range(1, len(said), 2):
            history = [*above, *said[:place]]
            prompt = self._words.tokens(self._template.render(history))
            if tokens and prompt[: len(tokens)] != tokens:
                rows.append(Row(tokens, labels, dialogue))
                tokens, labels = [], []
            new = prompt[len(tokens) :]
            tokens, labels = tokens + new, labels + [UNLABELLED] * len(new)
            reply = self._reply(history, said[place].content)
            tokens, labels = tokens + reply, labels + reply
        return [*rows, Row(tokens, labels, dialogue)]

    def _reply(self, history: list[Message], content: str) -> list[int]:
        """What the model has to write after the prompt."""
        asked = self._template.render(history)
        reply = [*self._template.reply(history, content)[:-1], self._end]
        prompt = self._words.tokens(asked)
        whole = self._words.tokens([*asked, *reply])
        if whole[: len(prompt)] == prompt:
            return whole[len(prompt) :]
        # A token would span the border. The model begins to write behind the prompt's last token, so the border is kept.
        written = "".join(piece.text for piece in reply[:-1])
        return [*self._words.plain(written), *self._words.tokens([self._end])[-1:]]


def _examples_fit(
    persona: Persona, template: Template, words: Words, context: int
) -> bool:
    """Whether the daemon shows the persona's examples: all or none (`Room::examples` in bot/src/compose.rs)."""
    if not persona.examples:
        return False
    overhead = _overhead(template, words)
    tokens = sum(
        len(words.plain(person)) + len(words.plain(reply)) + 2 * overhead
        for person, reply in persona.examples
    )
    return tokens <= min(context, LONGEST_CONTEXT) // EXAMPLES_SHARE


def _overhead(template: Template, words: Words) -> int:
    """Tokens that the template adds to a message, as `message_overhead` of engine/src/worker/templates.rs counts them."""
    word = len(words.plain("x"))

    def added(*roles: Any) -> int:
        prompt = words.tokens(template.render([Message(role, "x") for role in roles]))
        return max(0, len(prompt) - word * len(roles))

    alone = added("user")
    with_system = added("system", "user")
    further = max(0, added("user", "assistant", "user") - alone)
    return max(alone, -(-with_system // 2), -(-further // 2)) + 2


def _spoken(words: str, name: str | None) -> str:
    """A person's words as the daemon shows them: none of its tags, and led by name and short id where several people talk."""
    safe = _OWN_TAG.sub("‹", words)
    if name is None:
        return safe
    # bot/src/identity.rs: two bytes of the id's hash. Training knows no ids, so the name stands for it.
    short = hashlib.sha256(f"web:{name}".encode()).hexdigest()[:4]
    return f"{name}#{short}: {safe}"


def refuse_too_long(rows: Sequence[Row], length: int, remedy: str) -> None:
    """Raises `Problem` that names the rows which would have to be cut."""
    long = [row for row in rows if len(row.tokens) > length]
    if not long:
        return
    named = "".join(
        f"\n  {row.dialogue.source.file}:{row.dialogue.source.row}: {len(row.tokens)} tokens"
        for row in sorted(long, key=lambda row: -len(row.tokens))[:20]
    )
    more = f"\n  … and {len(long) - 20} more" if len(long) > 20 else ""
    longest = max(len(row.tokens) for row in long)
    raise Problem(
        f"{len(long)} of {len(rows)} rows are longer than max_length = {length} tokens, and none is ever cut:{named}{more}\n"
        f"set max_length = {longest} {remedy}, or shorten these dialogues"
    )
