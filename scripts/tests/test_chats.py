"""Exports of chat programs, small ones written for this: each form, and what stands between people's words."""

import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import cli, dialogue  # noqa: E402
from chatfriends_train.prepare import splits  # noqa: E402

PAIR = [["안녕", "응 안녕\n그래 :)"]]
HELLO = [["hi all", "hey: you"]]
TELEGRAM = {
    "name": "friends", "type": "private_group", "id": 1,
    "messages": [
        {"id": 1, "type": "service", "date": "2024-01-05T14:03:00", "actor": "Minsu", "action": "create_group", "text": ""},
        {"id": 2, "type": "message", "date": "2024-01-05T14:03:22", "from": "Minsu", "text": ["hi ", {"type": "bold", "text": "all"}]},
        {"id": 3, "type": "message", "date": "2024-01-05T14:04:22", "from": "조이", "text": "hey: you"},
    ],
}  # fmt: skip
DISCORD = {
    "guild": {"id": "1"}, "channel": {"id": "2"},
    "messages": [
        {"id": "1", "type": "GuildMemberJoin", "timestamp": "2024-01-05T14:03:20.1+00:00", "content": "Joined the server.", "author": {"id": "3", "name": "minsu", "nickname": "Minsu"}},
        {"id": "2", "type": "Default", "timestamp": "2024-01-05T14:03:22.1+00:00", "content": "hi all", "author": {"id": "3", "name": "minsu", "nickname": "Minsu"}},
        {"id": "3", "type": "Reply", "timestamp": "2024-01-05T14:03:29.1+00:00", "content": "hey: you", "author": {"id": "4", "name": "조이", "nickname": None}},
    ],
}  # fmt: skip
EXPORTS = [
    ("kakao on a computer", "a.txt", "조이 님과 카카오톡 대화\n저장한 날짜 : 2024-01-05 22:10:00\n\n--------------- 2024년 1월 5일 금요일 ---------------\n[민수] [오후 2:03] 안녕\n[조이] [오후 2:03] 응 안녕\n그래 :)\n", PAIR),
    ("kakao in English", "a.txt", "--------------- Friday, January 5, 2024 ---------------\n[Minsu] [2:03 PM] hi all\n[조이] [2:04 PM] hey: you\n", HELLO),
    ("kakao on a telephone", "a.txt", "2024년 1월 5일 금요일\n2024년 1월 5일 오후 2:03, 민수 : 안녕\n2024년 1월 5일 오후 2:03, 조이 : 응 안녕\n그래 :)\n2024년 1월 5일 오후 2:04, 영희님이 나갔습니다.\n", PAIR),
    ("kakao on Android", "a.txt", "조이 님과 카카오톡 대화\n저장한 날짜 : 2024년 1월 5일 오후 9:03\n\n2024년 1월 5일 오후 2:03\n2024년 1월 5일 오후 2:03, 민수 : 안녕\n2024년 1월 5일 오후 2:03, 조이 : 응 안녕\n그래 :)\n\n2024년 1월 6일 오전 9:00\n2024년 1월 6일 오전 9:00, 민수 : 잘 잤어?\n", PAIR),
    ("kakao on an iPhone in English", "a.txt", "Jan 5, 2024 at 2:03 PM, Minsu : hi all\nJan 5, 2024 at 2:04 PM, 조이 : hey: you\n\nSaturday, January 6, 2024\nJan 6, 2024 at 9:00 AM, Minsu : up?\n", HELLO),
    ("a notice of kakao on an iPhone", "a.txt", "2024. 1. 5. 오후 2:03, 민수 : 안녕\n2024. 1. 5. 오후 2:03, 조이 : 응 안녕\n그래 :)\n2024. 1. 5. 오후 2:04: 방장이 메시지를 가렸습니다.\n", PAIR),
    ("kakao on an iPhone", "a.txt", "2024. 1. 5. 오후 2:03, 민수 : 안녕\n2024. 1. 5. 오후 2:03, 조이 : 응 안녕\n그래 :)\n", PAIR),
    ("kakao on a Mac", "a.csv", 'Date,User,Message\n2024-01-05 14:03:22,"민수","안녕"\n2024-01-05 14:03:25,"조이","응 안녕\n그래 :)"\n', PAIR),
    ("whatsapp on an iPhone", "a.txt", "\u200e[05/01/2024, 14:03:22] Minsu Kim: hi all\n[05/01/2024, 14:03:25] 조이: \u200ehey: you\n", HELLO),
    ("whatsapp on Android", "a.txt", "1/5/24, 2:03\u202fPM - Messages and calls are end-to-end encrypted.\n1/5/24, 2:03\u202fPM - Minsu: hi all\n1/5/24, 2:04 PM - 조이: hey: you <This message was edited>\n", HELLO),
    ("whatsapp in Korean", "a.txt", "2024. 1. 5. 오후 2:03 - 민수: 안녕\n2024. 1. 5. 오후 2:03 - 조이: 응 안녕\n그래 :)\n", PAIR),
    ("a time and a name", "a.txt", "14:01 민수: 안녕\n14:02 조이: 응 안녕\n그래 :)\n", PAIR),
    ("telegram", "a.json", json.dumps(TELEGRAM), HELLO),
    ("telegram, everything", "a.json", json.dumps({"chats": {"list": [TELEGRAM]}}), HELLO),
    ("discord", "a.json", json.dumps(DISCORD), HELLO),
]  # fmt: skip


