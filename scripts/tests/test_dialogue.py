"""Training data as people edit it: what may stand in a file, and what is named by its line."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[1]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import dialogue  # noqa: E402
from chatfriends_train.problems import Problem  # noqa: E402


def row(**changes: Any) -> dict[str, Any]:
    """A dialogue as a file has it, with changes."""
    said = [
        {"role": "user", "content": "안녕?"},
        {"role": "assistant", "content": "응."},
    ]
    whole = {
        "persona": "nari",
        "group": "g",
        "messages": said,
        "source": {"file": "talk.txt", "row": 3},
    }
    return whole | changes


def line(**changes: Any) -> bytes:
    return json.dumps(row(**changes), ensure_ascii=False).encode() + b"\n"


def replied(content: Any) -> list[dict[str, Any]]:
    """Messages with such a reply."""
    return [row()["messages"][0], {"role": "assistant", "content": content}]


@pytest.mark.parametrize(
    "data",
    [
        line(),
        line() + b"\n",
        b"\n" + line(),
        line().replace(b"\n", b"\r\n") + b"\r\n",
        b"\xef\xbb\xbf" + line(),
        line(system=None),
        line(messages=[row()["messages"][0] | {"shown": None}, row()["messages"][1]]),
    ],
    ids=[
        "one",
        "empty last line",
        "empty first line",
        "CRLF",
        "mark",
        "null",
        "none shown",
    ],
)
def test_what_editors_leave_is_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(data)
    assert [one.to_json() for one in dialogue.read(path)] == [row()]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (line(messages=replied(5)), "the field 'content' is 5; it must be a text"),
        (
            line(
                messages=[row()["messages"][0], row()["messages"][1] | {"shown": "x\n"}]
            ),
            "`shown` stands before words of the person",
        ),
        (
            line(
                messages=[row()["messages"][0] | {"shown": "x"}, row()["messages"][1]]
            ),
            "`shown` stands before words of the person, and ends with a line break",
        ),
        (line(messages="hi"), "the field 'messages' is 'hi'; it must be a list"),
        (line(messages=["hi"]), "'hi' stands where an object {…} belongs"),
        (line(system=5), "the field 'system' is 5; it must be a text"),
        (line(group=["g"]), "the field 'group' is ['g']; it must be a text"),
        (line(source={"file": "talk.txt"}), "the field 'row' is missing"),
        (b"5\n", "5 stands where an object {…} belongs"),
        (line(messages=replied(" ")), "a turn of 'assistant' has no words"),
        (b'{"persona": \n', "Expecting value"),
        (line().decode().encode("cp949"), "not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(line() + data)
    with pytest.raises(Problem) as raised:
        list(dialogue.read(path))
    assert str(raised.value).startswith(f"{path}:2: {said}")
