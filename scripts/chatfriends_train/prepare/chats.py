"""Exports of chat programs: KakaoTalk, WhatsApp, Telegram (JSON), Discord (DiscordChatExporter's JSON), and lines with a time before the name.

What one person writes stays as it is written; a conversation ends with its day, and with a pause.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..problems import BadRow
from .rows import Numbered, read_rows
from .talk import DAY, NOTICE, Line
from .text import INVISIBLE, clean, read_text

PAUSE = 180
"""Minutes without a word that end a conversation: people answer after an hour of work, seldom after an afternoon."""
SHARE = 5
"""A text is an export where one row in so many begins a message of one form; long messages go on over rows of their own."""

MARK = "\u200e"
"""WhatsApp on an iPhone puts it before what it writes of its own, also under somebody's name."""

_TIME = r"(?:(?P<half>오전|오후)\s?)?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::\d{2})?(?:\s?(?P<m>[AaPp])\.?[Mm]\.?)?"
_WEEKDAY = r"(?:,? ?\(?(?:[월화수목금토일]요일|[월화수목금토일])\)?|,? (?:Mon|Tues?|Wed(?:nes)?|Thurs?|Fri|Satur|Sat|Sun)(?:day)?)?"
_DATE = (
    rf"(?:(?:\d{{4}}년 ?\d{{1,2}}월 ?\d{{1,2}}일|\d{{4}}[./-] ?\d{{1,2}}[./-] ?\d{{1,2}}\.?|\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}"
    rf"|[A-Z][a-z]{{2,8}}\.? \d{{1,2}}, \d{{4}}|\d{{1,2}} [A-Z][a-z]{{2,8}} \d{{4}}){_WEEKDAY})"
)
FORMS = tuple(
    re.compile(f"{MARK}?(?:{form})", re.DOTALL)
    for form in (
        # KakaoTalk on a computer: [조이] [오후 2:03] 안녕
        rf"\[(?P<name>[^\n]{{1,60}}?)\] \[{_TIME}\] ?(?P<words>.*)",
        # KakaoTalk on a telephone: 2024년 1월 5일 오후 2:03, 조이 : 안녕
        # Its notices have a comma or a colon after the time, and no name.
        rf"(?P<day>{_DATE})(?:,| at)? {_TIME}(?:, (?:(?P<name>.{{1,60}}?) : ?)?|: )(?P<words>.*)",
        # WhatsApp on an iPhone: [05/01/2024, 14:03:22] Joey: hi
        rf"\[(?P<day>{_DATE}),? {_TIME}\] (?:(?P<name>[^:]{{1,60}}?): ?)?(?P<words>.*)",
        # WhatsApp on Android: 1/5/24, 2:03 PM - Joey: hi
        rf"(?P<day>{_DATE}),? {_TIME} - (?:(?P<name>[^:]{{1,60}}?): ?)?(?P<words>.*)",
        # Written by hand, and by other programs: 14:01 조이: 안녕
        rf"(?:(?P<day>{_DATE}),? )?[\[(]?{_TIME}[\])]? (?P<name>[^:]{{1,40}}?) ?: (?P<words>.*)",
    )
)
# KakaoTalk on a telephone writes it above the messages of a day, on Android with the time of the first.
DAY_ROW = re.compile(rf"(?:[A-Z][a-z]{{2,5}}day, )?(?P<day>{_DATE})(?:,? {_TIME})?")
# What stands where a picture, a file or a withdrawn message was: a whole message, …
NO_WORDS = re.compile(
    r"사진(?: \d+장)?|동영상|이모티콘|음성메시지|(?:보이스톡|페이스톡|라이브톡)(?: .*)?|(?:파일|지도|연락처|샵검색) ?: .*|(?:삭제된|가려진) 메시지입니다\.?"
    r"|photos?(?: \d+)?|video|emoticons?|stickers?|voice message|file: .*"
    r"|(?:this message was|you) deleted(?: this message)?\.?|(?:이|나는 이) 메시지(?:가|를) 삭제(?:되었습니다|했습니다)\.?",
    re.IGNORECASE,
)
# … or a part of one, since WhatsApp writes what somebody says of a picture before it or on the rows below.
ATTACHED = re.compile(
    r"^<(?:[^<>\n]* )?(?:omitted|제외됨|제외한 내용|생략됨?)>$|<(?:attached|첨부(?:파일)?): [^<>\n]*>|^.*\((?:file attached|파일 첨부됨?)\)$"
    rf"|(?:^|{MARK})(?:(?:image|video|audio|sticker|gif|document|contact card|media) omitted|(?:이미지|사진|동영상|비디오|오디오|스티커|gif|문서|미디어).{{0,6}} 생략됨?)$",
    re.IGNORECASE | re.MULTILINE,
)
# People write such words, too; only with the mark are they calls, polls and places, and notices.
MARKED_NO_WORDS = re.compile(
    rf"{MARK}(?:(?:missed |silenced )?(?:group )?(?:voice|video) call|(?:live )?location|poll|부재중|(?:그룹 )?(?:음성|영상) ?(?:전화|통화)|(?:실시간 )?위치|투표)\b.*",
    re.IGNORECASE | re.DOTALL,
)
MARKED_NOTICE = re.compile(
    rf"{MARK}.*(?:end-to-end encrypted|security code|disappearing messages|business account|this contact"
    r"|\b(?:created (?:this |the )?group|(?:added|removed) \S|joined (?:using|from|via)\b|left(?:\.?$| the group)|changed (?:the|this|their)\b|pinned a message|now an admin)|종단간 암호화|보안 코드|메시지 자동 삭제|님(?:이|을|께서) .*니다\.?$).*",
    re.IGNORECASE,
)
EDITED = re.compile(r"\s*<(?:this message was edited|이 메시지는 수정되었습니다|편집된 메시지)>$", re.IGNORECASE)  # fmt: skip
SAID = ("message", "Default", "Reply")
"""The types of messages in JSON that somebody has written; all others are notices."""
MEDIA = ("photo", "file", "media_type", "attachments", "stickers")
"""The fields of a message in JSON that comes with what is no text."""
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009", " "))