def learnt(out: Path) -> list[dialogue.Dialogue]:
    """Every dialogue of a folder, in the order of the source."""
    every = (list(dialogue.read(out / f"{name}.jsonl")) for name in splits.SPLITS)
    return sorted(sum(every, []), key=lambda one: one.source.row)


def prepare(source: Path, *more: str) -> tuple[list[list[str]], list[tuple[int, str]]]:
    """The words of every dialogue with 조이, and what was left out."""
    out = source.with_name("out")
    assert cli.main(["prepare", "friends", str(source), "--persona", "joey", "--speaker", "조이", "--out", str(out), *more]) == 0  # fmt: skip
    rejected = map(json.loads, (out / "rejected.jsonl").read_text("utf-8").splitlines())
    return [[turn.content for turn in one.turns] for one in learnt(out)], [(row["row"], row["reason"]) for row in rejected]  # fmt: skip


@pytest.mark.parametrize(("story", "name", "text", "expected"), EXPORTS)
def test_exports_of_chats_are_read_as_people_wrote_them(tmp_path, story, name, text, expected):  # fmt: skip
    (tmp_path / name).write_text(text, "utf-8")
    assert prepare(tmp_path / name)[0] == expected


def chat(tmp_path: Path, *messages: str, day: str = "2024년 1월 5일") -> Path:
    source = tmp_path / "a.txt"
    rows = [f"--------------- {day} ---------------", *messages]
    source.write_text("\n".join(rows), "utf-8")
    return source


def test_a_day_and_a_pause_end_a_conversation(tmp_path):
    source = chat(
        tmp_path,
        "[민수] [오전 9:00] 일어났어?",
        "[조이] [오전 11:30] 응",
        "[민수] [오후 4:00] 나와",
        "--------------- 2024년 1월 6일 ---------------",
        "[조이] [오전 9:00] 어제는 미안",
        "[민수] [오전 9:01] 괜찮아",
        "[조이] [오후 12:01] 밥 먹자",
    )
    said, rejected = prepare(source)
    assert said == [["일어났어?", "응"], ["괜찮아", "밥 먹자"]]
    assert [row for row, _ in rejected] == [4, 6]


def test_what_answers_a_picture_answers_no_words(tmp_path):
    source = chat(
        tmp_path,
        "[민수] [오후 2:03] 이거 봐",
        "[민수] [오후 2:03] 사진",
        "[조이] [오후 2:04] 귀엽다",
        "영희님이 들어왔습니다.",
        "[영희] [오후 2:05] 안녕",
        "[민수] [오후 2:05] 왔네",
        "[조이] [오후 2:06] 어서 와",
        "[민수] [오후 2:06] <Media omitted>",
    )
    said, rejected = prepare(source)
    assert said == [["왔네", "어서 와"]]
    assert rejected == [
        (2, "민수 says this, and 조이 does not answer"),
        (3, "'사진' stands for what is no text"),
        (4, "one-sided: nobody speaks to 조이 before this line of the scene"),
        (5, "a notice of the chat, said by nobody"),
        (6, "영희 says this, and 조이 does not answer"),
        (9, "'<Media omitted>' stands for what is no text"),
    ]


def test_a_long_conversation_becomes_several_dialogues_of_one_group(tmp_path):
    talk = [f"[{'조이' if number % 2 else '민수'}] [오후 2:03] 말 {number:02}" for number in range(12)]  # fmt: skip
    said, _ = prepare(chat(tmp_path, *talk), "--limit", "20")
    assert [words for one in said for words in one] == [f"말 {number:02}" for number in range(12)]  # fmt: skip
    assert len(said) == 2
    assert [one.group for one in learnt(tmp_path / "out")] == ["a/scene-1"] * 2


