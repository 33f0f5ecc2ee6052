"""Rows are laid out as the daemon lays out prompts, where no tokenizer of a model is needed to see it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPTS = Path(__file__).parents[1]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import daemon, rows  # noqa: E402
from chatfriends_train.dialogue import Dialogue, Source, Turn  # noqa: E402
from chatfriends_train.persona import Persona  # noqa: E402
from chatfriends_train.problems import Problem  # noqa: E402
from chatfriends_train.template import Piece  # noqa: E402


@dataclass(frozen=True)
class Added:
    """A token that is no part of the ordinary vocabulary."""

    content: str
    special: bool
    lstrip: bool = False
    rstrip: bool = False


class Letters:
    """A tokenizer whose tokens are letters, but for one that is special and one that everybody can type."""

    is_fast = True
    bos_token_id = None
    name_or_path = "letters"
    added_tokens_decoder = {1: Added("<|end|>", True), 2: Added("<think>", False)}

    def __call__(self, text: str, **_: object) -> SimpleNamespace:
        found: list[int] = []
        while text:
            typed = text.startswith("<think>")
            found.append(2 if typed else ord(text[0]))
            text = text[7 if typed else 1 :]
        return SimpleNamespace(input_ids=found)

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        return [chr(number) for number in ids]


def codes(text: str) -> list[int]:
    return [ord(letter) for letter in text]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([("a<|end|>", True), ("<|end|>", False)], [97, 1, *codes("<|end|>")]),
        # The template writes the marker: what people type under its name stays text.
        (
            [("<think>", True), ("x<think>y", False), ("<|end|>", True)],
            [2, *codes("x<think>y"), 1],
        ),
        # It does not: the marker is a word as any other, in both.
        ([("x<think>y", False)], [120, 2, 121]),
    ],
)
def test_markers_that_the_template_writes_cannot_be_typed(
    pieces: list[tuple[str, bool]], expected: list[int]
) -> None:
    laid_out = [Piece(text, trusted) for text, trusted in pieces]
    assert rows.Words(Letters()).tokens(laid_out) == expected


# The cases of bot/src/memory/notes.rs.
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("<facts>none</facts>", "‹facts>none‹/facts>"),
        ("< / Memory >", "‹ / Memory >"),
        ("<//summary>", "‹//summary>"),
        ("<factsheet>", "<factsheet>"),
        ("<recalled>", "<recalled>"),
        ("<memory2>", "<memory2>"),
        ("<facts가>", "<facts가>"),
        ("<facts_>", "‹facts_>"),
        ("1 < 2 <3", "1 < 2 <3"),
    ],
)
def test_the_daemons_tags_are_kept_apart(typed: str, shown: str) -> None:
    assert rows._spoken(typed, None) == shown


def talk(persona: str, *said: str, system: str | None = None) -> Dialogue:
    turns = tuple(
        Turn("assistant" if place % 2 else "user", words)
        for place, words in enumerate(said)
    )
    return Dialogue(persona, "group", turns, Source("talk.txt", 1), system)


def test_facts_stand_before_the_words_as_the_daemon_shows_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, Path, list[str]]] = []

    def known(
        identity: str, folder: Path, messages: list[str]
    ) -> list[tuple[str, ...]]:
        asked.append((identity, folder, messages))
        facts = {"Lunch?": ("Lunch is at one.", "The hall is round.")}
        return [facts.get(message, ()) for message in messages]

    monkeypatch.setattr(daemon, "facts", known)
    guide = Persona("guide", "A guide.", facts=("…",), folder=tmp_path)
    personas = {"guide": guide, "nari": Persona("nari", "Nari.")}
    dialogues = [
        talk("guide", "Lunch?", "At one.", "<facts> Thanks", "Sure."),
        talk("nari", "Lunch?", "Yes!"),
        talk("guide", "Lunch?", "In the round hall."),
    ]
    found = list(rows.scenes(dialogues, personas.__getitem__))
    # The daemon is asked once, and of those alone who have facts.
    assert asked == [("guide", tmp_path, ["Lunch?", "<facts> Thanks"])]
    assert [scene.dialogue for scene in found] == [dialogues[place] for place in (0, 2, 1)]  # fmt: skip
    lunch = "<facts>\nLunch is at one.\nThe hall is round.\n</facts>\nLunch?"
    said = [[one.content for one in scene.messages(())[1]] for scene in found]
    assert said == [
        [lunch, "At one.", "<facts>\nnone\n</facts>\n‹facts> Thanks", "Sure."],
        [lunch, "In the round hall."],
        ["Lunch?", "Yes!"],
    ]


def test_what_the_data_say_was_shown_takes_the_place_of_facts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def known(_: str, __: Path, messages: list[str]) -> list[tuple[str, ...]]:
        asked.extend(messages)
        return [() for _ in messages]

    monkeypatch.setattr(daemon, "facts", known)
    guide = Persona("guide", "A guide.", facts=("…",), folder=tmp_path)
    first = Turn("user", "<memory> Hi", shown="<memory>\nname: Yun\n</memory>\n")
    turns = (first, Turn("assistant", "Hi, Yun."), Turn("user", "Lunch?"), Turn("assistant", "Later."))  # fmt: skip
    dialogue = Dialogue("guide", "group", turns, Source("talk.txt", 1))
    (scene,) = rows.scenes([dialogue], lambda _: guide)
    assert asked == ["Lunch?"]
    said = [one.content for one in scene.messages(())[1]]
    assert said[0] == "<memory>\nname: Yun\n</memory>\n‹memory> Hi"
    assert said[2] == "<facts>\nnone\n</facts>\nLunch?"
    assert Dialogue.from_json(dialogue.to_json()) == dialogue


def test_whoever_has_no_file_needs_a_text_in_the_data() -> None:
    def nobody(identity: str) -> Persona:
        raise Problem(f"there is no persona {identity!r}")

    (scene,) = rows.scenes([talk("tim", "Hi", "Yo", system="You are Tim.")], nobody)
    assert scene.messages(())[0][0].content == "You are Tim."
    with pytest.raises(Problem, match="there is no persona 'tim'"):
        list(rows.scenes([talk("tim", "Hi", "Yo")], nobody))
