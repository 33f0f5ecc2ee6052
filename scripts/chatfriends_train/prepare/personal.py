"""A scan for personal data: telephone and resident registration numbers, e-mail addresses, cards, accounts, addresses.

It finds what has a form. Names, and what someone tells about themselves, it cannot find: read your data.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..dialogue import Dialogue
from .text import is_korean

KINDS = {
    "email": ("[email]", "[이메일]"),
    "resident number": ("[resident number]", "[주민등록번호]"),
    "card": ("[card number]", "[카드번호]"),
    "phone": ("[phone]", "[전화번호]"),
    "account": ("[account number]", "[계좌번호]"),
    "address": ("[address]", "[주소]"),
}
"""What is looked for, and the words that `--mask` puts there in English and in Korean text."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks like personal data."""

    kind: str
    file: str
    row: int
    """Line or row of the dialogue's beginning, from 1."""
    shown: str
    """Its first two characters; the other letters and digits are stars."""

    def to_json(self) -> dict[str, str | int]:
        """As it stands in the report."""
        return {"kind": self.kind, "file": self.file, "row": self.row, "shown": self.shown}  # fmt: skip


def _luhn(digits: str) -> bool:
    """The check of card numbers (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]  # fmt: skip
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _is_card(match: re.Match[str]) -> bool:
    digits = re.sub(r"\D", "", match[0])
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and _luhn(digits)


def _is_account(match: re.Match[str]) -> bool:
    # 2024-03-15 and the like have eight digits; accounts of Korean banks have ten to fourteen.
    return 10 <= len(re.sub(r"\D", "", match[0])) <= 16


def _always(_: re.Match[str]) -> bool:
    return True


# The order decides where two fit: a card number holds what looks like an account.
PATTERNS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...] = (
    ("email", re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"), _always),
    # Birth date and a first digit from 1 to 8 (foreigners have 5 to 8). Since October 2020 there is no check digit.
    ("resident number", re.compile(r"(?<!\d)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\s?[-–]?\s?[1-8]\d{6}(?!\d)"), _always),
    ("card", re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])"), _is_card),
    # Mobile and area numbers of Korea with or without its country code, other countries' with +, North America's with separators.
    ("phone", re.compile(r"(?<![\d-])(?:\+?82[-. ]?\(?0?\)?|0)(?:1[016789]|2|[3-6]\d|70)[-.) ]{0,2}\d{3,4}[-. ]?\d{4}(?![\d-])"), _always),
    ("phone", re.compile(r"(?<![\d+])\+\d{1,3}(?:[-. ]?\(?\d{1,4}\)?){2,4}\d(?!\d)"), _always),
    ("phone", re.compile(r"(?<![\d-])(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\d-])"), _always),
    ("account", re.compile(r"(?<![\d-])\d{2,6}-\d{2,6}-\d{2,8}(?:-\d{1,4})?(?![\d-])"), _is_account),
    ("account", re.compile(r"(?:(?<=계좌)|(?<=계좌 )|(?<=계좌번호)|(?<=계좌번호 )|(?<=계좌번호는 )|(?<=account )|(?<=account number ))\d{10,14}(?!\d)", re.IGNORECASE), _always),
    # A road with a house number, or a lot number in a quarter, with the district before it.
    # "친구 집으로 3명" has the same form: no road ends in 으로, and what is counted is no house.
    ("address", re.compile(r"(?<![가-힣])(?:[가-힣]{2,7}(?:시|도)\s+)?(?:[가-힣]{2,4}(?:시|군|구)|[중동서남북]구)\s+(?:[가-힣]{1,6}(?:구|읍|면|동)\s+)?[가-힣0-9·]{1,10}(?:(?<!으)로|길|동|읍|면|리)\s?\d{1,4}(?!\d|\s*(?:명|시|분|개|월|년|층|호관|학년|권|잔|원))(?:-\d{1,4})?(?:번지|번길\s?\d{1,4})?(?:[ ,]+\d{1,4}동)?(?:[ ,]*\d{1,4}호)?"), _always),
    ("address", re.compile(r"(?<!\d)\d{1,5}\s+(?:[NSEW]\.?\s+)?(?:[A-Z][a-z]+\s+){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct)\b\.?(?:,?\s+(?:Apt|Unit|Suite)\.?\s*#?\w+)?"), _always),
)  # fmt: skip


class StandIns:
    """Names without personal data: chat programs call somebody who is no contact by the telephone number.

    The same gets the same stand-in, such as `[phone] 1`, so that people stay apart.
    """

    def __init__(self) -> None:
        """Knows nobody yet."""
        self._given: dict[str, str] = {}
        self._count: Counter[str] = Counter()

    def masked(self, text: str) -> str:
        """A name, or a sentence that may hold one."""
        korean = is_korean(text)

        def put(kind: str, found: str) -> str:
            if found not in self._given:
                self._count[kind] += 1
                self._given[found] = f"{KINDS[kind][korean]} {self._count[kind]}"
            return self._given[found]

        return _replaced(text, put)


def scan(dialogue: Dialogue, names: StandIns) -> tuple[list[Finding], Dialogue]:
    """What was found in its words and names, and the dialogue with words such as [phone] in the place of each."""
    findings: list[Finding] = []

    def masked(text: str) -> str:
        korean = is_korean(text)

        def put(kind: str, found: str) -> str:
            source = dialogue.source
            findings.append(Finding(kind, source.file, source.row, _stars(found)))
            return KINDS[kind][korean]

        return _replaced(text, put)

    # A person counts once, however often they speak.
    for name in dict.fromkeys(turn.name for turn in dialogue.turns if turn.name):
        masked(name)
    turns = tuple(
        replace(
            turn,
            content=masked(turn.content),
            name=turn.name and names.masked(turn.name),
        )
        for turn in dialogue.turns
    )
    system = masked(dialogue.system) if dialogue.system else dialogue.system
    return findings, replace(dialogue, turns=turns, system=system)


def _replaced(text: str, put: Callable[[str, str], str]) -> str:
    """The text with what `put` gives for the kind and the words of each that is found."""
    for kind, pattern, holds in PATTERNS:

        def replaced(match: re.Match[str], kind: str = kind, holds: Callable[[re.Match[str]], bool] = holds) -> str:  # fmt: skip
            return put(kind, match[0]) if holds(match) else match[0]

        text = pattern.sub(replaced, text)
    return text


def _stars(text: str) -> str:
    return text[:2] + re.sub(r"\w", "*", text[2:])
