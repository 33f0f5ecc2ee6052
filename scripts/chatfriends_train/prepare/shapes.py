"""What the fields of a row mean: question and answer, an instruction, a conversation, an export of the daemon."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..dialogue import Dialogue, Role, Source, Turn
from ..problems import BadRow
from .rows import Row, kind_of
from .text import clean, is_korean

# Column names are compared in lower case without spaces, underscores and hyphens.
QUESTIONS = ("question", "questions", "query", "prompt", "user", "q", "질문", "질의", "문의", "물음", "사용자", "질문내용")  # fmt: skip
ANSWERS = ("answer", "answers", "response", "reply", "completion", "a", "답변", "대답", "응답", "답", "챗봇", "답변내용")  # fmt: skip
INSTRUCTIONS = ("instruction", "지시", "지시문", "명령")
INPUTS = ("input", "입력")
PASSAGES = ("context", "지문", "본문")
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
NO_INPUT = frozenset(("", "<noinput>", "<no input>", "없음", "nan", "none", "null"))
"""How data sets write that an instruction comes with nothing. An answer may be any of these words."""
ERRORS = frozenset(("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"))
"""What a spreadsheet writes where a formula has failed."""


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
    parse: Callable[[Place, Row], Iterator[Dialogue | BadRow]]
    fields: Callable[[Row], Iterable[str | None]]
    """Those of the row's fields that `parse` reads."""

    def read(self, place: Place, row: Row) -> Iterator[Dialogue | BadRow]:
        """The dialogues of a row, or why it has none."""
        try:
            yield from self.parse(place, row)
        except ValueError as fault:
            yield place.bad(str(fault))

    def unread(self, row: Row) -> set[str]:
        """The fields that teach nothing."""
        return set(filter(None, row)) - set(self.fields(row))


def shape_of(row: Row) -> Shape | None:
    """The form of a row by its fields; the first that fits."""
    return next((shape for shape in SHAPES if shape.fits(row)), None)


def field_of(row: Row, names: Sequence[str]) -> str | None:
    """The name of the field that is called by one of these names; `답변 (최종)` is `답변` where no other is."""
    exact = {_plain(name): name for name in row}
    found = next((exact[name] for name in names if name in exact), None)
    if found is not None:
        return found
    noted: dict[str, list[str]] = {}
    for name in row:
        noted.setdefault(_plain(re.sub(r"\(.*?\)|\[.*?\]|\*", "", str(name))), []).append(name)  # fmt: skip
    return next((noted[name][0] for name in names if len(noted.get(name, ())) == 1), None)  # fmt: skip


def _plain(name: object) -> str:
    return re.sub(r"[\s_-]", "", str(name)).lower()


def words_of(row: Row, names: Sequence[str]) -> str:
    """The cleaned words of that field; nothing where it is empty. Raises `ValueError` where it holds what is no text."""
    name = field_of(row, names)
    value = row.get(name) if name is not None else None
    # An empty cell of a number's column is NaN.
    if value is None or value != value:
        return ""
    if isinstance(value, (dict, list)):
        raise ValueError(f"the field {name!r} holds {kind_of(value)}, not text")
    words = clean(str(value))
    if words in ERRORS:
        raise ValueError(f"the field {name!r} holds {words}, an error of the spreadsheet")  # fmt: skip
    return words


def input_of(row: Row) -> str:
    """What is given with an instruction: a passage, as Dolly has it, an input, or both."""
    given = (words_of(row, names) for names in (PASSAGES, INPUTS))
    return "\n\n".join(words for words in given if words.lower() not in NO_INPUT)


def _pair(question: str, answer: str) -> list[Turn]:
    return [Turn("user", question), Turn("assistant", answer)]


def _languages(row: Row) -> list[tuple[Sequence[str], Sequence[str]]]:
    """What question and answer may be called in each language that has both, or in any."""
    return [
        (questions, answers)
        for is_right in (str.isascii, is_korean)
        if field_of(row, questions := [*filter(is_right, QUESTIONS)])
        and field_of(row, answers := [*filter(is_right, ANSWERS)])
    ] or [(QUESTIONS, ANSWERS)]


def _table(place: Place, row: Row) -> Iterator[Dialogue | BadRow]:
    """A question and its answer, or one in each language where the table has columns of both."""
    pairs = [(words_of(row, questions), words_of(row, answers)) for questions, answers in _languages(row)]  # fmt: skip
    # A row that is in one language only lacks nothing.
    for question, answer in [pair for pair in pairs if any(pair)] or pairs[:1]:
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
        input_of(row),
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
            input_of(instance),
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
        words = words_of(sentences, [_plain(name)])
        turns.append(Turn(role, words) if words else None)
    # Which of the last turns are missing is no fault; one in the middle is.
    while turns and turns[-1] is None:
        turns.pop()
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
    turns: list[Turn | None] = []
    above: list[str] = []
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
            above.append(clean(content))
            continue
        name = message.get("name")
        name = name if isinstance(name, str) else None
        words = clean(content)
        turns.append(Turn(side, words, name) if words else None)
    # Several system messages are one, as the daemon puts a client's text below the persona's.
    yield from _both_sides(place, turns, "\n\n".join(filter(None, above)) or None)


