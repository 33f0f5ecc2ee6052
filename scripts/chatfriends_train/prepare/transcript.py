"""Transcripts of scenes, as text or docx: `Name: words` a line, scene rows, stage directions.

[Scene: a kitchen, morning.]
Monica: Are you hungry?
Joey: (sitting down) I-I'm always hungry.
That is who I am.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..problems import BadRow, Problem, readable
from .shapes import Place
from .talk import DAY, NOTICE, Line
from .text import clean, read_text

# These have a colon or a bracket that means something else: "10:30", "https://", ":(". While a row is taken apart, other signs
# stand in their place.
OTHERWISE = re.compile(r"(?<=\d)[:：](?=\d\d)|:(?=//)|[:;=]['’-]?(?:[()\[\]{}]+|[DdPpOoXx3*|])(?=\s|[.,!?~]|$)")  # fmt: skip
SIGNS = ":：()[]{}"
HIDE = {ord(sign): chr(0xE000 + place) for place, sign in enumerate(SIGNS)}
SHOW = {0xE000 + place: sign for place, sign in enumerate(SIGNS)}
LABEL = re.compile(
    "\\s*([^:：?!()<>{}\\[\\]\ue000-\ue007]{1,40}?)\\s*[:：]\\s*(.*)", re.DOTALL
)
# A row that begins another scene: in brackets, or as a heading of its own. "Cut to the chase" and "3장 뽑아 줘" are none.
SCENE = re.compile(
    r"[\[({<]\s*(?:scene|cut to|time lapse|fade (?:in|out|to)|(?:opening|closing|ending|end) credits|commercial break|the end|장면|씬)\b.*"
    r"|\W*(?:scene(?:\s+(?:\w|\d+\w?|[ivx]+|one|two|three|four|five|six))?(?:\s*[:.].*)?|(?:smash )?cut to\b.*:|time lapse|fade (?:in|out|to \w+)|(?:int|ext)\.\s.*"
    r"|(?:opening|closing|ending|end) credits|commercial break|(?:the )?end|(?:act|part) (?:\d+|one|two|three|four)"
    r"|장면\s*(?:\d+\b.*|[:.].*)|씬\s*\d.*|s\s*#\s*\d.*|#\s*\d+(?:[.:]\s.*)?|제?\s*\d+\s*장(?:\s*[.:].*)?|장면)\W*",
    re.IGNORECASE | re.DOTALL,
)
# These stand before a colon, but nobody has such a name.
NO_NAMES = frozenset(
    """all everyone everybody both together others guys note notes scene setting title written writer writers story teleplay
    script directed director produced transcribed transcriber cut int ext time place episode act part end narrator voice
    모두 다같이 일동 함께 장면 작가 극본 연출 제목 시간 장소 배경 해설 내레이션 자막""".split()
)
# Not also 과: "국문과 김영희" is one person.
SEVERAL = re.compile(r"\s(?:and|그리고)\s|[,/&+]|와\s", re.IGNORECASE)
DIRECTIONS = re.compile(
    r"(?:\s*(?:\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|<(?!\d)[^>]*>))+\s*([,.!?…]?)"
)
LONGEST = 20
"""Rows that a stage direction may take."""
OPENING, CLOSING = re.compile(r"[\[({]"), {"[": "]", "(": ")", "{": "}"}
# Where speech breaks off: a dash at the end of a line. Dots trail off; such a line counts as finished.
CUT_OFF = re.compile(r"\s*(?:--+|[—–―]|-)\s*[\"”']?\s*$")
TAKEN_UP = re.compile(r"^\s*(?:--+|[—–―]|-\s|\.\.\.|…)\s*")
DASHES = re.compile(r"\s*(?:--+|[—–―])\s*|\s+-\s+")
# A stutter is one letter or a cluster of consonants before the word they begin, or a small word said again: I-I, w-well, the the.
STUTTER = re.compile(
    r"\b(?:([a-z]|[b-df-hj-np-tv-xz]{2,3})(?:-|\.{2,3}\s*|…\s*))+(?=\1[a-z'’]*)",
    re.IGNORECASE,
)
SMALL = "i|you|he|she|we|they|it|the|a|an|and|but|so|to|of|my|your|his|her|our|if|when|what|how|why|because|i'm|it's|don't|can't"
AGAIN = re.compile(
    rf"\b({SMALL})(?:(?:,|-|\.{{2,3}}|…|--)?\s+|-)\1\b(?!-)", re.IGNORECASE
)
# "so-so" is a word, not a stutter.
WORDS = re.compile(r"\b(so-so|t-shirt)", re.IGNORECASE)
STUTTER_KO = re.compile(r"(?<![가-힣])([가-힣])(?:\s*(?:-|\.{2,3}|…)\s*\1)+(?=[가-힣])")
SENTENCE_END = re.compile(r"[.!?…~][\"”'’)]*(?=\s|$)")


@dataclass(slots=True)
class Utterance:
    """What one speaker says, over as many rows as it takes."""

    scene: int
    speaker: str
    """As it stands before the colon, without directions."""
    row: int
    words: list[str] = field(default_factory=list)

    @property
    def raw(self) -> str:
        """The rows in one, as they stand, without directions."""
        return " ".join(filter(None, self.words)).strip()


def read_transcript(place: Place, speaker: str) -> Iterator[Line | BadRow]:
    """The lines of a transcript; those of `speaker` end with a whole sentence. A row that nobody says is given with its reason."""
    path = Path(place.file)
    rows = list(_docx(path) if path.suffix.lower() == ".docx" else _lines(path))
    utterances: list[Utterance] = []
    for item in _utterances(place, rows):
        if isinstance(item, BadRow):
            yield item
        else:
            utterances.append(item)
    for one in _taken_up(_joined(utterances)):
        yield from _said(place, one, one.speaker.casefold() == speaker.casefold())


def _said(place: Place, one: Utterance, is_persona: bool) -> Iterator[Line | BadRow]:
    words, fault, speaker = spoken(one.raw), "", one.speaker
    if not _is_one_person(one.speaker):
        fault, speaker = f"said by {one.speaker!r}, who is no one person", ""
    elif is_persona and CUT_OFF.search(one.raw):
        # A persona must not learn to break off.
        ends = [match.end() for match in SENTENCE_END.finditer(words)]
        words = words[: ends[-1]] if ends else ""
        if not words:
            fault = f"{one.speaker} is cut off before the first sentence ends"
        elif words != spoken(one.raw):
            yield BadRow(place.file, one.row, f"only in part: the last sentence of {one.speaker} is cut off and left out")  # fmt: skip
    elif not words:
        fault = f"{one.speaker} says no word"
    yield Line(one.scene, one.row, speaker, words, fault)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    yield from enumerate(read_text(path).split("\n"), 1)


def _docx(path: Path) -> Iterator[tuple[int, str]]:
    """Paragraphs, and tables with a speaker and words a row; each counts as a row."""
    import docx
    from docx.text.paragraph import Paragraph

    try:
        document = docx.Document(str(readable(path, "the file")))
    except (
        Exception
    ) as error:  # python-docx lets out whatever its ZIP and XML readers raise
        raise Problem(
            f"{path} is no DOCX file ({error}); save it from your word processor as .docx"
        ) from error
    _accept(document.element.body)
    number = 0
    for block in document.iter_inner_content():
        if isinstance(block, Paragraph):
            texts = [block.text]
        else:
            texts = [": ".join(cell.text for cell in row.cells) for row in block.rows]
        for text in texts:
            number += 1
            for line in text.split("\n"):
                yield number, line
    if not number:
        raise Problem(f"{path} holds no text")


def _accept(body: Any) -> None:
    """Accepts tracked changes and unwraps content controls, whose words python-docx would leave out."""
    # What was deleted or moved away, and what a control shows where nothing has been written.
    for gone in body.xpath(".//w:del | .//w:moveFrom | .//w:sdtPr | .//w:sdtEndPr | .//w:sdt[w:sdtPr/w:showingPlcHdr]"):  # fmt: skip
        gone.getparent().remove(gone)
    for wrapper in body.xpath(".//w:ins | .//w:moveTo | .//w:sdt | .//w:sdtContent | .//w:smartTag | .//w:customXml"):  # fmt: skip
        above = wrapper.getparent()
        place = above.index(wrapper)
        above[place : place + 1] = list(wrapper)


def _utterances(
    place: Place, rows: list[tuple[int, str]]
) -> Iterator[Utterance | BadRow]:
    """Rows put together by speaker."""
    scene = 0
    now: Utterance | None = None
    for item in _without_directions(place, rows):
        if isinstance(item, BadRow):
            yield item
            continue
        if item.begins_scene:
            scene += 1
            if now:
                yield now
            now = None
        if not item.text:
            continue
        text = item.text.translate(SHOW)
        label = _label(item.text)
        if label:
            if now:
                yield now
            # Many transcripts write names in capitals.
            name = label[1].strip()
            name = name.title() if name.isupper() else name
            now = Utterance(scene, name, item.number, [label[2].translate(SHOW).strip()])  # fmt: skip
        elif NOTICE.fullmatch(text):
            yield BadRow(place.file, item.number, "a notice of the chat, said by nobody")  # fmt: skip
        elif now:
            now.words.append(text)
        else:
            yield BadRow(
                place.file,
                item.number,
                "nobody says this: it stands before the first `Name: words` of its scene",
            )
    if now:
        yield now


@dataclass(frozen=True, slots=True)
class _Row:
    """A row without directions."""

    number: int
    text: str
    """With other signs for what `OTHERWISE` finds; nothing where only a heading or a direction stood."""
    begins_scene: bool


def _without_directions(
    place: Place, rows: list[tuple[int, str]]
) -> Iterator[_Row | BadRow]:
    """The rows without what stands in brackets, over several rows, too."""
    texts = [OTHERWISE.sub(lambda match: match[0].translate(HIDE), clean(line)) for _, line in rows]  # fmt: skip
    index = 0
    while index < len(texts):
        number, text = rows[index][0], texts[index]
        index += 1
        begins_scene = bool(SCENE.fullmatch(text) or DAY.fullmatch(text))
        text = _undirected(text)
        opened = OPENING.search(text)
        if opened:
            closing = CLOSING[opened[0]]
            end = _closed(texts, index, closing)
            text = text[: opened.start()]
            if end is not None:
                index, texts[end] = end, texts[end].partition(closing)[2].strip()
            elif not begins_scene:
                yield BadRow(place.file, number, f"only in part: what follows {opened[0]!r} is left out, since no {closing!r} follows before the next speaker; close the bracket")  # fmt: skip
        text = re.sub(r"\s+", " ", text).strip()
        # What follows a heading in brackets on the same row is said in that scene.
        if begins_scene and (SCENE.fullmatch(text) or DAY.fullmatch(text)):
            text = ""
        yield _Row(number, text, begins_scene)


def _undirected(text: str) -> str:
    return DIRECTIONS.sub(lambda match: match[1] or " ", text)


def _closed(texts: list[str], index: int, closing: str) -> int | None:
    """The row in which a bracket ends: before an empty one, and before the next speaker or scene."""
    for place in range(index, min(len(texts), index + LONGEST)):
        text = texts[place]
        label = _label(_undirected(text))
        if not text or SCENE.fullmatch(text) or (label and _is_one_person(label[1])):
            return None
        if closing in text:
            return place
    return None


def _label(text: str) -> re.Match[str] | None:
    """A row's speaker and words."""
    label = LABEL.fullmatch(text)
    return label if label and _may_be_speaker(label[1].strip()) else None


