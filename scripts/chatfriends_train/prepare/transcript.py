"""Transcripts of scenes, as text or docx: `Name: words` a line, scene rows, stage directions.

    [Scene: a kitchen, morning.]
    Monica: Are you hungry?
    Joey: (sitting down) I-I'm always hungry.
    That is who I am.

The persona is one speaker; every other speaker of the scene is the person.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..dialogue import Dialogue, Turn
from ..problems import BadRow, Problem, readable
from .shapes import Place
from .text import clean, read_text

LABEL = re.compile(r"\s*([^:：?!]{1,40}?)\s*[:：]\s*(.*)", re.DOTALL)
# A row that begins another scene: in brackets, or as a heading of its own.
SCENE = re.compile(
    r"\W*(?:scene\b|cut to\b|time lapse\b|fade (?:in|out|to)\b|(?:int|ext)\.\s|(?:opening|closing|ending|end) credits\b"
    r"|commercial break\b|(?:the )?end\W*$|(?:act|part) (?:\d+|one|two|three|four)\W*$|장면|씬\s*\d|s\s*#\s*\d|#\s*\d+|\d+\s*장\b)",
    re.IGNORECASE,
)
# These stand before a colon, but nobody has such a name.
NO_NAMES = frozenset(
    """all everyone everybody both together others guys note notes scene setting title written writer writers story teleplay
    script directed director produced transcribed transcriber cut int ext time place episode act part end narrator voice
    모두 다같이 일동 함께 장면 작가 극본 연출 제목 시간 장소 배경 해설 내레이션 자막""".split()
)
DIRECTIONS = re.compile(r"\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|<[^>]*>")
OPENING, CLOSING = "[({", {"[": "]", "(": ")", "{": "}"}
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

    @property
    def is_person(self) -> bool:
        """Whether one named speaker says it: a single name of letters, as the seed's rule has it."""
        return self.speaker.isalpha() and self.speaker.casefold() not in NO_NAMES


def read_transcript(place: Place, speaker: str) -> Iterator[Dialogue | BadRow]:
    """The dialogues of `speaker` with the others, a group for each scene.

    Raises `Problem` where that speaker says nothing; it lists who does.
    """
    path = Path(place.file)
    rows = list(_docx(path) if path.suffix.lower() == ".docx" else _lines(path))
    utterances: list[Utterance] = []
    for item in _utterances(place, rows):
        if isinstance(item, BadRow):
            yield item
        else:
            utterances.append(item)
    said = [one for one in utterances if one.is_person]
    if not any(one.speaker.casefold() == speaker.casefold() for one in said):
        names = [one.speaker for one in said]
        counts = sorted({(-names.count(name), name) for name in names})[:12]
        listed = ", ".join(f"{name} ({-count})" for count, name in counts)
        raise Problem(
            f"{path}: {speaker!r} says nothing in it; speakers found: {listed or 'none'}; "
            "name the persona's with --speaker NAME, lines look like `Name: words`"
        )
    yield from _dialogues(place, _taken_up(_joined(utterances)), speaker.casefold())


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


def _utterances(
    place: Place, rows: list[tuple[int, str]]
) -> Iterator[Utterance | BadRow]:
    """Rows put together by speaker; a direction over several rows is left out whole."""
    scene = 0
    now: Utterance | None = None
    awaited = ""
    for number, line in rows:
        text = clean(line)
        if awaited:
            before, closed, text = text.partition(awaited)
            if not closed:
                # A bracket that nobody closed ends with its paragraph.
                awaited = awaited if before else ""
                continue
            awaited, text = "", text.strip()
        if not text:
            continue
        if SCENE.match(text):
            scene += 1
            if now:
                yield now
            now = None
        text, awaited = _without_directions(text)
        if not text or (now is None and SCENE.match(text)):
            continue
        label = LABEL.fullmatch(text)
        if label and _may_be_speaker(label[1]):
            if now:
                yield now
            # Many transcripts write names in capitals.
            name = label[1].strip()
            name = name.title() if name.isupper() else name
            now = Utterance(scene, name, number, [label[2].strip()])
        elif now:
            now.words.append(text)
        else:
            yield BadRow(
                place.file,
                number,
                "nobody says this: it stands before the first `Name: words` of its scene",
            )
    if now:
        yield now


def _without_directions(text: str) -> tuple[str, str]:
    """The row without what stands in brackets, and the bracket that closes a direction which goes on below."""
    text = DIRECTIONS.sub(" ", text)
    starts = [text.find(bracket) for bracket in OPENING if bracket in text]
    awaited = ""
    if starts:
        awaited = CLOSING[text[min(starts)]]
        text = text[: min(starts)]
    return re.sub(r"\s+([,.!?:])", r"\1", re.sub(r"\s+", " ", text)).strip(), awaited


def _may_be_speaker(label: str) -> bool:
    """Tells `Mr. Kim: …` from a sentence that has a colon: a label is short, and each of its words begins like a name."""
    words = label.split()
    if not label.isascii():
        return len(words) <= 2 and len(label) <= 12
    if label.islower():
        return len(words) == 1
    return len(words) <= 4 and all(
        (word[0].isupper() or word[0].isdigit() or word in ("and", "&", "the"))
        and (not word.endswith(".") or word in ("Mr.", "Mrs.", "Ms.", "Dr."))
        for word in words
    )


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


def _dialogues(
    place: Place, utterances: list[Utterance], speaker: str
) -> Iterator[Dialogue | BadRow]:
    """As long as one other and the persona take turns, it is one dialogue; when somebody else speaks, the next begins."""
    turns: list[Turn] = []
    row = 0

    def ended() -> Iterator[Dialogue | BadRow]:
        if turns and turns[-1].role == "user":
            del turns[-1]
        if turns:
            began = Place(place.file, row, place.name, place.persona)
            yield began.dialogue(turns, f"scene-{scene}")
            turns.clear()

    scene = -1
    for one in utterances:
        if one.scene != scene or not one.is_person:
            yield from ended()
            scene = one.scene
        words = spoken(one.raw)
        if not one.is_person:
            continue
        here = Place(place.file, one.row, place.name, place.persona)
        if one.speaker.casefold() != speaker:
            if turns and (turns[-1].role == "user" or turns[-2].name != one.speaker):
                yield from ended()
            if words:
                row = row if turns else one.row
                turns.append(Turn("user", words, one.speaker))
            continue
        reply = _complete(one.raw)
        if not turns:
            yield here.bad(
                f"one-sided: nobody speaks to {one.speaker} before this line of the scene"
            )
        elif not reply:
            yield here.bad(f"{one.speaker} is cut off before the first sentence ends")
            yield from ended()
        else:
            turns.append(Turn("assistant", reply))
    yield from ended()


def _complete(raw: str) -> str:
    """The persona's words up to the last sentence that is finished: a persona must not learn to break off."""
    if not CUT_OFF.search(raw):
        return spoken(raw)
    words = spoken(raw)
    ends = [match.end() for match in SENTENCE_END.finditer(words)]
    return words[: ends[-1]] if ends else ""


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
