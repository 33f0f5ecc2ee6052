"""From bytes to words: which encoding a file is in, and words without what only a computer sees."""

import re
import unicodedata
from pathlib import Path

from ..problems import Problem, readable

# Zero-width characters, byte-order marks, marks of the direction of writing, and controls other than tab and line feed: they are
# invisible and cost tokens.
INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")


def clean(words: str) -> str:
    """The words in Unicode's composed form (NFC), without invisible characters and outer spaces.

    NFC matters: llama.cpp does not apply a tokenizer's normaliser, and decomposed Hangul takes five times the tokens.
    """
    words = words.replace("\r\n", "\n").replace("\r", "\n")
    # Spaces and hyphens at which no line breaks, as in the telephone numbers that WhatsApp writes.
    words = words.replace("\u00a0", " ").replace("\u2011", "-")
    words = INVISIBLE.sub("", unicodedata.normalize("NFC", words))
    return re.sub(r"[ \t]*\n[ \t]*", "\n", words).strip()


def is_korean(words: str) -> bool:
    """Whether Hangul stands in it."""
    return HANGUL.search(words) is not None


def read_text(path: Path) -> str:
    """The text of a file in UTF-8 (with or without a mark), UTF-16 or CP949, in NFC. Windows-1252 is told from CP949 and refused.

    Raises `Problem` with the row where one encoding ends and another begins, or where none fits.
    """
    data = readable(path, "the file").read_bytes()
    text = unicodedata.normalize("NFC", _decoded(path, data).removeprefix("\ufeff"))
    if not text.strip():
        raise Problem(f"the file {path} holds nothing but blanks")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(path: Path, data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _utf16(path, data, "utf-16")
    if b"\0" in data[:4096]:
        # Text of one byte a character has no zero bytes. Line feeds and spaces tell which byte of a pair is the high one.
        little = data.count(b"\n\0") + data.count(b" \0")
        big = data.count(b"\0\n") + data.count(b"\0 ")
        return _utf16(path, data, "utf-16-le" if little >= big else "utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    _refuse_mixed(path, data)
    _refuse_western(path, data)
    # CP949 is what Korean Windows calls ANSI; it holds EUC-KR.
    return data.decode("cp949")


def _utf16(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise Problem(
            f"{path}:{row}: neither text nor UTF-16; save the file as UTF-8"
        ) from error


def _refuse_mixed(path: Path, data: bytes) -> None:
    """Raises a `Problem` unless every row can be CP949 and none is clearly UTF-8."""
    utf8_row = cp949_row = None
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.isascii():
            continue
        if _is_utf8(line):
            utf8_row = utf8_row or number
            continue
        try:
            line.decode("cp949")
        except UnicodeDecodeError as error:
            raise Problem(
                f"{path}:{number}: the bytes {line[error.start : error.start + 4].hex(' ')} are neither UTF-8 nor CP949; "
                "save the file as UTF-8"
            ) from error
        cp949_row = cp949_row or number
    if utf8_row and cp949_row:
        raise Problem(
            f"{path}:{max(utf8_row, cp949_row)}: two encodings in one file: row {utf8_row} is UTF-8, row {cp949_row} is CP949; "
            "convert the parts on their own and save the whole as UTF-8"
        )


def _refuse_western(path: Path, data: bytes) -> None:
    """Raises a `Problem` where the text is rather Windows-1252, whose curly quotes and accents pair with the letter behind them.

    In Korean text nearly all pairs are those of KS X 1001, both bytes from A1 on; an apostrophe and the letter behind it are none.
    """
    first, ours, others = 0, 0, 0
    for number, line in enumerate(data.split(b"\n"), 1):
        for character in line.decode("cp949") if not line.isascii() else "":
            pair = character.encode("cp949")
            if len(pair) == 2 and min(pair) >= 0xA1:
                ours += 1
            elif len(pair) == 2:
                others += 1
                first = first or number
    if others > ours:
        raise Problem(
            f"{path}:{first}: this looks like Windows-1252 (curly quotes, accents), not like CP949; save the file as UTF-8"
        )


def _is_utf8(line: bytes) -> bool:
    """Whether a row is UTF-8 beyond chance: a pair of CP949 bytes can look like two-byte UTF-8, hardly like three-byte."""
    try:
        return any(character >= "\u0800" for character in line.decode("utf-8"))
    except UnicodeDecodeError:
        return False
