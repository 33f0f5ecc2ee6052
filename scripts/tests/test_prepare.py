"""`chatfriends-train prepare`: each format, each bad input, and splits that leak nothing."""

import errno
import json
import os
import random
import sys
import zipfile
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pyarrow
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pyarrow import parquet

SCRIPTS = Path(__file__).parents[1]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import cli, dialogue  # noqa: E402
from chatfriends_train.prepare import groups, personal, splits, transcript  # noqa: E402

EXAMPLES = SCRIPTS / "examples"


def prepare(out: Path, kind: str, *files: Path, persona: str = "campus", more: tuple[str, ...] = ()) -> int:  # fmt: skip
    """Runs the step as a user would; gives back the exit status."""
    return cli.main(["prepare", kind, *map(str, files), "--persona", persona, "--out", str(out), *more])  # fmt: skip


def written(out: Path) -> dict[str, list[dialogue.Dialogue]]:
    return {name: list(dialogue.read(out / f"{name}.jsonl")) for name in splits.SPLITS}


def said(out: Path) -> list[list[str]]:
    """The words of every dialogue, in the order of the source."""
    every = sorted(sum(written(out).values(), []), key=lambda one: (one.source.file, one.source.row))  # fmt: skip
    return [[turn.content for turn in one.turns] for one in every]


def rejected(out: Path) -> list[tuple[int, str]]:
    rows = map(json.loads, (out / "rejected.jsonl").read_text("utf-8").splitlines())
    return [(row["row"], row["reason"]) for row in rows]


def report(out: Path) -> dict[str, Any]:
    return json.loads((out / "report.json").read_text("utf-8"))


SCENES = """The Lamp

[Scene: A kitchen. Monica is
stirring (slowly) a pot.]

Monica: Are you hungry?
Joey: (sitting down) I-I'm always hungry.
That is -- wait for it -- who I am.
[Ross enters.]
Ross: W-what is that?
Joey (whispering): It's soup. I was gonna--
Ross: What?
Joey: -- share it.
All: Hello.
Joey: Hi!
Ross: Nobody asked you.
Joey: But I only--

[Scene: The street.]
Joey: Anyone?
Monica: Here.
Joey: You scared me. I thought you were --
"""
HEARD = [
    ["Are you hungry?", "I'm always hungry. That is, wait for it, who I am."],
    ["What is that?", "It's soup. I was gonna share it."],
    ["Here.", "You scared me."],
]  # fmt: skip


def test_a_transcript_becomes_the_dialogues_of_one_speaker(tmp_path):
    source = tmp_path / "lamp.txt"
    source.write_text(SCENES, "utf-8")
    assert prepare(tmp_path / "out", "friends", source, persona="joey") == 0
    assert said(tmp_path / "out") == HEARD
    every = sum(written(tmp_path / "out").values(), [])
    assert {one.group for one in every} == {"lamp/scene-1", "lamp/scene-2"}
    names = {turn.name for one in every for turn in one.turns if turn.role == "user"}
    assert names == {"Monica", "Ross"}
    reasons = dict(rejected(tmp_path / "out"))
    assert sorted(reasons) == [1, 12, 14, 15, 16, 17, 20, 22]
    assert reasons[14] == "said by 'All', who is no one person"
    assert "one-sided" in reasons[15] and "one-sided" in reasons[20]
    assert reasons[16] == "Ross says this, and joey does not answer"
    assert "cut off" in reasons[17]
    assert "only in part" in reasons[22]
    assert report(tmp_path / "out")["speakers"] == {str(source): {"Joey": 6, "Ross": 3, "Monica": 2}}  # fmt: skip


def test_names_in_capitals_are_names(tmp_path):
    source = tmp_path / "caps.txt"
    source.write_text("MONICA: Hungry?\nMonica: Well?\nJOEY: Always.\n", "utf-8")
    assert prepare(tmp_path / "out", "friends", source, persona="joey") == 0
    assert said(tmp_path / "out") == [["Hungry? Well?", "Always."]]


def test_docx_and_text_are_read_alike(tmp_path):
    document = docx.Document()
    for line in SCENES.split("\n"):
        document.add_paragraph(line)
    document.save(str(tmp_path / "lamp.docx"))
    assert (
        prepare(tmp_path / "out", "friends", tmp_path / "lamp.docx", persona="joey")
        == 0
    )
    assert said(tmp_path / "out") == HEARD


def test_a_transcript_in_korean_needs_the_speakers_name(tmp_path, capsys):
    source = tmp_path / "대본.txt"
    source.write_text("S#1. 부엌\n모니카: 배고파?\n조이: (앉으며) 나, 나는 그-그게 늘 배고파.\n", "cp949")  # fmt: skip
    assert prepare(tmp_path / "out", "friends", source, persona="joey") == 1
    assert "모니카 (1), 조이 (1)" in capsys.readouterr().err
    assert prepare(tmp_path / "out", "friends", source, persona="joey", more=("--speaker", "조이")) == 0  # fmt: skip
    assert said(tmp_path / "out") == [["배고파?", "나, 나는 그게 늘 배고파."]]


@pytest.mark.parametrize(
    ("raw", "smooth"),
    [
        ("I-I-I just -- I mean, w-w-well, th-that's it.", "I just, I mean, well, that's it."),
        ("But-but you you said the the word!", "But you said the word!"),
        ("It's so-so. Bye-bye, x-ray, re-read, no, no, no.", "It's so-so. Bye-bye, x-ray, re-read, no, no, no."),
        ("I, I, I'm sorry — really.", "I'm sorry, really."),
        ("그… 그게 저-저는 네, 네 맞아요", "그게 저는 네, 네 맞아요"),
    ],
)  # fmt: skip
def test_stutters_are_smoothed_and_words_that_look_like_them_stay(raw, smooth):
    assert transcript.spoken(raw) == smooth


PAIR = ["도서관은 어디야?", "도서관은 5호관 옆에 있어요."]


def _table(path: Path, head: list[str], rows: list[list[str]]) -> Path:
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in [head, *rows]:
            book.active.append(row)
        book.save(path)
    elif path.suffix == ".parquet":
        columns = {name: list(values) for name, values in zip(head, zip(*rows, strict=True), strict=True)}  # fmt: skip
        parquet.write_table(pyarrow.table(columns), path)
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        path.write_text("".join(mark.join(row) + "\n" for row in [head, *rows]), "utf-8-sig")  # fmt: skip
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.xlsx", "t.parquet"])
@pytest.mark.parametrize("head", [["질문", "답변"], ["Question", "Answer"], ["input", "output"]])  # fmt: skip
def test_tables_of_questions_and_answers(tmp_path, name, head):
    source = _table(tmp_path / name, head, [PAIR, ["빈칸은?", ""]])
    assert prepare(tmp_path / "out", "campus", source) == 0
    assert said(tmp_path / "out") == [PAIR]
    ((row, reason),) = rejected(tmp_path / "out")
    assert row == 3 and reason.endswith("put is empty" if "input" in head else "the answer is empty")  # fmt: skip


