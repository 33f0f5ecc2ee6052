"""Reads what you have and writes training data: dialogues in JSONL, split without leakage, with a report.

  friends    transcripts of scenes (.txt, .docx) and exports of chats; the persona is one of the speakers
  mechuri    instructions and answers (self-instruct, Alpaca), tables of questions and answers
  campus     tables of questions and answers (.csv, .tsv, .xlsx, .parquet), instructions
  listener   the emotional dialogue corpus' layout (three turns, six sentences), as table or JSON
  instruct   instructions of all kinds (Alpaca, self-instruct), tables of questions and answers

Each also reads conversations (.json, .jsonl): ChatML {"messages": …}, ShareGPT {"conversations": …}, and what
`chatfriends memory export` writes. Chats are read as KakaoTalk, WhatsApp, Telegram and Discord export them.
What is left out stands in rejected.jsonl with file, row and reason.
"""

import argparse
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import dialogue as files
from .. import options
from ..dialogue import HALF, Dialogue
from ..problems import BadRow, Problem, readable
from . import chats, groups, personal, report, rows, shapes, splits, talk, text, transcript  # fmt: skip

TRANSCRIPTS = (".txt", ".docx")
TALKS = ("an export of the daemon", "a conversation")
TASKS = ("self-instruct", "an instruction", "question and answer", "input and output")
KINDS = {
    "friends": TALKS,
    "mechuri": (*TALKS, *TASKS),
    "campus": (*TALKS, *TASKS),
    "listener": (*TALKS, "the emotional dialogue corpus"),
    "instruct": (*TALKS, *TASKS),
}
"""The forms of rows that each kind of persona learns from; transcripts are for friends."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the step can be told."""
    parser.add_argument("kind", choices=KINDS, help="what the data are")
    parser.add_argument(
        "inputs", nargs="+", type=options.path, metavar="INPUT", help="files"
    )
    parser.add_argument("--persona", required=True, metavar="ID", help="who learns from them")  # fmt: skip
    parser.add_argument("--out", required=True, type=options.path, metavar="DIR", help="the folder that is written")  # fmt: skip
    parser.add_argument("--speaker", metavar="NAME", help="the persona's name in transcripts and chats, where it is not its id")  # fmt: skip
    parser.add_argument("--mask", action="store_true", help="put words such as [phone] in the place of personal data")  # fmt: skip
    parser.add_argument("--limit", type=options.positive, default=1024, metavar="TOKENS", help="name dialogues that are longer (%(default)s); talk is parted at half of it")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Read:
    """What stands in one file."""

    file: str
    dialogues: list[Dialogue]
    rejected: list[BadRow]
    speakers: Counter[str] = field(default_factory=Counter)
    """Who speaks in a transcript or a chat, and how often."""
    unread: set[str] = field(default_factory=set)
    """The fields of its rows that teach nothing."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is to be read, for whom, and where it goes."""

    kind: str
    inputs: tuple[Path, ...]
    persona: str
    out: Path
    speaker: str | None = None
    """The persona's name in transcripts and chats, where it is not its id; `friends` alone."""
    mask: bool = False
    limit: int = 1024
    """Tokens (estimated) above which dialogues are named; talk is parted at half of it."""


def run(arguments: argparse.Namespace) -> None:
    """The step as a command."""
    if arguments.speaker and arguments.kind != "friends":
        raise Problem(
            f"--speaker is a name in transcripts and chats, which `prepare friends` reads; {arguments.kind} has none"
        )
    order = Preparation(
        arguments.kind,
        tuple(arguments.inputs),
        arguments.persona,
        arguments.out,
        arguments.speaker,
        arguments.mask,
        arguments.limit,
    )
    print(prepare(order).short(order.out))