@dataclass(slots=True)
class _Clock:
    """Tells conversations apart."""

    scene: int = 0
    day: str = ""
    minutes: int = 0

    def at(self, day: str, minutes: int) -> int:
        """The conversation at that time. Which day it is does not matter, only whether it is another."""
        if day != self.day or not 0 <= minutes - self.minutes <= PAUSE:
            self.scene += 1
        self.day, self.minutes = day, minutes
        return self.scene


def read_chat(path: Path) -> list[Line | BadRow] | None:
    """The lines of an export; nothing where the file is none. Rows are those of the file, in JSON the messages are counted."""
    readers = {".txt": _text, ".csv": _table, ".json": _document}
    reader = readers.get(path.suffix.lower())
    found = reader(path) if reader else None
    return None if found is None else list(found)


def _line(scene: int, row: int, speaker: str, marked: str) -> Line:
    """A message, or why it cannot be learnt from; the words are clean, but may hold the mark."""
    words = EDITED.sub("", clean(marked))
    if not words:
        return Line(scene, row, speaker, "", "a message without words")
    other = NO_WORDS.fullmatch(words) or ATTACHED.search(marked) or MARKED_NO_WORDS.fullmatch(marked)  # fmt: skip
    if other:
        return Line(scene, row, speaker, "", f"{clean(other[0])!r} stands for what is no text")  # fmt: skip
    return Line(scene, row, speaker, words)


def _text(path: Path) -> Iterator[Line | BadRow] | None:
    rows = [_marked(row.translate(_SPACES)) for row in read_text(path).split("\n")]
    counts = {form: sum(form.fullmatch(row) is not None for row in rows) for form in FORMS}  # fmt: skip
    form = max(FORMS, key=counts.__getitem__)
    if counts[form] * SHARE < sum(map(bool, rows)):
        return None
    return _messages(path, rows, form)


def _marked(row: str) -> str:
    """A row without what only a computer sees, but for the mark."""
    return INVISIBLE.sub(lambda sign: sign[0] if sign[0] == MARK else "", row).strip()


def _messages(path: Path, rows: list[str], form: re.Pattern[str]) -> Iterator[Line | BadRow]:  # fmt: skip
    """Rows put together by message."""
    clock, day = _Clock(), ""
    now: tuple[int, int, str, list[str]] | None = None
    matches = [form.fullmatch(row) for row in rows]
    has_rules = any(map(DAY.fullmatch, rows))

    def ended() -> Iterator[Line]:
        if now:
            scene, row, name, words = now
            yield _line(scene, row, name, "\n".join(words))

    for number, (row, match) in enumerate(zip(rows, matches, strict=True), 1):
        if match:
            yield from ended()
            parts = match.groupdict()
            scene = clock.at(parts.get("day") or day, _minutes(match))
            name = clean(parts["name"] or "")
            is_said = name and not MARKED_NOTICE.fullmatch(match["words"])
            if not is_said:
                yield BadRow(str(path), number, "a notice of the chat, said by nobody")
            now = (scene, number, name, [match["words"]]) if is_said else None
            continue
        date = DAY.fullmatch(row) or (not has_rules and _is_day(rows, matches, number - 1))  # fmt: skip
        if date:
            day = row
        elif row and NOTICE.fullmatch(row):
            yield BadRow(str(path), number, "a notice of the chat, said by nobody")
        elif now:
            now[3].append(row)
        elif row:
            yield BadRow(str(path), number, "nobody says this: it belongs to no message")  # fmt: skip
        if date:
            yield from ended()
            now = None
    yield from ended()