ANDROID, IPHONE = "1/5/24, 2:03 PM - ", "[05/01/2024, 14:03:22] "


@pytest.mark.parametrize(
    ("picture", "stands_for"),
    [
        (f"{ANDROID}Minsu: \u200eIMG-1.jpg (file attached)\nlook at this", "IMG-1.jpg (file attached)"),
        (f"{ANDROID}Minsu: <Media omitted>\nlook at this", "<Media omitted>"),
        (f"\u200e{IPHONE}Minsu: cute \u200e<attached: 00000012-PHOTO.jpg>", "<attached: 00000012-PHOTO.jpg>"),
        (f"\u200e{IPHONE}Minsu: a.pdf • \u200e3 pages \u200edocument omitted", "document omitted"),
        (f"{IPHONE}Minsu: \u200eMissed voice call, \u200eTap to call back", "Missed voice call, Tap to call back"),
        (f"{IPHONE}Minsu: \u200e부재중 음성통화", "부재중 음성통화"),
        (f"{IPHONE}Minsu: \u200ePOLL:\nPizza?\n\u200eOPTION: yes (1 vote)", "POLL:\nPizza?\nOPTION: yes (1 vote)"),
    ],
)  # fmt: skip
def test_what_whatsapp_writes_of_its_own_is_learnt_from_nobody(tmp_path, picture, stands_for):  # fmt: skip
    begin = IPHONE if IPHONE in picture else ANDROID
    rows = [f"{begin}Minsu: hi", f"{begin}조이: hey", picture, f"{begin}조이: aww"]
    # As the persona's words it is not learnt either.
    rows += [f"{begin}Minsu: and you?", picture.replace("Minsu", "조이")]
    (tmp_path / "a.txt").write_text("\n".join(rows), "utf-8")
    said, rejected = prepare(tmp_path / "a.txt")
    assert said == [["hi", "hey"]]
    assert [reason for _, reason in rejected if "no text" in reason] == [f"{stands_for!r} stands for what is no text"] * 2  # fmt: skip


@pytest.mark.parametrize(
    "notice",
    [
        "\u200eMessages and calls are end-to-end encrypted. Only people in this chat can read them.",
        "\u200e메시지와 통화는 종단간 암호화됩니다.",
        "\u200eMinsu created this group",
        "\u200eMinsu changed the group name to “us”",
        "\u200e민수님이 그룹을 만들었습니다.",
    ],
)
def test_notices_under_a_name_are_nobodys_words(tmp_path, notice):
    rows = [f"{IPHONE}Minsu: {notice}", f"{IPHONE}Minsu: hi", f"{IPHONE}Minsu: {notice}", f"{IPHONE}조이: hey"]  # fmt: skip
    (tmp_path / "a.txt").write_text("\n".join(rows), "utf-8")
    said, rejected = prepare(tmp_path / "a.txt")
    assert said == [["hi", "hey"]]
    assert rejected == [(row, "a notice of the chat, said by nobody") for row in (1, 3)]
    # Without the mark somebody has written it.
    (tmp_path / "a.txt").write_text("\n".join(rows).replace("\u200e", ""), "utf-8")
    assert prepare(tmp_path / "a.txt")[1] == []


@pytest.mark.parametrize("day", ["--------------- 2024년 1월 5일 ---------------", "2024년 1월 5일 금요일"])  # fmt: skip
def test_a_row_of_a_message_may_be_a_date(tmp_path, day):
    time = "[{}] [오후 2:03] " if "---" in day else "2024년 1월 5일 오후 2:03, {} : "
    rows = [day, time.format("민수") + "언제 봐?", time.format("조이") + "날짜는", "2024.1.10", time.format("민수") + "좋아", time.format("조이") + "응"]  # fmt: skip
    (tmp_path / "a.txt").write_text("\n".join(rows), "utf-8")
    said, rejected = prepare(tmp_path / "a.txt")
    assert said == [["언제 봐?", "날짜는\n2024.1.10", "좋아", "응"]]
    assert rejected == []


def test_forwarded_words_are_nobodys_own(tmp_path):
    messages = [*TELEGRAM["messages"], TELEGRAM["messages"][1] | {"forwarded_from": "News"}, TELEGRAM["messages"][2]]  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps({"messages": messages}), "utf-8")
    said, rejected = prepare(tmp_path / "a.json")
    assert said == HELLO
    assert [reason.split(":")[0] for _, reason in rejected] == ["a notice of the chat, said by nobody", "forwarded", "one-sided"]  # fmt: skip