def prepare(order: Preparation) -> report.Report:
    """Reads, checks, groups, splits and writes; gives back what there is to tell."""
    if not re.fullmatch(r"[a-z0-9_-]{1,32}", order.persona):
        raise Problem(
            f"--persona {order.persona!r} is no id: at most 32 of a-z, 0-9, _ and -; for a name in transcripts there is --speaker"
        )
    _refuse_foreign(order.out, order.persona)
    read = [_read(order, path, name) for path, name in _named(order.inputs, order.out)]
    rejected = [bad for one in read for bad in one.rejected]
    dialogues = [dialogue for one in read for dialogue in one.dialogues]
    if not dialogues:
        first = "".join(f"\n  {bad}" for bad in list(dict.fromkeys(map(str, rejected)))[:3])  # fmt: skip
        raise Problem(f"no dialogue could be read; the first reasons:{first}")

    _progress(f"{len(dialogues)} dialogues read, looking for personal data")
    names = personal.StandIns()
    scanned = [personal.scan(dialogue, names) for dialogue in dialogues]
    findings = [finding for found, _ in scanned for finding in found]
    if order.mask:
        dialogues = [masked for _, masked in scanned]
    unique, duplicates = groups.without_duplicates(dialogues)
    split = splits.split(groups.grouped(unique, _progress))

    told = report.Report(
        kind=order.kind,
        persona=order.persona,
        files={one.file: (len(one.dialogues), len(one.rejected)) for one in read},
        # With or without --mask: these are for reading, and may go where the data do not.
        speakers={
            one.file: Counter({names.masked(name): count for name, count in one.speakers.items()})
            for one in read if one.speakers
        },
        unread={one.file: sorted(one.unread) for one in read if one.unread},
        splits=split,
        rejected=[BadRow(bad.file, bad.row, names.masked(bad.reason)) for bad in rejected],
        duplicates=duplicates,
        findings=findings,
        masked=order.mask,
        limit=order.limit,
    )  # fmt: skip
    _write(order.out, told)
    return told


def _refuse_foreign(out: Path, persona: str) -> None:
    """Only a folder that this step wrote for the same persona, and that nobody has changed since, is written anew."""
    if not out.exists():
        return
    if not out.is_dir():
        raise Problem(f"{out} is a file; name a folder as --out")
    told = report.before(out)
    if told is None:
        if any(out.iterdir()):
            raise Problem(
                f"{out} is there and is not the work of `prepare`; name another --out"
            )
        return
    if told.get("persona") != persona:
        raise Problem(
            f"{out} holds the training data of {told.get('persona')!r}; name another --out for {persona!r}"
        )
    foreign = sorted({path.name for path in out.iterdir()} - {*report.WRITTEN})
    if foreign:
        raise Problem(
            f"{out} also holds {', '.join(foreign)}, which `prepare` has not written; move that elsewhere, or name another --out"
        )
    for name in report.changed(out, told):
        raise Problem(
            f"{out / name} has been changed by hand since it was prepared; name another --out, or remove {out} to lose the changes"
        )


def _named(inputs: Sequence[Path], out: Path) -> Iterator[tuple[Path, str]]:
    """Each file with its name in groups: its stem, or its whole path where two have the same stem."""
    stems = Counter(path.stem for path in inputs)
    given = set()
    for path in inputs:
        readable(path, "the file")
        if HALF.search(str(path)):
            raise Problem(
                f"the name {str(path)!r} is not UTF-8, as of a file from a Korean ZIP; rename it"
            )
        if path.is_dir():
            raise Problem(f"{path} is a folder; name the files in it: {path}/*")
        if path.resolve() in given:
            raise Problem(f"{path} is named twice")
        if out.resolve() in path.resolve().parents:
            raise Problem(f"{path} lies in --out, which is written anew; move it")
        given.add(path.resolve())
        yield path, path.stem if stems[path.stem] == 1 else str(path)


