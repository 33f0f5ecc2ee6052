"""What the fields of a row mean: question and answer, an instruction, a conversation, an export of the daemon."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..dialogue import Dialogue, Role, Source, Turn
from ..problems import BadRow
from .rows import Row
from .text import clean

# Column names are compared in lower case without spaces, underscores and hyphens.
QUESTIONS = ("question", "questions", "query", "prompt", "user", "q", "질문", "질의", "문의", "물음", "사용자", "질문내용")  # fmt: skip
ANSWERS = ("answer", "answers", "response", "reply", "completion", "a", "답변", "대답", "응답", "답", "챗봇", "답변내용")  # fmt: skip
INSTRUCTIONS = ("instruction", "지시", "지시문", "명령")
INPUTS = ("input", "입력")
OUTPUTS = ("output", "출력", "response", "답변", "answer")
ROLES: dict[str, Role | None] = {
    "user": "user",
    "human": "user",
    "person": "user",
    "사용자": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "챗봇": "assistant",
    "system": None,
}
# The emotional dialogue corpus of AI Hub: columns 사람문장1, 시스템문장1 (시스템응답1 in its first edition), … and in JSON HS01, SS01, …
SENTENCE = re.compile(r"(사람|시스템)(?:문장|응답)0*(\d)|(HS|SS)0*(\d)", re.IGNORECASE)
NOTHING = ("", "<noinput>", "<no input>", "없음", "nan", "none", "null")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands, and whose words are learnt."""

    file: str
    """The file, as it was given."""
    row: int
    """Line or row in it, from 1."""
    name: str
    """What the file is called in the names of groups."""
    persona: str
    """The persona's id."""

    def dialogue(
        self, turns: Iterable[Turn], group: str = "", system: str | None = None
    ) -> Dialogue | BadRow:
        """A dialogue that begins here, or why it is none."""
        group = f"{self.name}/{group or self.row}"
        try:
            source = Source(self.file, self.row)
            return Dialogue(self.persona, group, tuple(turns), source, system)
        except ValueError as fault:
            return self.bad(f"{fault}; a dialogue needs words of both sides, in turn")

    def bad(self, reason: str) -> BadRow:
        """The row as one that is left out."""
        return BadRow(self.file, self.row, reason)


@dataclass(frozen=True, slots=True)
class Shape:
    """A form of rows."""

    name: str
    """As it is called in messages."""
    fits: Callable[[Row], bool]
    read: Callable[[Place, Row], Iterator[Dialogue | BadRow]]


def shape_of(row: Row) -> Shape | None:
    """The form of a row by its fields; the first that fits."""
    return next((shape for shape in SHAPES if shape.fits(row)), None)


def _field(row: Row, names: tuple[str, ...]) -> str | None:
    """The name of the field that is called by one of these names."""
    plain = {re.sub(r"[\s_-]", "", str(name)).lower(): name for name in row}
    return next((plain[name] for name in names if name in plain), None)


def words_of(row: Row, names: tuple[str, ...]) -> str:
    """The cleaned words of that field; nothing where it is empty."""
    name = _field(row, names)
    value = row.get(name) if name is not None else None
    if value is None or isinstance(value, (dict, list)):
        return ""
    words = clean(str(value))
    return "" if words.lower() in NOTHING else words


def _pair(question: str, answer: str) -> list[Turn]:
    return [Turn("user", question), Turn("assistant", answer)]


def _table(place: Place, row: Row) -> Iterator[Dialogue | BadRow]:
    question, answer = words_of(row, QUESTIONS), words_of(row, ANSWERS)
    if not question or not answer:
        yield place.bad(f"the {'answer' if question else 'question'} is empty")
    else:
        yield place.dialogue(_pair(question, answer))


def _task(place: Place, instruction: str, given: str, output: str) -> Dialogue | BadRow:
    """One example of an instruction; what is given with it follows after an empty line."""
    if not instruction or not output:
        return place.bad(f"the {'output' if instruction else 'instruction'} is empty")
    return place.dialogue(
        _pair(f"{instruction}\n\n{given}" if given else instruction, output)
    )


def _alpaca(place: Place, row: Row) -> Iterator[Dialogue | BadRow]:
    yield _task(
        place,
        words_of(row, INSTRUCTIONS),
        words_of(row, INPUTS),
        words_of(row, OUTPUTS),
    )


def _self_instruct(place: Place, row: Row) -> Iterator[Dialogue | BadRow]:
    instances = row["instances"]
    if not isinstance(instances, list) or not instances:
        yield place.bad('"instances" holds no example {"input": …, "output": …}')
        return
    for instance in instances:
        if not isinstance(instance, dict):
            yield place.bad('an instance is not {"input": …, "output": …}')
            continue
        yield _task(
            place,
            words_of(row, INSTRUCTIONS),
            words_of(instance, INPUTS),
            words_of(instance, OUTPUTS),
        )


def _sentences(row: Row) -> dict[tuple[int, Role], str]:
    """The field of each sentence by its turn and side."""
    found: dict[tuple[int, Role], str] = {}
    for name in row:
        match = SENTENCE.fullmatch(re.sub(r"[\s_]", "", str(name)))
        if match:
            person = (match[1] or match[3].upper()) in ("사람", "HS")
            found[int(match[2] or match[4]), "user" if person else "assistant"] = name
    return found


