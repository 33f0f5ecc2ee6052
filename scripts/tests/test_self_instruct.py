"""`chatfriends-train self-instruct` against a server in this process: what it asks, keeps, leaves out and goes on from."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[1]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import cli, self_instruct  # noqa: E402
from chatfriends_train.prepare.groups import plain  # noqa: E402
from chatfriends_train.self_instruct import Example  # noqa: E402

Reply = Callable[[int, dict[str, Any]], tuple[int, dict[str, str], bytes]]


class Teacher:
    """A server that speaks chat completions; `reply` gets the number of the request, from 1, and its body."""

    def __init__(self, reply: Reply) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        teacher = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                teacher.asked.append(body)
                teacher.keys.append(self.headers["Authorization"])
                status, headers, data = reply(len(teacher.asked), body)
                if self.path != "/v1/chat/completions":
                    status, headers, data = 404, {}, b"no such path"
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> "Teacher":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def completion(text: str, tokens: int | None = 100, reason: str = "stop") -> tuple[int, dict[str, str], bytes]:  # fmt: skip
    body: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": reason}]}  # fmt: skip
    if tokens is not None:
        body["usage"] = {"total_tokens": tokens}
    return 200, {}, json.dumps(body).encode()


FRESH = [
    "아침에 든든한 죽 알려 줘", "매운 음식 뭐가 좋아", "국물 요리 골라 줄래", "비 오는 저녁 메뉴는", "아이 간식 추천 부탁해",
    "다이어트 식단 짜 줘", "혼자 먹기 편한 도시락", "손님상에 올릴 반찬은", "더울 때 시원한 면", "생일 파티 케이크 골라 줘",
    "캠핑에서 구워 먹을 것", "감기에 좋은 차 있을까",
]  # fmt: skip


def items(instructions: list[str], first: int) -> str:
    """An answer as a teacher writes it: it goes on after `N. Instruction:`."""
    parts = [
        f"{number}. Instruction: {text}\n{number}. Input: <noinput>\n{number}. Output: {text}라면 이게 어떠세요?\n"
        for number, text in enumerate(instructions, first)
    ]
    return "###\n".join(parts).removeprefix(f"{first}. Instruction:")


def two_fresh(number: int, _: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return completion(items(FRESH[2 * number - 2 : 2 * number], 9))


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    path = tmp_path / "seeds.jsonl"
    rows = [
        {"instruction": text, "instances": [{"input": given, "output": "김치찌개는 어떠세요?"}], "is_classification": False}
        for text, given in [("점심 뭐 먹을까", ""), ("남은 재료로 요리 알려 줘", "두부, 김치"), ("달콤한 디저트가 당겨", "")]
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")  # fmt: skip
    return path


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The pauses that would have been made."""
    made: list[float] = []
    monkeypatch.setattr(self_instruct.time, "sleep", made.append)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    yield made


def grow(seeds: Path, out: Path, url: str, *more: str) -> int:
    return cli.main(["self-instruct", str(seeds), "--endpoint", url, "--model", "mechuri", "--out", str(out), *more])  # fmt: skip


def grown(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text("utf-8").split("\n")[:-1]]


def spent(out: Path) -> dict[str, int]:
    return json.loads(out.with_name(out.name + ".spent").read_text("utf-8"))