def test_a_table_of_parquet_with_a_column_twice_or_what_python_has_not_is_refused(tmp_path, capsys):  # fmt: skip
    where = [pyarrow.array([text]) for text in PAIR]
    for columns, names, message in [
        ([*where, where[0]], ["질문", "답변", "답변"], "a.parquet:1: two columns are named '답변'"),
        ([*where, pyarrow.array([1], pyarrow.timestamp("ns"))], ["질문", "답변", "때"], "a.parquet: the column '때' cannot be read"),
    ]:  # fmt: skip
        parquet.write_table(pyarrow.table(columns, names), tmp_path / "a.parquet")
        assert prepare(tmp_path / "out", "campus", tmp_path / "a.parquet") == 1
        assert message in capsys.readouterr().err


def test_a_sheet_that_breaks_off_is_refused(tmp_path, capsys):
    whole = _table(tmp_path / "whole.xlsx", ["질문", "답변"], [PAIR] * 50)
    with zipfile.ZipFile(whole) as good, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as bad:  # fmt: skip
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name, data[: len(data) // 2] if "sheet1" in name else data)
    assert prepare(tmp_path / "out", "campus", tmp_path / "a.xlsx") == 1
    assert "a.xlsx[Sheet] is no whole sheet" in capsys.readouterr().err


TALK = {"HS01": "시험을 망쳤어.", "SS01": "속상하시겠어요.", "HS02": "혼날 것 같아.", "SS02": "걱정되시는군요.", "HS03": "", "SS03": ""}  # fmt: skip
TALKED = [["시험을 망쳤어.", "속상하시겠어요.", "혼날 것 같아.", "걱정되시는군요."]]
ROWS: list[tuple[str, str, Any, list[list[str]]]] = [
    ("self-instruct", "mechuri", {"instruction": "점심 뭐 먹지", "instances": [{"input": "", "output": "비빔밥 어떠세요?"}], "is_classification": False}, [["점심 뭐 먹지", "비빔밥 어떠세요?"]]),
    ("an input", "instruct", {"instruction": "번역해 줘", "input": "안녕", "output": "Hello"}, [["번역해 줘\n\n안녕", "Hello"]]),
    ("alpaca without input", "instruct", {"instruction": "Say hi", "input": "<noinput>", "output": "Hi"}, [["Say hi", "Hi"]]),
    ("dolly", "instruct", {"instruction": "Who?", "context": "Joey ate it.", "response": "Joey", "category": "closed_qa"}, [["Who?\n\nJoey ate it.", "Joey"]]),
    ("a passage and an input", "instruct", {"instruction": "요약해 줘", "지문": "긴 글", "input": "한 줄로", "output": "짧은 글"}, [["요약해 줘\n\n긴 글\n\n한 줄로", "짧은 글"]]),
    ("sharegpt", "instruct", {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}, [["Hi", "Hello"]]),
    ("chatml", "friends", {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}, {"role": "user", "content": "there"}, {"role": "assistant", "content": "Yo"}]}, [["Hi\nthere", "Yo"]]),
    ("corpus as JSON", "listener", {"profile": {}, "talk": {"id": {"talk-id": "1"}, "content": TALK}}, TALKED),
    ("corpus as columns", "listener", {"연령": "청년", "사람문장1": TALK["HS01"], "시스템문장1": TALK["SS01"], "사람문장2": TALK["HS02"], "시스템문장2": TALK["SS02"], "사람문장3": None, "시스템문장3": None}, TALKED),
    ("corpus, first edition", "listener", {"사람문장1": "가", "시스템응답1": "나"}, [["가", "나"]]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "row", "expected"), ROWS)
@pytest.mark.parametrize("form", ["array.json", "lines.jsonl", "lines.json"])
def test_rows_of_json(tmp_path, name, kind, row, expected, form):
    text = json.dumps(row, ensure_ascii=False)
    source = tmp_path / form
    source.write_text(f"[\n{text}\n]" if form == "array.json" else text + "\n", "utf-8")
    assert prepare(tmp_path / "out", kind, source) == 0
    assert said(tmp_path / "out") == expected


def test_rows_on_one_line_are_of_groups_of_their_own(tmp_path):
    rows = [{"instruction": f"task {letter}", "output": letter * count} for count, letter in enumerate("abcde")]  # fmt: skip
    source = tmp_path / "a.json"
    source.write_text(json.dumps(rows), "utf-8")
    assert prepare(tmp_path / "out", "instruct", source) == 0
    assert all(written(tmp_path / "out").values())
    every = sum(written(tmp_path / "out").values(), [])
    assert sorted(one.group for one in every) == [f"a[element {number}]/1" for number in range(2, 6)]  # fmt: skip
    (bad,) = map(json.loads, (tmp_path / "out" / "rejected.jsonl").read_text("utf-8").splitlines())  # fmt: skip
    assert bad == {"file": f"{source}[element 1]", "row": 1, "reason": "the output is empty"}  # fmt: skip
    # A line of its own tells an element from the others.
    source.write_text(json.dumps(rows, indent=1), "utf-8")
    assert prepare(tmp_path / "out", "instruct", source) == 0
    every = sum(written(tmp_path / "out").values(), [])
    assert {one.group for one in every} == {f"a/{row}" for row in (6, 10, 14, 18)}


def test_fields_that_teach_nothing_are_named(tmp_path):
    rows = [{"instruction": "a", "output": "b", "category": "x"}, {"instruction": "c", "output": "d", "문맥": "e"}]  # fmt: skip
    source = _jsonl(tmp_path / "a.jsonl", *rows)
    table = _table(tmp_path / "b.csv", ["질문", "답변", "질의"], [[*PAIR, "x"]])
    assert prepare(tmp_path / "out", "instruct", source, table) == 0
    assert report(tmp_path / "out")["unread"] == {str(source): ["category", "문맥"], str(table): ["질의"]}  # fmt: skip
    page = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert f"Fields of {source} that are not read: category, 문맥\n" in page


def test_a_docx_may_hold_its_lines_in_a_table(tmp_path):
    document = docx.Document()
    document.add_paragraph("[Scene: A kitchen.]")
    table = document.add_table(0, 2)
    for speaker, words in [("Monica", "Hungry?"), ("Joey", "Always.")]:
        row = table.add_row()
        row.cells[0].text, row.cells[1].text = speaker, words
    document.save(str(tmp_path / "a.docx"))
    assert prepare(tmp_path / "out", "friends", tmp_path / "a.docx", persona="joey") == 0  # fmt: skip
    assert said(tmp_path / "out") == [["Hungry?", "Always."]]