TELEGRAM_ASKED, TELEGRAM_ANSWER = TELEGRAM["messages"][1:]
DISCORD_ASKED, DISCORD_ANSWER = DISCORD["messages"][1:]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([TELEGRAM_ASKED, TELEGRAM_ASKED | {"photo": "photos/1.jpg"}, TELEGRAM_ANSWER], "a picture or a file comes with it, which is no text"),
        ([TELEGRAM_ASKED, TELEGRAM_ASKED | {"file": "a.ogg", "media_type": "voice_message"}, TELEGRAM_ANSWER], "a picture or a file comes with it, which is no text"),
        ([TELEGRAM_ASKED, TELEGRAM_ASKED | {"from": None, "text": "shall I bring cake"}, TELEGRAM_ANSWER], "who says this is not known"),
        ([DISCORD_ASKED, DISCORD_ASKED | {"attachments": [{"fileName": "a.png"}]}, DISCORD_ANSWER], "a picture or a file comes with it, which is no text"),
    ],
)  # fmt: skip
def test_a_picture_and_an_unknown_author_in_json_end_the_dialogue(tmp_path, messages, reason):  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps({"messages": [*messages, *messages[::2]]}), "utf-8")  # fmt: skip
    said, rejected = prepare(tmp_path / "a.json")
    assert said == HELLO
    assert rejected == [(1, "Minsu says this, and 조이 does not answer"), (2, reason), (3, "one-sided: nobody speaks to 조이 before this line of the scene")]  # fmt: skip


def test_discords_messages_without_attachments_are_words(tmp_path):
    messages = [one | {"attachments": []} for one in (DISCORD_ASKED, DISCORD_ANSWER)]
    (tmp_path / "a.json").write_text(json.dumps({"messages": messages}), "utf-8")
    assert prepare(tmp_path / "a.json") == (HELLO, [])


def test_people_who_are_called_by_their_number_stay_apart_without_it(tmp_path):
    rows = [
        f"{IPHONE}\u202a+82 10\u20111234\u20115678\u202c: hi",
        f"{IPHONE}조이: hey",
        f"{IPHONE}+82 10-8765-4321: hello",
        f"{IPHONE}조이: you too",
        f"{IPHONE}+82 10-1234-5678: anybody?",
    ]
    (tmp_path / "a.txt").write_text("\n".join(rows), "utf-8")
    said, rejected = prepare(tmp_path / "a.txt", "--mask")
    out = tmp_path / "out"
    assert said == [["hi", "hey"], ["hello", "you too"]]
    assert [one.turns[0].name for one in learnt(out)] == ["[phone] 1", "[phone] 2"]
    assert rejected == [(5, "[phone] 1 says this, and 조이 does not answer")]
    told = json.loads((out / "report.json").read_text("utf-8"))
    assert told["speakers"] == {str(tmp_path / "a.txt"): {"[phone] 1": 2, "조이": 2, "[phone] 2": 1}}  # fmt: skip
    assert [(one["kind"], one["row"]) for one in told["personal_data"]] == [("phone", 1), ("phone", 3)]  # fmt: skip
    assert not [path for path in out.iterdir() if "1234" in path.read_text("utf-8")]
    # Without --mask the numbers are in the data alone.
    prepare(tmp_path / "a.txt")
    assert learnt(out)[0].turns[0].name == "+82 10-1234-5678"
    assert {path.name for path in out.iterdir() if "1234" in path.read_text("utf-8")} <= {f"{name}.jsonl" for name in splits.SPLITS}  # fmt: skip


def test_a_chat_without_the_speaker_lists_who_speaks(tmp_path, capsys):
    source = chat(
        tmp_path, "[민수🐶] [오후 2:03] 안녕", "[컴공 김영희] [오후 2:03] 안녕"
    )
    out = str(tmp_path / "out")
    assert cli.main(["prepare", "friends", str(source), "--persona", "joey", "--out", out]) == 1  # fmt: skip
    error = capsys.readouterr().err
    assert "'joey' says nothing in it; speakers found: 민수🐶 (1), 컴공 김영희 (1)" in error  # fmt: skip
    assert cli.main(["prepare", "campus", str(source), "--persona", "joey", "--out", out]) == 1  # fmt: skip
    assert "chats are read by `prepare friends`" in capsys.readouterr().err