def test_it_asks_in_the_seeds_form_and_keeps_what_is_new(seeds, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with Teacher(two_fresh) as teacher:
        assert grow(seeds, tmp_path / "out.jsonl", teacher.url, "--count", "5") == 0
    rows = grown(tmp_path / "out.jsonl")
    assert [row["instruction"] for row in rows] == FRESH[:5]
    assert rows[0]["instances"] == [{"input": "", "output": f"{FRESH[0]}라면 이게 어떠세요?"}]  # fmt: skip
    assert spent(tmp_path / "out.jsonl") == {"requests": 3, "tokens": 300}
    assert teacher.asked[0]["model"] == "mechuri"
    assert teacher.keys == ["Bearer secret"] * 3
    text = teacher.asked[0]["messages"][0]["content"]
    assert text.startswith("다음은") and text.endswith("###\n4. Instruction:")
    assert "Input: 두부, 김치\n" in text and text.count("Input: <noinput>\n") == 2
    # Later prompts show what was grown, too, and the output is what prepare reads.
    assert FRESH[0] in teacher.asked[1]["messages"][0]["content"]
    assert cli.main(["prepare", "mechuri", str(seeds), str(tmp_path / "out.jsonl"), "--persona", "mechuri", "--out", str(tmp_path / "data")]) == 0  # fmt: skip


def test_a_dry_run_shows_the_first_prompt_and_asks_nobody(seeds, tmp_path, capsys):
    with Teacher(two_fresh) as teacher:
        assert grow(seeds, tmp_path / "out.jsonl", teacher.url, "--dry-run") == 0
        assert teacher.asked == []
        shown = capsys.readouterr().out
        grow(seeds, tmp_path / "out.jsonl", teacher.url, "--count", "1")
        assert shown == teacher.asked[0]["messages"][0]["content"] + "\n"


def test_near_ones_are_left_out_whoever_wrote_them(seeds, tmp_path, capsys):
    near = ["점심 뭐 먹을까?", "매운 음식 뭐가 좋아", "매운 음식 뭐가 좋아요", "겨울 바다에서 먹을 것"]  # fmt: skip

    def reply(number: int, _: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        return completion(items(near, 4))

    with Teacher(reply) as teacher:
        assert grow(seeds, tmp_path / "out.jsonl", teacher.url, "--count", "2") == 0
    assert [row["instruction"] for row in grown(tmp_path / "out.jsonl")] == [near[1], near[3]]  # fmt: skip
    assert "left out: 2 too near to another" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("the cat sat", "the cat sat", 1.0),
        ("the cat sat", "the dog sat", 2 / 3),
        ("a b c d", "d c b a", 0.25),
        ("점심 뭐 먹을까", "점심 뭐 먹지", 8 / 11),
        ("", "a", 0.0),
    ],
)
def test_rouge_l_counts_words_and_syllables(one, other, likeness):
    words = self_instruct.WORD.findall
    assert self_instruct.rouge_l(words(one), words(other)) == pytest.approx(likeness)


@pytest.mark.parametrize(
    ("instruction", "output", "fault"),
    [
        ("점심 뭐 먹을까", "김밥이요.", None),
        ("What should I eat tonight?", "Soup.", None),
        ("Hi", "Hello.", "too short or too long"),
        ("why " * 151, "Because.", "too short or too long"),
        ("Draw a picture of a soup", "Here.", "not answerable in words"),
        ("이 사진에 있는 음식 이름 알려 줘", "빵이요.", "not answerable in words"),
        ("점심 뭐 먹을까", "", "empty"),
        ("... what is it now", "A soup.", "begins with a sign"),
        ("1 2 3 4 5 6 7 8 next", "9.", "mostly numbers"),
        ("점심 뭐 먹을까", "김밥!!!!!!", "the same sign again and again"),
        ("점심 뭐 먹을까", "점심 뭐 먹을까?", "answer repeats the instruction"),
        ("Tell me a story", "x y " * 600, "answer too long"),
    ],
)
def test_what_is_of_no_use_is_left_out(instruction, output, fault):
    assert self_instruct.unfit(Example(instruction, "", output)) == fault


def test_answers_are_read_in_the_forms_that_teachers_write():
    whole = (
        " 저녁 추천해 줘\n4. Input: <noinput>\n4. Output: 국밥이요.\n###\n"
        "5. Instruction: Sort\n5. Input: b, a\n5. Output: a,\nb\n###\n6. Instruction: cut"
    )
    first, second = Example("저녁 추천해 줘", "", "국밥이요."), Example("Sort", "b, a", "a,\nb")  # fmt: skip
    assert self_instruct.parse(whole, True) == [first, second]
    assert self_instruct.parse("4. Instruction:" + whole, False) == [first, second]
    assert self_instruct.parse(whole.rsplit("###", 1)[0], False) == [first]
    assert self_instruct.parse("I cannot help with that.", True) == []