def _read(order: Preparation, path: Path, name: str) -> Read:
    _progress(f"reading {path}")
    if path.suffix.lower() not in (*TRANSCRIPTS, *rows.ENDINGS):
        raise Problem(
            f"{path} has the ending {path.suffix or '(none)'}; what is read: {', '.join((*TRANSCRIPTS, *rows.ENDINGS))}"
        )
    place = shapes.Place(str(path), 1, name, order.persona)
    lines = _lines(order, place)
    speakers: Counter[str] = Counter()
    unread: set[str] = set()
    if lines is None:
        found = _shaped(order, path, name, unread)
    else:
        said = [line for line in lines if isinstance(line, talk.Line)]
        speakers = talk.speakers(said)
        spoken = talk.dialogues(place, said, _speaker(order), order.limit // 2)
        found = iter([*(line for line in lines if isinstance(line, BadRow)), *spoken])
    dialogues: list[Dialogue] = []
    rejected: list[BadRow] = []
    for item in found:
        if isinstance(item, BadRow):
            rejected.append(item)
        else:
            dialogues.append(item)
    if not dialogues and not rejected:
        raise Problem(f"{path} holds no row; is it only a header?")
    # As they stand in the file, whatever found them.
    return Read(str(path), dialogues, sorted(rejected, key=lambda bad: bad.row), speakers, unread)  # fmt: skip


def _speaker(order: Preparation) -> str:
    return text.clean(order.speaker or order.persona)


def _lines(order: Preparation, place: shapes.Place) -> list[talk.Line | BadRow] | None:
    """What the speakers of a chat or a transcript say; nothing where the file holds rows."""
    path = Path(place.file)
    lines = chats.read_chat(path)
    if lines is None and path.suffix.lower() not in TRANSCRIPTS:
        return None
    if order.kind != "friends":
        raise Problem(
            f"{path}: transcripts and chats are read by `prepare friends`; {order.kind} reads rows: {', '.join(rows.ENDINGS)}"
        )
    if lines is not None:
        return lines
    return list(transcript.read_transcript(place, _speaker(order)))


def _shaped(
    order: Preparation, path: Path, name: str, unread: set[str]
) -> Iterator[Dialogue | BadRow]:
    """The dialogues of rows; the first row tells whether the file is one for this kind at all.

    `unread` gets the fields that teach nothing.
    """
    is_first = True
    for item in rows.read_rows(path):
        if isinstance(item, BadRow):
            yield item
            continue
        number, row = item.number, item.row
        shape = shapes.shape_of(row)
        place = shapes.Place(
            rows.part_of(path, item.part),
            number,
            rows.part_of(name, item.part),
            order.persona,
        )
        if is_first and shape is None:
            raise Problem(_no_shape(path, item))
        if is_first and shape and shape.name not in KINDS[order.kind]:
            kinds = [kind for kind, known in KINDS.items() if shape.name in known]
            raise Problem(
                f"{path}:{number}: this is {shape.name}, which `prepare {order.kind}` does not read; use `prepare {kinds[0]}`"
            )
        is_first = False
        if shape is None or shape.name not in KINDS[order.kind]:
            yield place.bad(
                f"the fields {', '.join(map(str, row)) or '(none)'} are not those of the rows before"
            )
        else:
            unread |= shape.unread(row)
            yield from shape.read(place, row)


def _no_shape(path: Path, item: rows.Numbered) -> str:
    """What is found where the names of columns or fields are expected, and what is likely amiss."""
    found = ", ".join(filter(None, map(str, item.row))) or "none"
    wrapped = [name for name, value in item.row.items() if isinstance(value, list) and value and isinstance(value[0], dict)]  # fmt: skip
    if item.header:
        remedy = "rename yours; this row must hold the names: put them above the first row if they are missing, and take a title away"
    elif wrapped:
        remedy = f"the rows may stand in {wrapped[0]!r}: save that list as a file of its own"  # fmt: skip
    else:
        remedy = "rename yours"
    return (
        f"{path}:{item.header or item.number}: columns found: {found}; expected are for example question and answer, 질문 and 답변, "
        f"instruction and output, messages, or 사람문장1 and 시스템문장1; {remedy}"
    )


def _write(out: Path, told: report.Report) -> None:
    """The folder as a whole: it is written beside its name and then takes its place."""
    # Names that nobody gives to a folder of their own: what a killed run has left there may go.
    whole = out.resolve()
    partial = whole.with_name(f".{whole.name}.prepare-new")
    old = whole.with_name(f".{whole.name}.prepare-old")
    try:
        for stale in (partial, old):
            if stale.exists():
                shutil.rmtree(stale)
        try:
            partial.mkdir(parents=True)
            for name, dialogues in told.splits.items():
                files.write(partial / f"{name}.jsonl", dialogues)
            told.write(partial)
        except BaseException:
            # Half a folder takes the room that may be what is missing.
            shutil.rmtree(partial, ignore_errors=True)
            raise
        if whole.exists():
            whole.rename(old)
        partial.rename(whole)
        if old.exists():
            shutil.rmtree(old)
    except OSError as error:
        raise Problem(
            f"{out} cannot be written ({error}); name another --out"
        ) from error


def _progress(words: str) -> None:
    print(f"prepare: {words}", file=sys.stderr)