def _is_day(rows: list[str], matches: list[re.Match[str] | None], index: int) -> bool:
    """Whether a row is a date above the messages of that day; a message, too, may have a row that is only a date."""
    date = DAY_ROW.fullmatch(rows[index])
    if not date:
        return False
    below = range(index + 1, len(rows))
    first = next((matches[at] for at in below if rows[at] and not NOTICE.fullmatch(rows[at])), None)  # fmt: skip
    if not first:
        return False
    day = first.groupdict().get("day")
    return day is None or _numbers(day) == _numbers(date["day"])


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def _minutes(match: re.Match[str]) -> int:
    hour = int(match["hour"])
    half = (match["half"] or match["m"] or "").lower()
    if half:
        hour = hour % 12 + (12 if half in ("오후", "p") else 0)
    return hour * 60 + int(match["minute"])


def _table(path: Path) -> Iterator[Line | BadRow] | None:
    """KakaoTalk on a Mac: Date, User, Message."""
    found = read_rows(path)
    first = next(found, None)
    if not isinstance(first, Numbered) or [name.lower() for name in first.row] != ["date", "user", "message"]:  # fmt: skip
        return None
    return _table_messages(path, [first, *found])


def _table_messages(
    path: Path, items: list[Numbered | BadRow]
) -> Iterator[Line | BadRow]:
    clock = _Clock()
    for item in items:
        if isinstance(item, BadRow):
            yield item
            continue
        when, name, words = map(str, item.row.values())
        if not name.strip() or NOTICE.fullmatch(words.strip()):
            yield BadRow(str(path), item.number, "a notice of the chat, said by nobody")
        else:
            yield _line(_at(clock, when), item.number, clean(name), clean(words))


def _at(clock: _Clock, when: str) -> int:
    """The conversation at a time such as 2024-01-05T14:03:22."""
    time = re.search(r"(\d{1,2}):(\d{2})", when)
    return clock.at(when[:10], int(time[1]) * 60 + int(time[2]) if time else 0)


def _document(path: Path) -> Iterator[Line | BadRow] | None:
    """Telegram's and DiscordChatExporter's JSON: one object that holds messages, or Telegram's chats."""
    text = read_text(path)
    if not text.lstrip().startswith("{") or '"messages"' not in text:
        return None
    try:
        whole = json.loads(text)
    except ValueError:
        return None
    chats = whole.get("chats")
    chats = chats.get("list") if isinstance(chats, dict) else [whole]
    if not isinstance(chats, list):
        return None
    lists = [chat["messages"] for chat in chats if isinstance(chat, dict) and isinstance(chat.get("messages"), list)]  # fmt: skip
    messages = [message for one in lists for message in one]
    # ShareGPT says "from", too; only a chat has times.
    if not messages or not all(isinstance(one, dict) and one.keys() & {"date", "timestamp"} for one in messages):  # fmt: skip
        return None
    if not any(one.keys() & {"author", "from"} for one in messages):
        return None
    return _document_messages(path, lists)


def _document_messages(path: Path, lists: list[list[dict[str, Any]]]) -> Iterator[Line | BadRow]:  # fmt: skip
    clock, number = _Clock(), 0
    for messages in lists:
        clock.day = ""
        for message in messages:
            number += 1
            author = message.get("author")
            if isinstance(author, dict):
                author = author.get("nickname") or author.get("name")
            name = clean(_flat(author or message.get("from")))
            words = clean(_flat(message.get("content", message.get("text"))))
            scene = _at(clock, str(message.get("date") or message.get("timestamp")))
            if message.get("type", "message") not in SAID:
                yield BadRow(str(path), number, "a notice of the chat, said by nobody")
            elif not name:
                # Telegram names nobody whose account is deleted. Somebody has said it, and is answered.
                yield Line(scene, number, "", "", "who says this is not known")
            elif message.get("forwarded_from"):
                yield Line(scene, number, name, "", "forwarded: these are words of somebody else")  # fmt: skip
            elif any(map(message.get, MEDIA)):
                yield Line(scene, number, name, "", "a picture or a file comes with it, which is no text")  # fmt: skip
            else:
                yield _line(scene, number, name, words)


def _flat(text: Any) -> str:
    """Words that may stand in pieces: Telegram writes links and bold words apart, as {"type", "text"}."""
    if isinstance(text, list):
        return "".join(map(_flat, text))
    return _flat(text.get("text")) if isinstance(text, dict) else str(text or "")