def test_it_goes_on_where_it_was_stopped(seeds, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    with Teacher(two_fresh) as teacher:
        grow(seeds, out, teacher.url, "--count", "4")
        before = out.read_bytes()
        # A killed run may leave half a line behind.
        out.write_bytes(before + '{"instruction": "반쪽'.encode())
        grow(seeds, out, teacher.url, "--count", "6")
        assert out.read_bytes().startswith(before)
        rows = grown(out)
        assert [row["instruction"] for row in rows] == FRESH[:6]
        assert spent(out) == {"requests": 3, "tokens": 300}
        assert "is taken away" in capsys.readouterr().err
        asked = len(teacher.asked)
        grow(seeds, out, teacher.url, "--count", "6")
        assert len(teacher.asked) == asked == 3
    other = tmp_path / "other.jsonl"
    other.write_text('{"text": "mine"}\n', "utf-8")
    assert grow(seeds, other, "http://127.0.0.1:9/v1") == 1
    assert "other.jsonl:1: not a row of self-instruct" in capsys.readouterr().err


ROW = '{"instruction": "Hi there you", "instances": [{"input": "", "output": "Hey."}]}'  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"rooms": [1, 2, 3]}', "`self-instruct` has not written it"),
        (ROW.encode(), "`self-instruct` has not written it"),
        (b"Dear diary,\nall is well", "1: not a row of self-instruct"),
        (f"{ROW}\n[1, 2]".encode(), "2: not a row of self-instruct"),
        ("안녕\n".encode("cp949"), "1: not a row of self-instruct"),
        (b'{"instruction": 5, "instances": [{"input": "", "output": ""}]}\n', "1: not a row"),
        (b"5\n", "1: not a row of self-instruct"),
    ],
    ids=["JSON", "a row", "text", "a row and JSON", "CP949", "a number within", "a number"],
)  # fmt: skip
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["", "dry"])
def test_what_is_somebody_elses_is_left_to_the_last_byte(seeds, tmp_path, capsys, data, message, more):  # fmt: skip
    """A file of JSON has no end of line: all of it was taken for the last line of a killed run and cut off."""
    out = tmp_path / "victim.json"
    out.write_bytes(data)
    assert grow(seeds, out, "http://127.0.0.1:9/v1", *more) == 1
    assert message in capsys.readouterr().err
    assert out.read_bytes() == data


def test_the_seeds_are_not_grown_into(seeds, tmp_path, capsys):
    before = seeds.read_bytes()
    link = tmp_path / "link.jsonl"
    link.symlink_to(seeds)
    for out in (seeds, link):
        assert grow(seeds, out, "http://127.0.0.1:9/v1") == 1
        assert f"{out} holds the seeds; name another --out" in capsys.readouterr().err
    assert seeds.read_bytes() == before


def test_a_last_line_that_an_editor_left_without_an_end_counts(seeds, tmp_path):
    out = tmp_path / "out.jsonl"
    with Teacher(two_fresh) as teacher:
        grow(seeds, out, teacher.url, "--count", "2")
        out.write_bytes(out.read_bytes().removesuffix(b"\n"))
        grow(seeds, out, teacher.url, "--count", "4")
    assert [row["instruction"] for row in grown(out)] == FRESH[:4]