def test_a_docx_is_read_as_if_its_changes_were_accepted(tmp_path):
    def part(xml: str) -> Any:
        return parse_xml(xml.replace(">", f" {nsdecls('w')}>", 1))

    document = docx.Document()
    asked, moved = document.add_paragraph("Monica: "), document.add_paragraph("Ross: Hi.")  # fmt: skip
    for xml in (
        "<w:ins><w:r><w:t>Still </w:t></w:r></w:ins>",
        "<w:del><w:r><w:delText>angry</w:delText></w:r></w:del>",
        "<w:moveFrom><w:r><w:t>angry</w:t></w:r></w:moveFrom>",
        "<w:sdt><w:sdtPr><w:alias/></w:sdtPr><w:sdtContent><w:ins><w:r><w:t>hungry?</w:t></w:r></w:ins></w:sdtContent></w:sdt>",
        "<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent><w:r><w:t>Click here.</w:t></w:r></w:sdtContent></w:sdt>",
    ):
        asked._p.append(part(xml))
    moved._p.addprevious(part("<w:sdt><w:sdtContent><w:p><w:r><w:t>Joey: Always.</w:t></w:r></w:p></w:sdtContent></w:sdt>"))  # fmt: skip
    document.save(str(tmp_path / "a.docx"))
    assert prepare(tmp_path / "out", "friends", tmp_path / "a.docx", persona="joey") == 0  # fmt: skip
    assert said(tmp_path / "out") == [["Still hungry?", "Always."]]
    assert rejected(tmp_path / "out") == [(3, "Ross says this, and joey does not answer")]  # fmt: skip


def test_every_sheet_is_read_and_one_of_another_form_is_listed(tmp_path):
    book = openpyxl.Workbook()
    for row in [["질문", "답변"], PAIR]:
        book.active.append(row)
    for title, head in [("english", ["Question", "Answer"]), ("notes", ["who", "what"])]:  # fmt: skip
        sheet = book.create_sheet(title)
        for row in [head, ["Where?", "Here."]]:
            sheet.append(row)
    book.create_sheet("empty")
    book.save(tmp_path / "a.xlsx")
    assert prepare(tmp_path / "out", "campus", tmp_path / "a.xlsx") == 0
    assert sorted(said(tmp_path / "out")) == sorted([PAIR, ["Where?", "Here."]])
    every = sum(written(tmp_path / "out").values(), [])
    assert {one.group for one in every} == {"a[Sheet]/2", "a[english]/2"}
    ((row, reason),) = rejected(tmp_path / "out")
    assert row == 2 and "who, what" in reason


def test_parquet_may_hold_conversations(tmp_path):
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]
    parquet.write_table(pyarrow.table({"messages": [talk]}), tmp_path / "a.parquet")
    assert prepare(tmp_path / "out", "instruct", tmp_path / "a.parquet") == 0
    assert said(tmp_path / "out") == [["Hi", "Yo"]]


def test_the_daemons_export_is_read_by_conversation(tmp_path):
    def turn(number: int, place: str, reply: dict[str, Any] | None) -> dict[str, Any]:
        return {"place": place, "thread": None, "turn": number, "at_ms": 1, "name": "Yun", "text": f"question {number}", "reply": reply}  # fmt: skip

    whole = {"text": "answer", "complete": True}
    turns = [turn(1, "web:a", whole), turn(2, "web:b", whole), turn(3, "web:a", {"text": "an", "complete": False}), turn(4, "web:a", whole), turn(5, "web:b", whole)]  # fmt: skip
    exports = [
        {
            "person": "web:me",
            "persona": "joey",
            "audience": "private",
            "facts": [],
            "summary": None,
            "turns": turns,
        },
        {"person": "web:me", "persona": "ross", "turns": turns},
    ]
    source = tmp_path / "memory.json"
    source.write_text(json.dumps(exports, indent=2), "utf-8")
    assert prepare(tmp_path / "out", "friends", source, persona="joey") == 0
    assert sorted(said(tmp_path / "out")) == [
        ["question 1", "answer"],
        ["question 2", "answer", "question 5", "answer"],
        ["question 4", "answer"],
    ]
    assert [reason for _, reason in rejected(tmp_path / "out")] == [
        "turn 3 has no complete reply",
        "these turns are with 'ross', not with 'joey'; prepare them with --persona ross",
    ]
    assert len({one.group for one in sum(written(tmp_path / "out").values(), [])}) == 2


ANSWER = '{"instruction": "a", "output": "b"}'
PROBLEMS: list[tuple[str, str, bytes, str]] = [
    ("empty", "a.csv", b"", "a.csv is empty"),
    ("blanks", "a.csv", b" \n\n", "nothing but blanks"),
    ("only a header", "a.csv", "질문,답변\n".encode(), "holds no row"),
    ("wrong columns", "a.csv", b"frage,antwort\nx,y\n", "a.csv:1: columns found: frage, antwort; expected"),
    ("a column twice", "a.csv", b"question,question,answer\nx,y,z\n", "two columns are named 'question'"),
    ("an open quotation mark", "a.csv", b'question,answer\nx,"y\n', "a.csv:2: not CSV"),
    ("mixed encodings", "a.csv", "질문,답변\n가까운 곳,여기\n".encode() + "먼 곳,저기\n".encode("cp949"), "a.csv:3: two encodings in one file: row 1 is UTF-8, row 3 is CP949"),
    ("no text at all", "a.csv", b"question,answer\nx,\xff\xff\n", "a.csv:2: the bytes ff ff are neither UTF-8 nor CP949"),
    ("broken JSON", "a.json", f"[\n{ANSWER},\n{{]".encode(), "a.json:3: not JSON"),
    ("an array that breaks off", "a.json", f"[\n{ANSWER}\n".encode(), "the array breaks off"),
    ("no XLSX", "a.xlsx", b"PK nothing", "a.xlsx is no XLSX file"),
    ("half a Parquet file", "a.parquet", b"PAR1 nothing", "a.parquet is no whole Parquet file"),
    ("no DOCX", "a.docx", b"PK nothing", "transcripts and chats are read by `prepare friends`"),
    ("Windows-1252", "a.csv", b"question,answer\nwhy,I don\x92t know\n", "a.csv:2: this looks like Windows-1252"),
    ("an array that breaks off after a comma", "a.json", f"[\n{ANSWER},\n".encode(), "a.json:3: the array breaks off"),
    ("no objects", "a.json", b'["x", "x", 1]', "a.json[element 1]:1: a text where an object {…} is expected\n  a.json[element 2]:1: a text where"),
    ("a number of 5,000 digits", "a.json", f'[\n{ANSWER},\n{{"output": {"1" * 5000}}}]'.encode(), "a.json:3: a number is too long"),
    ("a number of 5,000 digits in a row", "a.jsonl", f'{{"output": {"1" * 5000}}}'.encode(), "a.jsonl:1: a number is too long"),
    ("lists in lists in lists", "a.json", b'{"output": ' + b"[" * 100_000, "a.json:1: a number is too long, or lists stand too deep"),
    ("rows inside of an object", "a.json", f'{{"data": [{ANSWER}]}}'.encode(), "the rows may stand in 'data': save that list as a file of its own"),
    ("no header", "a.csv", b"where,here\nwhen,now\n", "a.csv:1: columns found: where, here; "),
    ("another ending", "a.pdf", b"x", "has the ending .pdf; what is read: .txt, .docx, .json"),
    ("a form of another kind", "a.csv", "사람문장1,시스템문장1\n가,나\n".encode(), "use `prepare listener`"),
    ("only bad rows", "a.csv", b"question,answer\nx,\n", "a.csv:2: the answer is empty"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "message"), [problem[1:] for problem in PROBLEMS], ids=[problem[0] for problem in PROBLEMS])  # fmt: skip
