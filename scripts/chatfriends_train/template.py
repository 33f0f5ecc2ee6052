"""Chat templates, filled as the daemon fills them (engine/src/template.rs), so that training shows what serving will show.

Pieces tell the template's own words from people's: only in the former do special tokens count. No tokenizer is needed here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn, Self

import jinja2
import jinja2.sandbox

from .problems import Problem

Role = Literal["system", "user", "assistant"]

# The texts of engine/src/template/known.rs; a test compares them.
KNOWN = {
    "chatml": "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n"
    "{% endfor %}<|im_start|>assistant{{ '\\n' }}",
    "llama3": "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
    "{{ message.content }}<|eot_id|>{% endfor %}<|start_header_id|>assistant<|end_header_id|>{{ '\\n\\n' }}",
    "gemma": "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "<start_of_turn>{{ 'model' if message.role == 'assistant' else 'user' }}\n"
    "{{ message.content }}<end_of_turn>\n"
    "{% endfor %}<start_of_turn>model{{ '\\n' }}",
    "mistral": "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'system' %}{{ raise_exception('no system role') }}"
    "{% elif message.role == 'user' %}[INST] {{ message.content }}[/INST]"
    "{% else %} {{ message.content }}{{ eos_token }}{% endif %}{% endfor %}",
    "koalpaca": "{% for message in messages %}"
    "{% if message.role == 'system' %}{{ message.content }}{{ '\\n\\n' }}"
    "{% elif message.role == 'user' %}### 질문: {{ message.content }}{{ '\\n\\n' }}"
    "{% else %}### 답변: {{ message.content }}{{ eos_token }}{{ '\\n\\n' }}{% endif %}{% endfor %}### 답변:",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What one side says, or the system's text."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a prompt."""

    text: str
    trusted: bool
    """The template's own words, in which special tokens count. Everything else is somebody's text."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a template may ask of the vocabulary; "" where it has none."""

    bos: str
    eos: str


class Template:
    """A chat template that has passed the daemon's probes."""

    # Begins every placeholder. The daemon draws it at random against templates that know it; nobody attacks their own training.
    NONCE = "cf5d1e7c0a9b3f24"

    def __init__(self, source: str, marks: Marks) -> None:
        """Takes a known name or Jinja text. Raises `Problem` where the daemon would refuse it."""
        text = KNOWN.get(source, source)
        if "{%" not in text and "{{" not in text:
            raise Problem(
                f"unknown chat template {source!r}: it is {', '.join(KNOWN)}, or Jinja text"
            )
        self.source = source
        """As it was given: what a persona's `template` says."""
        self.text = text
        """The Jinja text."""
        self._marks = marks
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True
        )
        environment.globals |= {
            "raise_exception": _raise_exception,
            "strftime_now": lambda form: datetime.now(UTC).strftime(form),
        }
        self._fold_system = False
        try:
            self._jinja = environment.from_string(text)
        except jinja2.TemplateError as error:
            raise Problem(f"the chat template is broken: {error}") from error
        self._probe()

    @classmethod
    def of(cls, tokenizer: Any, named: str | None) -> Self:
        """The template for a Hugging Face tokenizer: the named one, or the model's own.

        Raises `Problem` where there is neither.
        """
        source = named or tokenizer.chat_template
        if isinstance(source, dict):
            source = source.get("default")
        if not source:
            raise Problem(
                f"the model {tokenizer.name_or_path} came without a chat template: name one in the preset, such as "
                f'template = "koalpaca" (known are {", ".join(KNOWN)})'
            )
        marks = Marks(tokenizer.bos_token or "", tokenizer.eos_token or "")
        return cls(source, marks)

    def render(self, messages: Sequence[Message]) -> list[Piece]:
        """The prompt for these messages, up to where the model's reply begins."""
        seen = [
            {"role": message.role, "content": f"{self.NONCE}m{index:06}"}
            for index, message in enumerate(messages)
        ]
        if self._fold_system:
            seen = _folded(seen)
        try:
            text = self._jinja.render(
                messages=seen,
                add_generation_prompt=True,
                bos_token=self._marks.bos,
                eos_token=self._marks.eos,
                enable_thinking=False,
                tools=None,
                documents=None,
            )
        except (jinja2.TemplateError, TypeError, ValueError, LookupError) as error:
            raise Problem(f"the chat template is broken: {error}") from error
        return self._split(text, [message.content for message in messages])

    def reply(self, messages: Sequence[Message], content: str) -> list[Piece]:
        """What the model writes after `render(messages)`: its words, and what begins right after them up to the next turn."""
        before = "".join(piece.text for piece in self.render(messages))
        whole = self.render([*messages, Message("assistant", content), _ASKED])
        # The prompt's contents are the same pieces; where the template writes history otherwise than a prompt (a model that
        # thinks first leaves that out later), nothing leads the words.
        place = _content_place(whole, len(messages))
        told = "".join(piece.text for piece in whole[:place])
        lead = told[len(before) :] if told.startswith(before) else ""
        pieces = [Piece(lead, True)] if lead else []
        return [*pieces, Piece(content, False), Piece(self.turn_end, True)]

    def _probe(self) -> None:
        """Learns how the template treats the roles, and refuses one that loses or repeats what is said."""
        self.render([Message("user", "x")])
        try:
            self.render([Message("system", "x"), Message("user", "x")])
        except Problem:
            self._fold_system = True
            self.render([Message("system", "x"), Message("user", "x")])
        pieces = self.render(
            [Message("user", "x"), Message("assistant", "x"), Message("user", "x")]
        )
        after = _content_place(pieces, 1) + 1
        self.turn_end = pieces[after].text if pieces[after].trusted else ""
        """What the template writes between the model's words and the next message."""

    def _split(self, text: str, contents: Sequence[str]) -> list[Piece]:
        """Cuts the filled template at its placeholders and puts the contents in. Each must be there once, in order."""
        first, *parts = text.split(f"{self.NONCE}m")
        pieces = [Piece(first, True)]
        for index, part in enumerate(parts):
            if index >= len(contents) or part[:6] != f"{index:06}":
                raise Problem(
                    "the chat template repeats or reorders messages: choose another one"
                )
            pieces += [Piece(contents[index], False), Piece(part[6:], True)]
        if len(parts) < len(contents):
            raise Problem("the chat template leaves messages out: choose another one")
        return [piece for piece in pieces if piece.text]


_ASKED = Message("user", "x")


def _content_place(pieces: Sequence[Piece], message: int) -> int:
    """Where among pieces the words of a message stand; no message may be empty."""
    return [place for place, piece in enumerate(pieces) if not piece.trusted][message]


def _folded(seen: list[dict[str, str]]) -> list[dict[str, str]]:
    """Puts the system's text before the first message of the person."""
    if not seen or seen[0]["role"] != "system":
        return seen
    system, *others = seen
    first = next((one for one in others if one["role"] == "user"), None)
    if first is None:
        return [{**system, "role": "user"}, *others]
    first["content"] = f"{system['content']}\n\n{first['content']}"
    return others


def _raise_exception(reason: str) -> NoReturn:
    raise jinja2.TemplateError(reason)
