"""What `prepare` tells: report.json for programs, report.md for people, rejected.jsonl and a short text on the screen."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ..dialogue import Dialogue
from ..files import sha256
from ..problems import BadRow
from .groups import Duplicate
from .personal import Finding
from .splits import SPLITS

JSON, MARKDOWN, REJECTED = "report.json", "report.md", "rejected.jsonl"
WRITTEN = (*(f"{name}.jsonl" for name in SPLITS), REJECTED, MARKDOWN, JSON)
"""All that `prepare` puts into its folder."""
LISTED = 20
"""How many rows of each kind the page for people lists; report.json and rejected.jsonl have all."""


NAMED = 12
"""How many speakers a line names."""
MARKUP = re.compile(r"</?(?:a|b|br|i|p|u|div|span|strong|em|ul|ol|li|table|tr|td|th|img|font|h[1-6])(?:\s[^>]*)?/?>|&(?:nbsp|amp|lt|gt|quot|#\d+);", re.IGNORECASE)  # fmt: skip


def before(folder: Path) -> dict[str, Any] | None:
    """What an earlier run has told of this folder; nothing where it is not the work of `prepare`."""
    try:
        told = json.loads((folder / JSON).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(told, dict) and {"kind", "persona", "splits"} <= told.keys()
    return told if whole and isinstance(told.get("sha256"), dict) else None


def changed(folder: Path, told: dict[str, Any]) -> Iterator[str]:
    """The files that are not as the run that told of them has left them; what is missing is no loss."""
    for name, hashed in told["sha256"].items():
        path = folder / name
        if path.exists() and hashed != (_hashed(told) if name == JSON else sha256(path)):  # fmt: skip
            yield name


def _hashed(told: dict[str, Any]) -> str:
    """The hash of report.json, which stands in it: that of all else it tells."""
    rest = {name: value for name, value in told.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest).encode()).hexdigest()


def listed(found: Counter[str]) -> str:
    """Speakers as a line lists them, the most talkative first."""
    shown = ", ".join(f"{name} ({count})" for name, count in sorted(found.items(), key=lambda item: (-item[1], item[0]))[:NAMED])  # fmt: skip
    rest = len(found) - NAMED
    return (shown or "none") + (f" and {rest} more" if rest > 0 else "")


def tokens(text: str) -> int:
    """About how many tokens a text takes: four ASCII characters, or one other, make one.

    It is meant to be a little too high: tokenizers that know Korean take two syllables a token, others up to three tokens a syllable.
    """
    ascii_characters = sum(map(str.isascii, text))
    return -(-ascii_characters // 4) + len(text) - ascii_characters


@dataclass(frozen=True, slots=True)
class Length:
    """Of one dialogue: all turns, and what stands above them."""

    characters: int
    tokens: int
    """Estimated, see `tokens`."""

    @classmethod
    def of(cls, dialogue: Dialogue) -> "Length":
        """Counts a dialogue."""
        texts = [turn.content for turn in dialogue.turns] + [dialogue.system or ""]
        return cls(sum(map(len, texts)), sum(map(tokens, texts)))


def spread(values: Sequence[int]) -> dict[str, int]:
    """Least, middle, 95th of a hundred and greatest value."""
    ordered = sorted(values)
    return {
        "min": ordered[0],
        "median": int(median(ordered)),
        "p95": ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))],
        "max": ordered[-1],
    }


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known after a run."""

    kind: str
    persona: str
    files: dict[str, tuple[int, int]]
    """Dialogues and rejected rows of each file."""
    speakers: dict[str, Counter[str]]
    """Who speaks in each transcript or chat, and how often: a heading that was taken for a name shows here."""
    unread: dict[str, list[str]]
    """The fields of each file's rows that teach nothing: a passage under another name shows here."""
    splits: dict[str, list[Dialogue]]
    rejected: list[BadRow]
    duplicates: list[Duplicate]
    findings: list[Finding]
    masked: bool
    limit: int
    """In tokens; longer dialogues are named."""

    def to_json(self) -> dict[str, Any]:
        """The whole report."""
        every = [one for dialogues in self.splits.values() for one in dialogues]
        lengths = [(one, Length.of(one)) for one in every]
        return {
            "kind": self.kind,
            "persona": self.persona,
            "files": [
                {"file": file, "dialogues": read, "rejected": rejected}
                for file, (read, rejected) in self.files.items()
            ],
            "speakers": {file: dict(found.most_common()) for file, found in self.speakers.items()},
            "unread": self.unread,
            "splits": {
                name: {
                    "dialogues": len(dialogues),
                    "groups": len({one.group for one in dialogues}),
                    "turns": sum(len(one.turns) for one in dialogues),
                    "characters": sum(Length.of(one).characters for one in dialogues),
                    "tokens": sum(Length.of(one).tokens for one in dialogues),
                }
                for name, dialogues in self.splits.items()
            },
            "characters": spread([length.characters for _, length in lengths]),
            "tokens": spread([length.tokens for _, length in lengths]),
            "limit": self.limit,
            "longer": [
                {
                    "file": one.source.file,
                    "row": one.source.row,
                    "tokens": length.tokens,
                }
                for one, length in lengths
                if length.tokens > self.limit
            ],
            "duplicates": [
                {"file": one.dropped.source.file, "row": one.dropped.source.row,
                 "same_as": {"file": one.kept.source.file, "row": one.kept.source.row}}
                for one in self.duplicates
            ],
            "rejected": len(self.rejected),
            "personal_data": [finding.to_json() for finding in self.findings],
            "masked": self.masked,
            "markup": [{"file": one.source.file, "row": one.source.row} for one in self.markup()],
        }  # fmt: skip

    def markup(self) -> list[Dialogue]:
        """The dialogues that hold HTML: a model would learn to write it."""
        every = (one for dialogues in self.splits.values() for one in dialogues)
        return [one for one in every if any(MARKUP.search(turn.content) for turn in one.turns)]  # fmt: skip

    def lacking(self) -> str:
        """What training will lack; nothing where there is enough."""
        every = [one for dialogues in self.splits.values() for one in dialogues]
        count = len({one.group for one in every})
        if count >= len(SPLITS):
            return ""
        return (
            f"{len(every)} dialogue{'s' * (len(every) > 1)} in {count} group{'s' * (count > 1)} cannot be split: at least {len(SPLITS)} groups "
            "(scenes, conversations, questions that ask for different things) are needed, some dozens to learn anything"
        )

    def write(self, folder: Path) -> None:
        """Writes the three files beside the splits, with the hashes of all by which a change by hand is seen."""
        # A field's name may hold what UTF-8 cannot write.
        with (folder / REJECTED).open("w", encoding="utf-8", errors="backslashreplace") as file:  # fmt: skip
            for bad in self.rejected:
                row = {"file": bad.file, "row": bad.row, "reason": bad.reason}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        (folder / MARKDOWN).write_text(self.page(), "utf-8", "backslashreplace")
        told = self.to_json()
        hashes = {name: sha256(folder / name) for name in WRITTEN if name != JSON}
        told["sha256"] = hashes | {JSON: _hashed(told)}
        text = json.dumps(told, ensure_ascii=False, indent=1)
        (folder / JSON).write_text(text + "\n", "utf-8", "backslashreplace")

    def page(self) -> str:
        """The report as a page of Markdown."""
        told = self.to_json()
        kinds = Counter(finding.kind for finding in self.findings)
        markup = self.markup()
        replaced = "replaced" if self.masked else "still there; --mask replaces it"
        sections = [
            f"# Training data of {self.persona} ({self.kind})",
            _table(("file", "dialogues", "rejected rows"), (one.values() for one in told["files"])),
            *(f"Speakers of {file}: {', '.join(f'{name} ({count})' for name, count in found.most_common())}" for file, found in self.speakers.items()),
            *(f"Fields of {file} that are not read: {', '.join(names)}" for file, names in self.unread.items()),
            _table(("split", "dialogues", "groups", "turns", "characters", "tokens (estimated)"),
                   ((name, *counts.values()) for name, counts in told["splits"].items())),
            _table(("length of a dialogue", "min", "median", "p95", "max"),
                   (("characters", *told["characters"].values()), ("tokens (estimated)", *told["tokens"].values()))),
            self.lacking(),
            f"## Longer than {self.limit} tokens: {len(told['longer'])}",
            _list(f"{one['file']}:{one['row']}: about {one['tokens']} tokens" for one in told["longer"]),
            f"## Exact duplicates, dropped: {len(self.duplicates)}",
            _list(f"{one.dropped.source.file}:{one.dropped.source.row} is {one.kept.source.file}:{one.kept.source.row}" for one in self.duplicates),
            f"## Rejected rows: {len(self.rejected)}",
            _list(map(str, self.rejected)),
            f"## What looks like personal data: {len(self.findings)}" + (f", {replaced}" if self.findings else ""),
            _table(("kind", "found"), sorted(kinds.items())) if kinds else "",
            _list(f"{one.file}:{one.row}: {one.kind} {one.shown}" for one in self.findings),
            f"## HTML in the words: {len(markup)}" if markup else "",
            _list(f"{one.source.file}:{one.source.row}" for one in markup),
        ]  # fmt: skip
        return "\n\n".join(filter(None, sections)) + "\n"

    def short(self, out: Path) -> str:
        """What the screen shows."""
        told = self.to_json()
        markup = self.markup()
        speakers = sum(self.speakers.values(), Counter())
        lines = [
            f"{'':12}{'dialogues':>10}{'groups':>8}{'turns':>8}{'tokens':>10}",
            *(
                f"{name:12}{one['dialogues']:>10}{one['groups']:>8}{one['turns']:>8}{one['tokens']:>10}"
                for name, one in told["splits"].items()
            ),
            f"tokens of a dialogue (estimated): {', '.join(f'{name} {value}' for name, value in told['tokens'].items())}; "
            f"above {self.limit}: {len(told['longer'])}",
            f"exact duplicates dropped: {len(self.duplicates)}",
            f"rejected rows: {len(self.rejected)}"
            + (f", for example {self.rejected[0]}" if self.rejected else ""),
            f"what looks like personal data: {len(self.findings)}"
            + (" (--mask replaces it)" if self.findings and not self.masked else ""),
            f"HTML in the words: {len(markup)}, for example {markup[0].source.file}:{markup[0].source.row}"
            if markup
            else "",
            f"speakers found: {listed(speakers)}" if speakers else "",
            self.lacking(),
            f"written: {out}; {out / MARKDOWN} tells more",
        ]
        # A name may hold half a character, which no screen can show.
        return "\n".join(filter(None, lines)).encode("utf-8", "backslashreplace").decode()  # fmt: skip


def _table(head: Sequence[str], body: Iterable[Iterable[Any]]) -> str:
    rows = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in rows)  # fmt: skip


def _list(items: Iterable[str]) -> str:
    every = list(items)
    rest = len(every) - LISTED
    return "\n".join(
        [f"- {item}" for item in every[:LISTED]]
        + ([f"- and {rest} more"] if rest > 0 else [])
    )