def test_a_file_that_cannot_be_used_is_a_sentence_and_no_output(tmp_path, capsys, name, data, message):  # fmt: skip
    (tmp_path / name).write_bytes(data)
    assert prepare(tmp_path / "out", "campus", tmp_path / name) == 1
    captured = capsys.readouterr()
    progress, _, error = captured.err.replace(f"{tmp_path}/", "").partition("chatfriends-train prepare: ")  # fmt: skip
    assert message in error, error
    assert all(line.startswith("prepare: ") for line in progress.splitlines())
    assert captured.out == ""
    assert not (tmp_path / "out").exists()


def test_a_persona_that_no_file_could_have_is_refused(tmp_path, capsys):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [PAIR])
    assert prepare(tmp_path / "out", "campus", source, persona="Campus Guide") == 1
    assert "a-z, 0-9, _ and -" in capsys.readouterr().err


def test_a_missing_package_is_named_with_where_it_is_listed(tmp_path, capsys, monkeypatch):  # fmt: skip
    source = _table(tmp_path / "a.xlsx", ["질문", "답변"], [PAIR])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert prepare(tmp_path / "out", "campus", source) == 1
    error = capsys.readouterr().err
    assert "openpyxl is missing" in error and "requirements-data.txt" in error


def test_a_missing_file_and_a_broken_docx_are_sentences(tmp_path, capsys):
    assert prepare(tmp_path / "out", "campus", tmp_path / "none.csv") == 1
    assert "none.csv is not there" in capsys.readouterr().err
    (tmp_path / "a.docx").write_bytes(b"PK nothing")
    assert prepare(tmp_path / "out", "friends", tmp_path / "a.docx") == 1
    assert "a.docx is no DOCX file" in capsys.readouterr().err


def test_a_name_that_is_not_utf8_is_refused(tmp_path, capsys):
    source = tmp_path / os.fsdecode("질문.csv".encode("cp949"))
    _table(source, ["질문", "답변"], [PAIR])
    assert prepare(tmp_path / "out", "campus", source) == 1
    assert "is not UTF-8, as of a file from a Korean ZIP; rename it" in capsys.readouterr().err  # fmt: skip


def test_bad_rows_are_listed_with_their_row_and_the_others_are_kept(tmp_path):
    good = json.dumps({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]})  # fmt: skip
    lines = [
        good,
        "{not json",
        "[1]",
        '{"messages": [{"role": "user", "content": "Alone?"}]}',
        '{"messages": [{"role": "assistant", "content": "Alone."}]}',
        '{"messages": []}',
        '{"messages": [{"role": "tool", "content": "x"}]}',
        '{"other": 1}',
        good.replace("{", '{"persona": "ross", ', 1),
        '{"messages": [{"role": "assistant", "content": "Welcome"}, {"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}, {"role": "user", "content": "C"}]}',
    ]
    source = tmp_path / "a.jsonl"
    source.write_text("\n".join(lines), "utf-8")
    assert prepare(tmp_path / "out", "instruct", source) == 0
    assert said(tmp_path / "out") == [["Hi", "Yo"], ["A", "B"]]
    found = rejected(tmp_path / "out")
    assert [row for row, _ in found] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 10]
    for (_, reason), word in zip(found, ["not JSON", "list", "only the person", "only the persona", "no one", "'tool'", "other", "with 'ross'", "persona's words before", "no answer"], strict=True):  # fmt: skip
        assert word in reason
    assert report(tmp_path / "out")["rejected"] == len(found)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16", "utf-16-le", "utf-16-be"])  # fmt: skip
def test_encodings_are_told_apart_and_hangul_is_composed(tmp_path, encoding):
    import unicodedata

    words = "질문,답변\n뭐 먹지?,밥은 어때요?\n"
    form = "NFC" if encoding == "cp949" else "NFD"
    (tmp_path / "a.csv").write_bytes(
        unicodedata.normalize(form, words).encode(encoding)
    )
    assert prepare(tmp_path / "out", "mechuri", tmp_path / "a.csv") == 0
    assert said(tmp_path / "out") == [["뭐 먹지?", "밥은 어때요?"]]


def test_words_over_several_lines_keep_the_count_of_rows(tmp_path):
    (tmp_path / "a.csv").write_text('question,answer\n"a\nb",c\nd\ne,f\n', "utf-8")
    assert prepare(tmp_path / "out", "campus", tmp_path / "a.csv") == 0
    assert said(tmp_path / "out") == [["a\nb", "c"], ["e", "f"]]
    assert [row for row, _ in rejected(tmp_path / "out")] == [4]


def test_exact_duplicates_are_dropped_and_listed(tmp_path):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [PAIR, ["다른 것?", "여기예요."], PAIR])  # fmt: skip
    assert prepare(tmp_path / "out", "campus", source) == 0
    assert len(said(tmp_path / "out")) == 2
    (listed,) = report(tmp_path / "out")["duplicates"]
    assert (listed["row"], listed["same_as"]["row"]) == (4, 2)


def test_lengths_are_told_and_long_dialogues_named(tmp_path):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [["가" * 10, "a" * 40], ["나", "다" * 30]])  # fmt: skip
    assert prepare(tmp_path / "out", "campus", source, more=("--limit", "25")) == 0
    told = report(tmp_path / "out")
    assert told["tokens"] == {"min": 20, "median": 25, "p95": 31, "max": 31}
    assert told["characters"]["max"] == 50
    assert [(one["row"], one["tokens"]) for one in told["longer"]] == [(3, 31)]