def _emotional(place: Place, row: Row) -> Iterator[Dialogue | BadRow]:
    """Three turns of two sentences; the third, or more, may be missing."""
    talk = row.get("talk")
    sentences = talk.get("content") if isinstance(talk, dict) else row
    if not isinstance(sentences, dict):
        yield place.bad('"talk" holds no "content" with HS01, SS01, …')
        return
    turns = []
    for (_, role), name in sorted(
        _sentences(sentences).items(), key=lambda item: (item[0][0], item[0][1] != "user")
    ):  # fmt: skip
        words = clean(str(sentences[name] or ""))
        if words.lower() not in NOTHING:
            turns.append(Turn(role, words))
    yield from _both_sides(place, turns)


def _chat(place: Place, row: Row) -> Iterator[Dialogue | BadRow]:
    """ChatML ({"messages": [{"role", "content"}]}) and ShareGPT ({"conversations": [{"from", "value"}]})."""
    if isinstance(row.get("persona"), str) and row["persona"] != place.persona:
        yield _of_another(place, row["persona"])
        return
    messages = row.get("messages", row.get("conversations"))
    if not isinstance(messages, list):
        yield place.bad("the messages are not a list")
        return
    turns: list[Turn] = []
    system: str | None = None
    for number, message in enumerate(messages, 1):
        if not isinstance(message, dict):
            yield place.bad(f"message {number} is not an object")
            return
        role = str(message.get("role", message.get("from", ""))).lower()
        content = message.get("content", message.get("value"))
        if role not in ROLES or not isinstance(content, str):
            what = (
                f"the role {role!r}" if role not in ROLES else "content that is no text"
            )
            yield place.bad(
                f"message {number} has {what}; known are system, user (human) and assistant (gpt)"
            )
            return
        side = ROLES[role]
        if side is None:
            system = clean(content) or None
        elif clean(content):
            name = message.get("name")
            turns.append(
                Turn(side, clean(content), name if isinstance(name, str) else None)
            )
    yield from _both_sides(place, turns, system=system)


def _export(place: Place, row: Row) -> Iterator[Dialogue | BadRow]:
    """What `chatfriends memory export` and /memory export write: the turns of one person with one persona."""
    if row["persona"] != place.persona:
        yield _of_another(place, row["persona"])
        return
    conversations: dict[str, list[list[Turn]]] = {}
    for turn in row["turns"]:
        runs = conversations.setdefault(
            f"{turn.get('place')}-{turn.get('thread')}", [[]]
        )
        reply = turn.get("reply") or {}
        text, answer = clean(turn.get("text") or ""), clean(reply.get("text") or "")
        if text and answer and reply.get("complete", True):
            runs[-1] += _pair(text, answer)
        else:
            yield place.bad(f"turn {turn.get('turn')} has no complete reply")
            runs.append([])
    for number, runs in enumerate(conversations.values(), 1):
        for turns in filter(None, runs):
            yield place.dialogue(turns, f"{place.row}-conversation-{number}")


def _of_another(place: Place, persona: str) -> BadRow:
    return place.bad(
        f"these turns are with {persona!r}, not with {place.persona!r}; prepare them with --persona {persona}"
    )


def _both_sides(
    place: Place, turns: list[Turn], system: str | None = None
) -> Iterator[Dialogue | BadRow]:
    """A conversation from the person's first words to the persona's last; messages of one side in a row become one."""
    joined: list[Turn] = []
    for turn in turns:
        before = joined[-1] if joined else None
        if before and before.role == turn.role:
            name = turn.name if turn.name == before.name else None
            joined[-1] = Turn(turn.role, f"{before.content}\n{turn.content}", name)
        else:
            joined.append(turn)
    sides = {turn.role for turn in joined}
    if len(sides) < 2:
        side = {"user": "the person", "assistant": "the persona"}.get("".join(sides))
        yield place.bad(
            f"one-sided: only {side} speaks" if side else "no one speaks in it"
        )
        return
    if joined[0].role == "assistant":
        yield place.bad(
            "only in part: the persona's words before the person's first are left out"
        )
        del joined[0]
    if joined and joined[-1].role == "user":
        yield place.bad("only in part: the person's last words have no answer")
        del joined[-1]
    if joined:
        yield place.dialogue(joined, system=system)


SHAPES = (
    Shape(
        "an export of the daemon",
        lambda row: "persona" in row and isinstance(row.get("turns"), list),
        _export,
    ),
    Shape(
        "a conversation",
        lambda row: "messages" in row or "conversations" in row,
        _chat,
    ),
    Shape(
        "the emotional dialogue corpus",
        lambda row: "talk" in row or {(1, "user"), (1, "assistant")} <= _sentences(row).keys(),
        _emotional,
    ),
    Shape(
        "self-instruct",
        lambda row: "instances" in row and _field(row, INSTRUCTIONS) is not None,
        _self_instruct,
    ),
    Shape(
        "an instruction",
        lambda row: bool(_field(row, INSTRUCTIONS) and _field(row, OUTPUTS)),
        _alpaca,
    ),
    Shape(
        "question and answer",
        lambda row: bool(_field(row, QUESTIONS) and _field(row, ANSWERS)),
        _table,
    ),
    # Two columns that are called input and output are a question and its answer, too.
    Shape(
        "input and output",
        lambda row: bool(_field(row, INPUTS) and _field(row, OUTPUTS)),
        lambda place, row: iter([_task(place, words_of(row, INPUTS), "", words_of(row, OUTPUTS))]),
    ),
)  # fmt: skip