def _may_be_speaker(label: str) -> bool:
    """Tells `Mr. Kim: …` from a sentence that has a colon: a label is short, and each of its words begins like a name."""
    words = label.split()
    if not label.isascii():
        return 0 < len(words) <= 2 and len(label) <= 12 and not re.search("[.,~…]", label)  # fmt: skip
    if label.islower():
        return len(words) == 1
    return 0 < len(words) <= 4 and all(
        (word[0].isupper() or word[0].isdigit() or word in ("and", "&", "the"))
        and (not word.endswith(".") or word in ("Mr.", "Mrs.", "Ms.", "Dr."))
        for word in words
    )


def _is_one_person(name: str) -> bool:
    """Whether a label names one speaker, not a group, a narrator or a heading."""
    words = set(re.findall(r"\w+", name.casefold())) - {"the"}
    return not SEVERAL.search(name) and not words <= NO_NAMES


def _joined(utterances: list[Utterance]) -> list[Utterance]:
    """One speaker's lines in a row as one; those with no words but directions are gone."""
    joined: list[Utterance] = []
    for one in utterances:
        before = joined[-1] if joined else None
        if not one.raw:
            continue
        if before and (before.scene, before.speaker) == (one.scene, one.speaker):
            before.words += one.words
        else:
            joined.append(one)
    return joined