def _questions(count: int, random_: random.Random) -> list[list[str]]:
    """Questions with several phrasings each, which no split may tear apart."""
    syllables = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허"
    rows = []
    for number in range(count):
        topic = "".join(random_.choices(syllables, k=9))
        answer = "".join(random_.choices(syllables, k=20)) + "요."
        rows.append([f"{topic} 어디에 있어", answer])
        rows.append([f"혹시 {topic} 위치 알려 줄래?", answer])
        rows.append([f"{topic} 어디에 있어?!", f"{number}번은 따로 답해요 {topic[::-1]}"])  # fmt: skip
    return rows


def _likeness(one: str, other: str) -> float:
    """The share of common trigrams (Jaccard), counted anew: nothing here is taken from the code under test but the letters."""
    mine, others = ({text[at : at + 3] for at in range(len(text) - 2)} for text in (f"^{groups.plain(one)}$", f"^{groups.plain(other)}$"))  # fmt: skip
    return len(mine & others) / len(mine | others)


@pytest.mark.parametrize("seed", range(5))
def test_no_group_stands_in_two_splits_and_near_duplicates_stay_together(tmp_path, seed):  # fmt: skip
    rows = _questions(60 + seed, random.Random(seed))
    random.Random(seed).shuffle(rows)
    source = _table(tmp_path / "a.csv", ["질문", "답변"], rows)
    assert prepare(tmp_path / "out", "campus", source) == 0
    split = written(tmp_path / "out")
    where: dict[str, set[str]] = {}
    for name, dialogues in split.items():
        for one in dialogues:
            where.setdefault(one.group, set()).add(name)
    assert all(len(names) == 1 for names in where.values())
    held_out = split["validation"] + split["test"]
    for one in held_out:
        for other in split["train"]:
            assert one.turns[-1].content != other.turns[-1].content
            assert _likeness(one.turns[0].content, other.turns[0].content) < groups.ALIKE  # fmt: skip
    total = len(rows)
    for name in ("validation", "test"):
        assert 0 < len(split[name]) <= 0.06 * total
    assert sum(map(len, split.values())) == total


def test_near_duplicate_conversations_are_one_group_and_other_numbers_another_question():
    def one(group: str, *texts: str) -> dialogue.Dialogue:
        turns = tuple(dialogue.Turn("assistant" if place % 2 else "user", text) for place, text in enumerate(texts))  # fmt: skip
        return dialogue.Dialogue("p", group, turns, dialogue.Source("f", 1))

    talk = ["요즘 회사 일이 많아서 너무 힘들어.", "많이 지치셨겠어요.", "주말에도 쉬지 못했어.", "쉬지 못해 더 힘드셨군요."]  # fmt: skip
    grouped = groups.grouped(
        [
            one("a", *talk),
            one("b", *talk[:3], "쉬지를 못해서 더 힘드셨군요!"),
            one("c", "오늘은 정말 기분이 좋아.", "무슨 일이 있으셨어요?", "월급을 받았어.", "축하드려요!"),
            one("d", "1호관은 어디에 있는지 알려 줄 수 있어?", "정문 오른쪽에 있어요."),
            one("e", "2호관은 어디에 있는지 알려 줄 수 있어?", "도서관 뒤쪽이에요."),
        ]
    )  # fmt: skip
    assert [each.group for each in grouped] == ["a", "a", "c", "d", "e"]


def test_a_crowd_of_questions_with_other_numbers_hides_no_paraphrase():
    def one(group: str, question: str, answer: str) -> dialogue.Dialogue:
        turns = (dialogue.Turn("user", question), dialogue.Turn("assistant", answer))
        return dialogue.Dialogue("p", group, turns, dialogue.Source("f", 1))

    # The answers are unlike, so that only the questions can join a pair.
    draw = random.Random(1)
    syllables = [chr(code) for code in range(ord("가"), ord("가") + 5000)]
    answers = ["".join(draw.choices(syllables, k=30)) for _ in range(600)]
    asked = [one(f"a{number}", f"{number}번 강의실은 어디에 있는지 나에게 알려 줄 수 있어?", answers[number]) for number in range(300)]  # fmt: skip
    again = [one(f"b{number}", f"{number}번 강의실은 어디에 있는지 나에게 알려 줄 수 있나요", answers[300 + number]) for number in range(300)]  # fmt: skip
    assert 0.8 < _likeness(asked[100].turns[0].content, again[100].turns[0].content) < 0.9  # fmt: skip
    grouped = groups.grouped([*asked, *again])
    assert [each.group for each in grouped] == [f"a{number}" for number in range(300)] * 2  # fmt: skip
    # A sign behind the number does not make it another.
    pair = [one("c", "학생 식당은 어느 건물에 있어? 건물 7", answers[0]), one("d", "학생 식당은 어느 건물에 있어? 건물 7?", answers[1])]  # fmt: skip
    assert [each.group for each in groups.grouped(pair)] == ["c", "c"]


def test_the_same_data_are_split_alike_and_every_split_has_a_group(tmp_path):
    sizes = {f"g{number}": 1 + number % 4 for number in range(200)}
    turned = dict(reversed(sizes.items()))
    assert splits.choose(sizes) == splits.choose(turned)
    for count in range(3, 12):
        assert set(splits.choose({f"g{number}": 50 for number in range(count)}).values()) == set(splits.SPLITS)  # fmt: skip
    # A group that is larger than the share stays in training.
    chosen = splits.choose({"large": 500, **{f"g{number}": 1 for number in range(500)}})
    assert chosen["large"] == "train"
    assert sum(name == "test" for name in chosen.values()) == 50


PERSONAL = [
    ("전화는 010-1234-5678이에요", "phone", "전화는 [전화번호]이에요"),
    ("01012345678로 문자 줘", "phone", "[전화번호]로 문자 줘"),
    ("사무실은 02) 123-4567", "phone", "사무실은 [전화번호]"),
    ("Call me at +1 (415) 555-0132!", "phone", "Call me at [phone]!"),
    ("Call 415-555-0132", "phone", "Call [phone]"),
    ("yun.kim+a@mail.example.co.kr 로", "email", "[이메일] 로"),
    ("주민번호 900101-1234567", "resident number", "주민번호 [주민등록번호]"),
    ("My card is 4111 1111 1111 1111.", "card", "My card is [card number]."),
    ("국민은행 123456-78-901234", "account", "국민은행 [계좌번호]"),
    ("계좌번호는 1234567890123", "account", "계좌번호는 [계좌번호]"),
    ("서울시 강남구 테헤란로 123에 살아요", "address", "[주소]에 살아요"),
    ("대전 중구 대종로 480번길 15에서 만나", "address", "대전 [주소]에서 만나"),
    ("I live at 221 Baker Street, Apt 4", "address", "I live at [address]"),
]
HARMLESS = [
    "2024-03-15에 만나자",
    "3호관 1층 101호",
    "4111 1111 1111 1112",
    "pi is 3.14159265358979",
    "10-20명쯤, 5,000원",
    "버스 143번, 9시 30분",
    "1588 is a year",
    "I ate 3 Big Macs",
    "친구 집으로 3명이 갔어",
    "다시 도서관으로 2시에 와",
    "우리학교 연구동 3층",
]