def _export(place: Place, row: Row) -> Iterator[Dialogue | BadRow]:
    """What `chatfriends memory export` and /memory export write: the turns of one person with one persona."""
    if row["persona"] != place.persona:
        yield _of_another(place, row["persona"])
        return
    conversations: dict[str, list[list[Turn]]] = {}
    for number, turn in enumerate(row["turns"], 1):
        if not isinstance(turn, dict):
            yield place.bad(f"turn {number} is {kind_of(turn)}, not an object")
            continue
        runs = conversations.setdefault(
            f"{turn.get('place')}-{turn.get('thread')}", [[]]
        )
        reply = turn.get("reply")
        reply = reply if isinstance(reply, dict) else {}
        text, answer = words_of(turn, ["text"]), words_of(reply, ["text"])
        if turn.get("amended"):
            yield place.bad(f"turn {turn.get('turn')} was edited after its reply")
            runs.append([])
        elif text and answer and reply.get("complete", True):
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
    place: Place, turns: list[Turn | None], system: str | None = None
) -> Iterator[Dialogue | BadRow]:
    """A conversation from the person's first words to the persona's last; messages of one side in a row become one.

    A message without words (`None`) parts the conversation: what follows does not answer what stands before it.
    """
    runs: list[list[Turn]] = [[]]
    for number, turn in enumerate(turns, 1):
        if turn is None:
            yield place.bad(f"only in part: message {number} has no words, and what follows it is another dialogue")  # fmt: skip
            runs.append([])
        else:
            runs[-1].append(turn)
    for run in filter(None, runs):
        yield from _alternating(place, run, system)
    if not any(runs):
        yield place.bad("no one speaks in it")


def _alternating(
    place: Place, turns: list[Turn], system: str | None
) -> Iterator[Dialogue | BadRow]:
    """One dialogue of one run of messages. A reply answers one person: whose words stand right before it."""
    joined: list[Turn] = []
    for turn in turns:
        before = joined[-1] if joined else None
        if before is None or before.role != turn.role:
            joined.append(turn)
        elif turn.role == "assistant" or turn.name == before.name:
            joined[-1] = replace(before, content=f"{before.content}\n{turn.content}")
        else:
            yield place.bad(f"only in part: {before.name or 'somebody'} has no answer before {turn.name or 'somebody else'} speaks")  # fmt: skip
            joined[-1] = turn
    sides = {turn.role for turn in joined}
    if len(sides) < 2:
        side = "the person" if "user" in sides else "the persona"
        yield place.bad(f"one-sided: only {side} speaks")
        return
    if joined[0].role == "assistant":
        yield place.bad(
            "only in part: the persona's words before the person's first are left out"
        )
        del joined[0]
    if joined[-1].role == "user":
        yield place.bad("only in part: the person's last words have no answer")
        del joined[-1]
    if joined:
        yield place.dialogue(joined, system=system)


SHAPES = (
    Shape(
        "an export of the daemon",
        lambda row: "persona" in row and isinstance(row.get("turns"), list),
        _export,
        lambda _: ("persona", "turns"),
    ),
    Shape(
        "a conversation",
        lambda row: "messages" in row or "conversations" in row,
        _chat,
        lambda row: ("persona", "messages" if "messages" in row else "conversations"),
    ),
    Shape(
        "the emotional dialogue corpus",
        lambda row: "talk" in row or {(1, "user"), (1, "assistant")} <= _sentences(row).keys(),
        _emotional,
        lambda row: ("talk",) if isinstance(row.get("talk"), dict) else _sentences(row).values(),
    ),
    Shape(
        "self-instruct",
        lambda row: "instances" in row and field_of(row, INSTRUCTIONS) is not None,
        _self_instruct,
        lambda row: (field_of(row, INSTRUCTIONS), "instances"),
    ),
    Shape(
        "an instruction",
        lambda row: bool(field_of(row, INSTRUCTIONS) and field_of(row, OUTPUTS)),
        _alpaca,
        lambda row: [field_of(row, names) for names in (INSTRUCTIONS, PASSAGES, INPUTS, OUTPUTS)],
    ),
    Shape(
        "question and answer",
        lambda row: bool(field_of(row, QUESTIONS) and field_of(row, ANSWERS)),
        _table,
        lambda row: [field_of(row, names) for pair in _languages(row) for names in pair],
    ),
    # Two columns that are called input and output are a question and its answer, too.
    Shape(
        "input and output",
        lambda row: bool(field_of(row, INPUTS) and field_of(row, OUTPUTS)),
        lambda place, row: iter([_task(place, words_of(row, INPUTS), "", words_of(row, OUTPUTS))]),
        lambda row: [field_of(row, names) for names in (INPUTS, OUTPUTS)],
    ),
)  # fmt: skip