def test_a_killed_run_loses_nothing_it_had_kept(seeds, tmp_path):
    out = tmp_path / "out.jsonl"

    def slow(number: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if number == 3:
            held.wait(60)
        return two_fresh(number, body)

    held = threading.Event()
    with Teacher(slow) as teacher:
        command = [sys.executable, "-m", "chatfriends_train", "self-instruct", str(seeds), "--endpoint", teacher.url, "--model", "m", "--out", str(out), "--count", "6"]  # fmt: skip
        run = subprocess.Popen(command, cwd=SCRIPTS, env={**os.environ, "PYTHONPATH": str(SCRIPTS)})  # fmt: skip
        begun = time.monotonic()
        while len(teacher.asked) < 3:
            assert time.monotonic() - begun < 60 and run.poll() is None
            threading.Event().wait(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
        kept = grown(out)
        assert [row["instruction"] for row in kept] == FRESH[:4]
        held.set()
        teacher.asked = teacher.asked[:2]
        assert grow(seeds, out, teacher.url, "--count", "6") == 0
    assert grown(out)[:4] == kept
    assert [row["instruction"] for row in grown(out)] == FRESH[:6]


@pytest.mark.parametrize(("more", "kept"), [(("--requests", "2"), 4), (("--tokens", "250"), 6)])  # fmt: skip
def test_the_budget_holds_over_all_runs(seeds, tmp_path, capsys, more, kept):
    out = tmp_path / "out.jsonl"
    with Teacher(two_fresh) as teacher:
        for _ in range(2):
            assert grow(seeds, out, teacher.url, "--count", "50", *more) == 0
            assert len(grown(out)) == kept
            assert "the budget is used up" in capsys.readouterr().err
        assert len(teacher.asked) == kept / 2


def test_a_server_that_counts_no_tokens_is_estimated(seeds, tmp_path):
    with Teacher(lambda *_: completion(items(FRESH[:1], 4), tokens=None)) as teacher:
        assert grow(seeds, tmp_path / "out.jsonl", teacher.url, "--count", "1") == 0
    asked = teacher.asked[0]["messages"][0]["content"].encode()
    assert spent(tmp_path / "out.jsonl")["tokens"] > len(asked) // 4


def test_a_busy_server_is_asked_again_after_a_while(seeds, tmp_path, no_pauses):
    def reply(number: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if number == 1:
            return 429, {"Retry-After": "7"}, b"slow down"
        if number == 2:
            return 503, {}, b"loading"
        return two_fresh(number - 2, body)

    with Teacher(reply) as teacher:
        assert grow(seeds, tmp_path / "out.jsonl", teacher.url, "--count", "2") == 0
    assert no_pauses == [7.0, 2.0]
    assert len(grown(tmp_path / "out.jsonl")) == 2


@pytest.mark.parametrize(("wished", "made"), [("7", 7.0), ("0", 1.0), ("999", 120.0), ("Fri, 31 Dec 2027 23:59:59 GMT", 1.0)])  # fmt: skip
def test_a_server_may_ask_for_two_minutes_at_most(seeds, tmp_path, no_pauses, wished, made):  # fmt: skip
    def reply(number: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if number == 1:
            return 429, {"Retry-After": wished}, b"slow down"
        return two_fresh(number - 1, body)

    with Teacher(reply) as teacher:
        assert grow(seeds, tmp_path / "out.jsonl", teacher.url, "--count", "2") == 0
    assert no_pauses == [made]


@pytest.mark.parametrize("key", ["…", "sk-secret\nx", "sk-secret ", "sk-secret\r", "비밀"])  # fmt: skip
def test_a_key_that_none_can_be_is_refused_and_not_shown(seeds, tmp_path, capsys, monkeypatch, key):  # fmt: skip
    """An ellipsis that was copied from the documentation was blamed on --endpoint, and a key with a line end was printed."""
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with Teacher(two_fresh) as teacher:
        assert grow(seeds, tmp_path / "out.jsonl", teacher.url) == 1
        assert teacher.asked == []
    error = capsys.readouterr().err
    assert "OPENAI_API_KEY holds what no key holds" in error
    assert "--endpoint" not in error
    assert "secret" not in error and "비밀" not in error


def test_a_server_that_is_away_is_named(seeds, tmp_path, capsys, no_pauses):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert grow(seeds, tmp_path / "out.jsonl", f"http://127.0.0.1:{port}/v1") == 1
    error = capsys.readouterr().err
    assert f"http://127.0.0.1:{port}/v1/chat/completions does not answer" in error
    assert "the same command goes on" in error
    assert no_pauses == [1.0, 2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((401, {}, b"bad key"), "refuses: status 401: bad key; look at --endpoint, --model and OPENAI_API_KEY"),
        ((200, {}, b"<html>hello</html>"), "answers what is no chat completion: '<html>hello</html>'"),
        ((200, {}, b'{"choices": []}'), "no chat completion"),
        ((200, {}, b'["x"]'), "no chat completion"),
    ],
)  # fmt: skip
def test_refusals_and_nonsense_end_it_at_once(seeds, tmp_path, capsys, no_pauses, reply, message):  # fmt: skip
    with Teacher(lambda *_: reply) as teacher:
        assert grow(seeds, tmp_path / "out.jsonl", teacher.url) == 1
        assert len(teacher.asked) == 1
    assert message in capsys.readouterr().err
    assert no_pauses == []


def test_a_prompt_that_is_too_long_is_asked_again_with_fewer_examples(tmp_path):
    def reply(number: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if body["messages"][0]["content"].count("Output:") > 2:
            return 400, {}, b"too long"
        return completion(items(FRESH[:1], 3))

    food = SCRIPTS / "examples" / "mechuri" / "food.jsonl"
    with Teacher(reply) as teacher:
        assert grow(food, tmp_path / "out.jsonl", teacher.url, "--count", "1") == 0
        shown = [body["messages"][0]["content"].count("Output:") for body in teacher.asked]  # fmt: skip
        assert shown == [8, 4, 2]
        # What was refused is not counted as spent.
        assert spent(tmp_path / "out.jsonl")["requests"] == 1
    with Teacher(lambda *_: (400, {}, b"never")) as teacher:
        assert grow(food, tmp_path / "none.jsonl", teacher.url) == 1
        assert len(teacher.asked) == 4


def test_a_teacher_that_writes_nothing_new_is_not_paid_for_ever(seeds, tmp_path, capsys):  # fmt: skip
    with Teacher(lambda *_: completion("I would rather not.")) as teacher:
        assert grow(seeds, tmp_path / "out.jsonl", teacher.url) == 1
        assert len(teacher.asked) == self_instruct.FRUITLESS
    assert "'I would rather not.'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"text": "x"}', "seeds.jsonl:1: the fields text are no seed"),
        ('{"instruction": "x", "instances": []}', 'seeds.jsonl:1: "instances" holds no example'),
        ("{", "seeds.jsonl:1: not JSON"),
        ("", "seeds.jsonl is empty"),
    ],
)  # fmt: skip
def test_seeds_that_are_none_are_named(seeds, tmp_path, capsys, text, message):
    seeds.write_text(text, "utf-8")
    assert grow(seeds, tmp_path / "out.jsonl", "http://127.0.0.1:9/v1") == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "more", "message"),
    [
        ("localhost", (), "--endpoint: 'localhost' is no address of a server"),
        ("", (), "--endpoint: '' is no address"),
        ("ftp://127.0.0.1/v1", (), "is no address"),
        ("http://127.0.0.1:9/v1/chat/completions", (), "give http://127.0.0.1:9/v1"),
        ("http://127.0.0.1:9/v1", ("--model", ""), "--model: it is empty"),
        ("http://127.0.0.1:9/v1", ("--count", "0"), "--count: '0' is no whole number from 1 on"),
        ("http://127.0.0.1:9/v1", ("--requests", "-5"), "--requests"),
        ("http://127.0.0.1:9/v1", ("--tokens", "x"), "--tokens"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_before_a_dry_run_says_that_it_can(seeds, tmp_path, capsys, url, more, message):  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        grow(seeds, tmp_path / "out.jsonl", url, "--dry-run", *more)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_requests_of_which_nothing_is_kept_count_in_all_runs(seeds, tmp_path):
    out = tmp_path / "out.jsonl"
    with Teacher(lambda *_: completion("I would rather not.")) as teacher:
        for _ in range(2):
            assert grow(seeds, out, teacher.url, "--requests", "3") == 0
        assert len(teacher.asked) == 3
        grow(seeds, out, teacher.url, "--requests", "4")
        # The next run goes on with another prompt, not with the first once more.
        prompts = [body["messages"][0]["content"] for body in teacher.asked]
        assert len(prompts) == 4 and prompts[3] != prompts[0]
    assert spent(out) == {"requests": 4, "tokens": 400}


def test_signs_that_python_takes_for_line_ends_part_no_row(seeds, tmp_path):
    out = tmp_path / "out.jsonl"
    odd = "Tell me of a\u2028separator\u0085please"
    with Teacher(lambda *_: completion(items([odd], 4))) as teacher:
        assert grow(seeds, out, teacher.url, "--count", "1") == 0
        assert grow(seeds, out, teacher.url, "--count", "1") == 0
    assert "\u2028" in grown(out)[0]["instruction"]


def test_a_dry_run_changes_nothing(seeds, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    out.write_text('{"instruction": "반쪽', "utf-8")
    out.with_name("out.jsonl.spent").write_text('{"requests": 1, "tokens": 9}', "utf-8")
    assert grow(seeds, out, "http://127.0.0.1:9/v1", "--dry-run") == 0
    assert out.read_text("utf-8") == '{"instruction": "반쪽'
    assert grow(seeds, tmp_path, "http://127.0.0.1:9/v1", "--dry-run") == 1
    assert "is a folder" in capsys.readouterr().err


def test_half_a_character_is_left_out(seeds, tmp_path, capsys):
    answer = items(["Tell me of \ud83c soup", FRESH[0]], 4)
    with Teacher(lambda *_: completion(answer)) as teacher:
        assert grow(seeds, tmp_path / "out.jsonl", teacher.url, "--count", "1") == 0
    assert [row["instruction"] for row in grown(tmp_path / "out.jsonl")] == FRESH[:1]
    assert "1 half a character" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("seeds.txt", "has the ending .txt; rows are read from .json, .jsonl, .csv"),
        ("none.jsonl", "none.jsonl is not there"),
        ("folder", "is a folder; name a file in it"),
    ],
)
def test_seeds_that_cannot_be_read_are_named_as_what_they_are(tmp_path, capsys, name, message):  # fmt: skip
    (tmp_path / "seeds.txt").write_text("x")
    (tmp_path / "folder").mkdir()
    assert grow(tmp_path / name, tmp_path / "out.jsonl", "http://127.0.0.1:9/v1") == 1
    assert message in capsys.readouterr().err


def test_a_table_of_questions_and_answers_can_be_seeds(tmp_path):
    seeds = tmp_path / "a.csv"
    seeds.write_text("질문,답변\n점심 뭐 먹을까,김밥이요.\n", "utf-8")
    assert self_instruct._seeds(seeds) == [Example("점심 뭐 먹을까", "", "김밥이요.")]


def test_the_food_examples_are_apart_from_each_other():
    examples = self_instruct._seeds(SCRIPTS / "examples" / "mechuri" / "food.jsonl")
    assert len({plain(example.instruction) for example in examples}) == len(examples)
    assert all(self_instruct.unfit(example) is None for example in examples)