@pytest.mark.parametrize(("text", "kind", "masked"), PERSONAL)
def test_personal_data_are_found_and_masked(text, kind, masked):
    turns = (dialogue.Turn("user", text), dialogue.Turn("assistant", "네"))
    findings, after = personal.scan(dialogue.Dialogue("p", "g", turns, dialogue.Source("f", 7)), personal.StandIns())  # fmt: skip
    assert [(one.kind, one.row) for one in findings] == [(kind, 7)]
    assert after.turns[0].content == masked


@pytest.mark.parametrize("text", HARMLESS)
def test_numbers_that_are_nobodys_are_left_alone(text):
    turns = (dialogue.Turn("user", text), dialogue.Turn("assistant", "네"))
    assert personal.scan(dialogue.Dialogue("p", "g", turns, dialogue.Source("f", 7)), personal.StandIns())[0] == []  # fmt: skip


def test_the_report_hides_what_it_found_and_mask_takes_it_out(tmp_path):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [["번호 뭐야?", "010-1234-5678이에요."]])  # fmt: skip
    assert prepare(tmp_path / "out", "campus", source) == 0
    assert said(tmp_path / "out") == [["번호 뭐야?", "010-1234-5678이에요."]]
    assert report(tmp_path / "out")["personal_data"] == [
        {"kind": "phone", "file": str(source), "row": 2, "shown": "01*-****-****"}
    ]
    for page in ("report.json", "report.md"):
        assert "1234" not in (tmp_path / "out" / page).read_text("utf-8")
    assert prepare(tmp_path / "out", "campus", source, more=("--mask",)) == 0
    assert said(tmp_path / "out") == [["번호 뭐야?", "[전화번호]이에요."]]


def test_the_folder_is_whole_or_not_there_and_never_somebody_elses(tmp_path, capsys):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [PAIR])
    out = tmp_path / "out"
    # What a killed run left is no output, and in nobody's way; what somebody has put beside it is theirs.
    killed, backup = out.with_name(".out.prepare-new"), out.with_name("out.old")
    for folder in (killed, backup):
        folder.mkdir()
        (folder / "train.jsonl").write_text("half")
    assert prepare(out, "campus", source) == 0
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert prepare(out, "campus", source) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert not killed.exists()
    assert (backup / "train.jsonl").read_text() == "half"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "novel.txt").write_text("…")
    assert prepare(mine, "campus", source) == 1
    assert "is not the work of `prepare`" in capsys.readouterr().err
    assert (mine / "novel.txt").exists()


def test_a_full_disk_leaves_nothing_behind(tmp_path, capsys, monkeypatch):
    def full(path: Path, _: Any) -> None:
        path.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source = _table(tmp_path / "a.csv", ["질문", "답변"], [PAIR])
    monkeypatch.setattr(dialogue, "write", full)
    assert prepare(tmp_path / "out", "campus", source) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("kind", "persona", "least", "bad"),
    [("friends", "joey", 25, 9), ("mechuri", "mechuri", 60, 0), ("campus", "campus", 100, 0), ("listener", "listener", 60, 0), ("instruct", "helper", 60, 0)],
)  # fmt: skip
def test_the_examples_are_read_whole(tmp_path, kind, persona, least, bad):
    files = sorted((EXAMPLES / kind).iterdir())
    assert prepare(tmp_path / "out", kind, *files, persona=persona) == 0
    told = report(tmp_path / "out")
    assert sum(one["dialogues"] for one in told["splits"].values()) >= least
    assert all(one["groups"] for one in told["splits"].values())
    assert told["rejected"] == bad
    assert not told["duplicates"] and not told["personal_data"]


ODD = """영희님이 들어왔습니다.
민수🐶: 오늘 뭐해? great :D
조이: 오늘은 10:30에 보자. 준비물은 이거야 hi :)
3장 뽑아 줘
장면이 멋졌어
준비물: 노트북
민수🐶: https://example.com: 봐
조이: (웃으며
민수🐶: 뭐야 :(
조이: 아무것도 아냐 (진짜), ㅋㅋ :((
--------------- 2024년 1월 6일 ---------------
minsu_22: hi
조이: yo
컴공 김민수: 안녕
학생 1: 안녕 (손을 들고
천천히) 반가워
조이: 응
Mr. Kim: Cut to the chase.
조이: 넵
시간: 오후 2시
"""


def test_what_only_looks_like_a_name_a_scene_or_a_direction_stays_words(tmp_path):
    source = tmp_path / "odd.txt"
    source.write_text(ODD, "utf-8")
    assert prepare(tmp_path / "out", "friends", source, persona="joey", more=("--speaker", "조이")) == 0  # fmt: skip
    assert said(tmp_path / "out") == [
        ["오늘 뭐해? great :D", "오늘은 10:30에 보자. 준비물은 이거야 hi :) 3장 뽑아 줘 장면이 멋졌어"],
        ["https://example.com: 봐 뭐야 :(", "아무것도 아냐, ㅋㅋ :(("],
        ["hi", "yo"],
        ["안녕 반가워", "응"],
        ["Cut to the chase.", "넵"],
    ]  # fmt: skip
    assert rejected(tmp_path / "out") == [
        (1, "a notice of the chat, said by nobody"),
        (6, "준비물 says this, and 조이 does not answer"),
        (8, "only in part: what follows '(' is left out, since no ')' follows before the next speaker; close the bracket"),
        (14, "컴공 김민수 says this, and 조이 does not answer"),
        (20, "said by '시간', who is no one person"),
    ]  # fmt: skip
    # A heading that was taken for a name shows in the list of who speaks.
    assert "준비물 (1)" in (tmp_path / "out" / "report.md").read_text("utf-8")