def _taken_up(utterances: list[Utterance]) -> list[Utterance]:
    """A line that is cut off by another and goes on after it becomes whole, before the interruption."""
    whole: list[Utterance] = []
    for one in utterances:
        begun = whole[-2] if len(whole) >= 2 else None
        if (
            begun
            and (begun.scene, begun.speaker) == (one.scene, one.speaker)
            and CUT_OFF.search(begun.raw)
            and TAKEN_UP.match(one.raw)
        ):
            rest = TAKEN_UP.sub("", one.raw)
            begun.words = [f"{CUT_OFF.sub('', begun.raw)} {rest}"]
        else:
            whole.append(one)
    return whole


def spoken(raw: str) -> str:
    """Words as one would write them: dashes become commas, stutters are smoothed, spaces are single."""
    words = CUT_OFF.sub("", TAKEN_UP.sub("", raw)) if raw else raw
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    words = WORDS.sub(keep, words)
    words = STUTTER.sub("", words)
    words = STUTTER_KO.sub(r"\1", words)
    before = ""
    while before != words:
        before, words = words, AGAIN.sub(r"\1", words)
    words = re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], words)
    words = DASHES.sub(", ", words)
    words = re.sub(r",(?:\s*,)+", ",", words)
    words = re.sub(r"([.!?…]),", r"\1", words)
    words = re.sub(r"\s+", " ", words).strip(" ,")
    # A stutter at the beginning takes its capital letter along.
    if words and raw.lstrip(" -—–.…")[:1].isupper():
        words = words[0].upper() + words[1:]
    return words