@pytest.mark.parametrize(
    "heading",
    ["[Scene: a kitchen]", "Scene 2", "Scene: the street", "S#1. 부엌", "#2", "장면 2", "제3장", "2장: 밤", "씬 4", "CUT TO:", "[Time Lapse]", "The End", "ACT TWO", "INT. KITCHEN - DAY", "--- 2024년 1월 6일 ---", "--- 2024-01-06 ---"],
)  # fmt: skip
def test_headings_part_scenes(tmp_path, heading):
    source = tmp_path / "a.txt"
    source.write_text(f"Ross: Hi\nJoey: Yo\n{heading}\nRoss: Bye\nJoey: So long\n", "utf-8")  # fmt: skip
    assert prepare(tmp_path / "out", "friends", source, persona="joey") == 0
    assert said(tmp_path / "out") == [["Hi", "Yo"], ["Bye", "So long"]]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("국문과 김영희", True), ("Part Timer", True), ("Mr. Kim", True), ("학생 1", True), ("민수🐶", True), ("The Others", False), ("Ross and Joey", False), ("조이와 민수", False), ("모두", False), ("Narrator", False)],
)  # fmt: skip
def test_a_name_is_one_persons(tmp_path, name, is_one):
    source = tmp_path / "a.txt"
    source.write_text(f"{name}: Hello?\nJoey: Hi.\nRoss: Bye?\nJoey: Bye.\n", "utf-8")
    assert prepare(tmp_path / "out", "friends", source, persona="joey") == 0
    assert said(tmp_path / "out") == [["Hello?", "Hi."], ["Bye?", "Bye."]][not is_one :]


def _jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _chatml(*messages: tuple[str, ...]) -> dict[str, Any]:
    return {"messages": [dict(zip(("role", "content", "name"), one, strict=False)) for one in messages]}  # fmt: skip


def test_a_message_without_words_parts_a_conversation_and_is_listed(tmp_path):
    talk = _chatml(("system", "S"), ("user", "a"), ("assistant", ""), ("user", "b"), ("assistant", "c"), ("system", "T"))  # fmt: skip
    source = _jsonl(tmp_path / "a.jsonl", talk)
    assert prepare(tmp_path / "out", "instruct", source) == 0
    assert said(tmp_path / "out") == [["b", "c"]]
    assert [reason.split(":")[0] for _, reason in rejected(tmp_path / "out")] == ["only in part", "one-sided"]  # fmt: skip
    (one,) = sum(written(tmp_path / "out").values(), [])
    assert one.system == "S\n\nT"


def test_a_reply_answers_the_one_who_spoke_last(tmp_path):
    talk = _chatml(("user", "lunch?", "Yun"), ("user", "it rains", "Min"), ("assistant", "take a coat"), ("user", "ok", "Yun"), ("assistant", "bye"))  # fmt: skip
    source = _jsonl(tmp_path / "a.jsonl", talk)
    assert prepare(tmp_path / "out", "instruct", source) == 0
    (one,) = sum(written(tmp_path / "out").values(), [])
    assert [(turn.name, turn.content) for turn in one.turns] == [("Min", "it rains"), (None, "take a coat"), ("Yun", "ok"), (None, "bye")]  # fmt: skip
    assert rejected(tmp_path / "out") == [(1, "only in part: Yun has no answer before Min speaks")]  # fmt: skip


def test_a_missing_sentence_joins_no_two_replies(tmp_path):
    head = ["사람문장1", "시스템문장1", "사람문장2", "시스템문장2", "사람문장3", "시스템문장3"]  # fmt: skip
    rows = [
        ["가", "나", "", "라", "", ""],
        ["약속 있어?", "없음", "그래", "네", "", ""],
    ]
    source = _table(tmp_path / "a.csv", head, rows)
    assert prepare(tmp_path / "out", "listener", source) == 0
    assert said(tmp_path / "out") == [
        ["가", "나"],
        ["약속 있어?", "없음", "그래", "네"],
    ]
    assert {row for row, _ in rejected(tmp_path / "out")} == {2}


@pytest.mark.parametrize("answer", ["없음", "None", "nan", "0"])
def test_an_answer_may_be_a_word_that_elsewhere_means_nothing(tmp_path, answer):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [["알레르기 있어?", answer]])
    assert prepare(tmp_path / "out", "campus", source) == 0
    assert said(tmp_path / "out") == [["알레르기 있어?", answer]]


def test_a_table_of_both_languages_gives_both(tmp_path):
    rows = [["어디?", "여기.", "Where?", "Here."], ["언제?", "지금.", "", ""], ["", "", "Who?", ""], ["", "", "", "Nobody."]]  # fmt: skip
    source = _table(tmp_path / "a.csv", ["질문", "답변", "question", "answer"], rows)
    assert prepare(tmp_path / "out", "campus", source) == 0
    assert said(tmp_path / "out") == [["Where?", "Here."], ["어디?", "여기."], ["언제?", "지금."]]  # fmt: skip
    assert rejected(tmp_path / "out") == [(4, "the answer is empty"), (5, "the question is empty")]  # fmt: skip
    assert len({one.group for one in sum(written(tmp_path / "out").values(), [])}) == 2


@pytest.mark.parametrize("head", [["질문(필수)", "답변 (최종)"], ["Question*", "answer [en]"]])  # fmt: skip
def test_a_column_may_carry_a_note(tmp_path, head):
    assert prepare(tmp_path / "out", "campus", _table(tmp_path / "a.csv", head, [PAIR])) == 0  # fmt: skip
    assert said(tmp_path / "out") == [PAIR]


def test_two_columns_that_differ_by_their_note_are_not_guessed_at(tmp_path, capsys):
    source = _table(
        tmp_path / "a.csv", ["질문", "답변(초안)", "답변(최종)"], [[*PAIR, "x"]]
    )
    assert prepare(tmp_path / "out", "campus", source) == 1
    assert "columns found: 질문, 답변(초안), 답변(최종)" in capsys.readouterr().err


def test_one_bad_quotation_mark_costs_one_row(tmp_path):
    for name, mark in (("a.csv", ","), ("a.tsv", "\t")):
        rows = ["question,answer", 'a,"b" c', "d,e", 'f,"g', "h,i", '"say ""hi""",j']
        (tmp_path / name).write_text("\n".join(rows).replace(",", mark), "utf-8")
        assert prepare(tmp_path / "out", "campus", tmp_path / name) == 0
        assert said(tmp_path / "out") == [["d", "e"], ["h", "i"], ['say "hi"', "j"]]
        assert [row for row, _ in rejected(tmp_path / "out")] == [2, 4]


def test_excels_line_with_the_separator_is_no_header(tmp_path):
    (tmp_path / "a.csv").write_text(
        "sep=;\n질문;답변\n어디?;여기, 또는 저기.\n", "utf-8"
    )
    assert prepare(tmp_path / "out", "campus", tmp_path / "a.csv") == 0
    assert said(tmp_path / "out") == [["어디?", "여기, 또는 저기."]]


def test_arrays_one_after_the_other_are_all_read(tmp_path):
    row = '{"instruction": "%s", "output": "x"}'
    (tmp_path / "a.json").write_text(f"[{row % 'a'}]\n[{row % 'b'}, {row % 'c'},]\n{row % 'd'}")  # fmt: skip
    assert prepare(tmp_path / "out", "instruct", tmp_path / "a.json") == 0
    assert sorted(first for first, _ in said(tmp_path / "out")) == ["a", "b", "c", "d"]


def test_half_a_character_is_a_bad_row(tmp_path, capsys):
    good = _chatml(("user", "Hi"), ("assistant", "Yo"))
    rows = [good, {"\ud83c": 1}, _chatml(("user", "\ud83c"), ("assistant", "Yo"))]
    assert prepare(tmp_path / "out", "instruct", _jsonl(tmp_path / "a.jsonl", *rows)) == 0  # fmt: skip
    assert said(tmp_path / "out") == [["Hi", "Yo"]]
    (_, first), (_, second) = rejected(tmp_path / "out")
    assert first == "the fields \ud83c are not those of the rows before"
    assert "half a character" in second
    # The first is shown on the screen, which has no such character.
    assert "the fields \\ud83c are not those" in capsys.readouterr().out


def test_cells_that_hold_no_words_are_told_from_empty_ones(tmp_path):
    book = openpyxl.Workbook()
    for row in [["질문", "답변"], PAIR, ["A?", "#N/A"], ["B?", "=1+1"], ["C?", None]]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert prepare(tmp_path / "out", "campus", tmp_path / "a.xlsx") == 0
    assert rejected(tmp_path / "out") == [
        (3, "the field '답변' holds #N/A, an error of the spreadsheet"),
        (4, "a formula without its result; open the file in a spreadsheet program and save it there"),
        (5, "the answer is empty"),
    ]  # fmt: skip
    row = {"instruction": "a", "output": ["x"]}
    assert prepare(tmp_path / "more", "instruct", _jsonl(tmp_path / "a.jsonl", row | {"output": "y"}, row)) == 0  # fmt: skip
    assert rejected(tmp_path / "more") == [(2, "the field 'output' holds a list, not text")]  # fmt: skip


def test_a_turn_that_was_edited_after_its_reply_teaches_nothing(tmp_path):
    turns = [
        {"place": "web:a", "thread": None, "turn": number, "text": f"question {number}", "reply": {"text": "answer", "complete": True}, "amended": number == 2}
        for number in range(1, 4)
    ]  # fmt: skip
    source = _jsonl(tmp_path / "a.jsonl", {"persona": "joey", "turns": turns})
    assert prepare(tmp_path / "out", "friends", source, persona="joey") == 0
    assert said(tmp_path / "out") == [["question 1", "answer"], ["question 3", "answer"]]  # fmt: skip
    assert rejected(tmp_path / "out") == [(1, "turn 2 was edited after its reply")]


def test_fields_of_other_types_are_bad_rows(tmp_path):
    turn = {"place": "a", "thread": None, "turn": 1, "text": "x", "reply": {"text": "y"}}  # fmt: skip
    rows = [
        {"persona": "joey", "turns": [turn]},
        {"persona": "joey", "turns": [turn | {"reply": ["y"]}, turn | {"text": {}}]},
        {"persona": "joey", "turns": [1]},
    ]
    source = _jsonl(tmp_path / "a.jsonl", *rows)
    assert prepare(tmp_path / "out", "friends", source, persona="joey") == 0
    assert said(tmp_path / "out") == [["x", "y"]]
    assert rejected(tmp_path / "out") == [
        (2, "turn 1 has no complete reply"),
        (2, "the field 'text' holds an object, not text"),
        (3, "turn 1 is a number, not an object"),
    ]


def test_html_in_the_words_is_named(tmp_path, capsys):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [PAIR, ["줄?", "하나<br>둘&nbsp;셋"], ["a < b?", "x > y & z"]])  # fmt: skip
    assert prepare(tmp_path / "out", "campus", source) == 0
    assert f"HTML in the words: 1, for example {source}:3" in capsys.readouterr().out
    assert [one["row"] for one in report(tmp_path / "out")["markup"]] == [3]


def test_too_few_groups_are_said_so(tmp_path, capsys):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [PAIR])
    assert prepare(tmp_path / "out", "campus", source) == 0
    lacking = "1 dialogue in 1 group cannot be split: at least 3 groups"
    assert lacking in capsys.readouterr().out
    assert lacking in (tmp_path / "out" / "report.md").read_text("utf-8")


def test_what_was_changed_by_hand_or_is_another_personas_stays(tmp_path, capsys):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [PAIR])
    out = tmp_path / "out"
    assert prepare(out, "campus", source) == 0
    assert prepare(out, "campus", source, persona="helper") == 1
    assert "holds the training data of 'campus'" in capsys.readouterr().err
    # What is missing is written again.
    (out / "report.md").unlink()
    assert prepare(out, "campus", source) == 0


@pytest.mark.parametrize("name", ["train.jsonl", "test.jsonl", "rejected.jsonl", "report.md", "report.json"])  # fmt: skip
def test_a_file_that_was_changed_by_hand_stays(tmp_path, capsys, name):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [PAIR, ["빈칸은?", ""]])
    out = tmp_path / "out"
    assert prepare(out, "campus", source) == 0
    mine = (out / name).read_text("utf-8").replace("{", '{"mine": 1, ', 1) + "\n"
    (out / name).write_text(mine, "utf-8")
    assert prepare(out, "campus", source) == 1
    assert f"{out / name} has been changed by hand" in capsys.readouterr().err
    assert (out / name).read_text("utf-8") == mine


def test_what_somebody_has_put_into_the_folder_stays(tmp_path, capsys):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [PAIR])
    out = tmp_path / "out"
    assert prepare(out, "campus", source) == 0
    (out / "tuned" / "adapter").mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    assert prepare(out, "campus", source) == 1
    assert f"{out} also holds notes.txt, tuned, which `prepare` has not written" in capsys.readouterr().err  # fmt: skip
    assert (out / "tuned" / "adapter").is_dir() and (out / "notes.txt").exists()


@pytest.mark.parametrize("out", ["a.csv", "a.csv/x", "/proc/x"])
def test_an_output_that_cannot_be_is_a_sentence(tmp_path, capsys, out):
    source = _table(tmp_path / "a.csv", ["질문", "답변"], [PAIR])
    assert prepare(tmp_path / out, "campus", source) == 1
    assert f"{tmp_path / out}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.csv", "--out", "out", "--limit", "-1"], "--limit: '-1' is no whole number from 1 on"),
        (["a.csv", "--out", ""], "--out: a path is missing"),
        (["", "--out", "out"], "INPUT: a path is missing"),
        (["https://example.com/a.csv", "--out", "out"], "is an address; download it"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_meant_are_refused(capsys, words, message):
    with pytest.raises(SystemExit):
        cli.main(["prepare", "campus", "--persona", "campus", *words])
    assert message in capsys.readouterr().err
