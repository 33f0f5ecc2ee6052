"""Grows a set of examples through a model server that speaks OpenAI's chat completions, the daemon's own included.

The server is shown some examples and writes further ones; what is too near to one that is there, too short, or about
pictures and files is left out. The output is the state, with what was spent in FILE.spent beside it: the same command goes on
where it was stopped. The key, where the server wants one, is read from OPENAI_API_KEY.
"""

import argparse
import http.client
import json
import os
import random
import re
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import options
from .dialogue import HALF
from .prepare.groups import plain
from .prepare.rows import read_rows
from .prepare.shapes import INSTRUCTIONS, OUTPUTS, Place, field_of, input_of, shape_of, words_of  # fmt: skip
from .prepare.text import clean, is_korean
from .problems import BadRow, Problem

SHOWN, SHOWN_GROWN = 8, 2
"""Examples in a prompt, and how many of them may be grown ones (Wang et al. 2022, section 2.2: eight, two of them)."""
NEAREST = 0.7
"""An instruction is kept only below this ROUGE-L with every one before it (Wang et al. 2022, section 2.2)."""
ANSWER_TOKENS = 1024
"""The longest answer that is asked for."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between the tries of a request; after the last of them the server counts as away."""
LONGEST_PAUSE = 120.0
"""Seconds that a server may ask for (`Retry-After`); more than that is not waited."""
FRUITLESS = 12
"""After so many answers in a row of which nothing was kept, going on would only cost money."""

HEADS = {
    "en": "Here are numbered examples of what somebody asks and of a good answer. Write further examples of the same "
    "kind, in the same form and with the same subject. Ask for something else each time, in other words and moods; some "
    "ask, some tell, some order. Everything must be answerable in words alone. An input stands only where the instruction "
    "needs one; otherwise it is <noinput>. Answers are right, complete and as long as those shown.",
    "ko": "다음은 누군가가 부탁하는 말과 그에 대한 좋은 답을 번호 순서로 적은 예시입니다. 같은 주제와 같은 형식으로 예시를 이어서 "
    "쓰세요. 매번 다른 것을 다른 말투와 기분으로 부탁하세요. 묻기도 하고, 털어놓기도 하고, 시키기도 합니다. 모두 글만으로 답할 수 있어야 "
    "합니다. 입력은 부탁에 꼭 필요할 때만 쓰고, 아니면 <noinput>이라고 쓰세요. 답은 정확하고, 끝까지 쓰고, 예시와 비슷한 길이로 쓰세요.",
}
"""What stands above the examples, in the language of most of the seeds."""
# What a model that reads and writes text cannot do. Wang et al. 2022 leave such instructions out for the same reason.
IMPOSSIBLE = re.compile(
    r"\b(?:images?|pictures?|photos?|graphs?|charts?|diagrams?|draw|plot|videos?|audio|music file|files?|flowcharts?|attached|website link|go to)\b"
    r"|그림을 그|사진|이미지|동영상|그래프|도표|차트|음성 파일|파일|첨부|링크",
    re.IGNORECASE,
)
ITEM = re.compile(r"(?:^|\n)\s*(?:#+\s*\n\s*)?(\d+)\s*[.)]\s*Instruction\s*:", re.IGNORECASE)  # fmt: skip
PARTS = re.compile(
    r"(?P<instruction>.*?)\n\s*(?:\d+\s*[.)]\s*)?Input\s*:(?P<given>.*?)\n\s*(?:\d+\s*[.)]\s*)?Output\s*:(?P<output>.*)",
    re.IGNORECASE | re.DOTALL,
)
SEEDS = ("self-instruct", "an instruction", "question and answer", "input and output")
"""The forms of rows that can be shown as examples."""
WORD = re.compile(r"[\uac00-\ud7a3]|[^\W_]+?(?=[\uac00-\ud7a3]|\W|_|$)")


@dataclass(frozen=True, slots=True)
class Example:
    """An instruction with its answer."""

    instruction: str
    given: str
    """What the instruction is about; often nothing."""
    output: str

    def to_json(self) -> dict[str, Any]:
        """A row of a self-instruct file."""
        return {
            "instruction": self.instruction,
            "instances": [{"input": self.given, "output": self.output}],
            "is_classification": False,
        }


class Refused(Problem):
    """The server does not take this request; another one it may."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        """Of HTTP."""


@dataclass(slots=True)
class Spent:
    """What the requests have cost so far, over all runs."""

    requests: int = 0
    tokens: int = 0
    """Prompt and answer, as the server counts them; estimated where it does not."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the step can be told."""
    parser.add_argument("seeds", type=options.path, metavar="SEEDS", help="examples: self-instruct, Alpaca, or a table of questions and answers")  # fmt: skip
    parser.add_argument("--endpoint", required=True, type=endpoint, metavar="URL", help="for example http://127.0.0.1:8080/v1")  # fmt: skip
    parser.add_argument("--model", required=True, type=options.words, metavar="NAME", help="the model's name there; the daemon: a persona's id")  # fmt: skip
    parser.add_argument("--out", required=True, type=options.path, metavar="FILE", help="the grown examples, .jsonl")  # fmt: skip
    parser.add_argument("--count", type=options.positive, default=100, metavar="N", help="examples to grow (%(default)s)")  # fmt: skip
    parser.add_argument("--requests", type=options.positive, default=200, metavar="N", help="most requests, all runs together (%(default)s)")  # fmt: skip
    parser.add_argument("--tokens", type=options.positive, default=500_000, metavar="N", help="most tokens, all runs together (%(default)s)")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="print the first prompt and ask nobody")  # fmt: skip


def endpoint(text: str) -> str:
    """The address of a server, for argparse."""
    address = text.rstrip("/")
    if not re.match(r"https?://[^/\s]+", address, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"{text!r} is no address of a server; it looks like http://127.0.0.1:8080/v1")  # fmt: skip
    if address.endswith("/chat/completions"):
        raise argparse.ArgumentTypeError(f"{text!r} already ends in /chat/completions, which is added; give {address.removesuffix('/chat/completions')}")  # fmt: skip
    return address


def run(arguments: argparse.Namespace) -> None:
    """Asks, reads, filters and appends until there are enough or the budget is used up."""
    seeds = _seeds(arguments.seeds)
    if arguments.out.is_dir():
        raise Problem(f"{arguments.out} is a folder; --out is the file that is written")
    if arguments.out.exists() and arguments.out.samefile(arguments.seeds):
        raise Problem(f"{arguments.out} holds the seeds; name another --out")
    key = _key()
    grown, spent = _state(arguments.out, arguments.dry_run)
    known = [_words(one.instruction) for one in (*seeds, *grown)]
    if arguments.dry_run:
        print(prompt(_chosen(seeds, grown, spent.requests, SHOWN)))
        return
    fruitless, shown = 0, SHOWN
    while len(grown) < arguments.count:
        if spent.requests >= arguments.requests or spent.tokens >= arguments.tokens:
            _say(f"the budget is used up: {spent.requests} requests, {spent.tokens} tokens; raise --requests or --tokens to go on")  # fmt: skip
            break
        asked = prompt(_chosen(seeds, grown, spent.requests, shown))
        try:
            answer = ask(arguments.endpoint, arguments.model, key, asked)
        except Refused as refused:
            # A prompt that is too long for the model has no status of its own: OpenAI and the daemon answer 400, others 413.
            if refused.status not in (400, 413) or shown == 1:
                raise
            shown //= 2
            _say(f"{refused}; trying with at most {shown} examples")
            continue
        spent.requests += 1
        spent.tokens += answer.tokens
        _note(arguments.out, spent)
        examples = parse(answer.text, answer.is_whole)
        kept = 0
        left_out: Counter[str] = Counter(
            {} if examples else {"answer without an example": 1}
        )
        for example in examples:
            fault = unfit(example) or too_near(example.instruction, known)
            if fault:
                left_out[fault] += 1
            elif len(grown) < arguments.count:
                _append(arguments.out, example)
                grown.append(example)
                known.append(_words(example.instruction))
                kept += 1
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        _say(
            f"request {spent.requests}: {kept} kept{f', left out: {reasons}' if reasons else ''}; "
            f"{len(grown)} of {arguments.count}, {spent.tokens} tokens"
        )
        fruitless = 0 if kept else fruitless + 1
        if fruitless == FRUITLESS:
            raise Problem(
                f"nothing could be kept of the last {FRUITLESS} answers, {len(grown)} examples are in {arguments.out}; "
                f"the last one began: {answer.text.strip()[:120]!r}; take another model, or more and more varied seeds"
            )
    print(f"{len(grown)} examples in {arguments.out}, {spent.requests} requests, {spent.tokens} tokens")  # fmt: skip


def prompt(examples: Sequence[Example]) -> str:
    """The encoding of Wang et al. 2022 and Alpaca: a head, the numbered examples, and the next number to go on from."""
    korean = sum(is_korean(example.instruction) for example in examples)
    head = HEADS["ko" if korean * 2 > len(examples) else "en"]
    parts = [
        f"###\n{number}. Instruction: {example.instruction}\n{number}. Input: {example.given or '<noinput>'}\n"
        f"{number}. Output: {example.output}\n"
        for number, example in enumerate(examples, 1)
    ]
    return f"{head}\n\n{''.join(parts)}###\n{len(examples) + 1}. Instruction:"


def parse(text: str, is_whole: bool) -> list[Example]:
    """The examples of an answer, which goes on after `N. Instruction:`. The last of one that broke off is left out."""
    if not ITEM.match(text):
        text = f"0. Instruction:{text}"
    pieces = ITEM.split(text)[2::2]
    if not is_whole:
        del pieces[-1:]
    examples = []
    for piece in pieces:
        match = PARTS.match(piece)
        if not match:
            continue
        given = clean(match["given"])
        if given.strip("<>").replace(" ", "").lower() in ("noinput", "none", "없음", ""):  # fmt: skip
            given = ""
        output = clean(re.sub(r"\n\s*#+\s*$", "", match["output"].rstrip()))
        examples.append(Example(clean(match["instruction"]), given, output))
    return examples


def unfit(example: Example) -> str | None:
    """Why an example is of no use, after the filters of Wang et al. 2022 with figures of our own for Hangul."""
    words = _words(example.instruction)
    letters = plain(example.instruction)
    if not example.output or not letters:
        return "empty"
    if len(words) < 3 or len(words) > 150:
        return "too short or too long"
    if len(example.output) > 2000:
        return "answer too long"
    if IMPOSSIBLE.search(example.instruction):
        return "not answerable in words"
    if not example.instruction[0].isalnum() and example.instruction[0] not in "\"'“‘(":
        return "begins with a sign"
    if sum(map(str.isdigit, letters)) * 2 > len(letters):
        return "mostly numbers"
    text = f"{example.instruction} {example.given} {example.output}"
    if HALF.search(text):
        return "half a character"
    text = f"{example.instruction} {example.output}"
    if re.search(r"([^\w\s])\1{4,}|(\w)\2{7,}", text):
        return "the same sign again and again"
    if plain(example.output) == letters:
        return "answer repeats the instruction"
    return None


def too_near(instruction: str, known: Sequence[Sequence[str]]) -> str | None:
    """Why it is no new one: its ROUGE-L with one that is there reaches `NEAREST`."""
    words = _words(instruction)
    bag = Counter(words)
    for other in known:
        # No common subsequence is longer than what both have in any order; that is counted faster.
        most = 2 * sum((bag & Counter(other)).values()) / max(1, len(words) + len(other))  # fmt: skip
        if most >= NEAREST and rouge_l(words, other) >= NEAREST:
            return "too near to another"
    return None


def rouge_l(one: Sequence[str], other: Sequence[str]) -> float:
    """The F measure of the longest common subsequence (Lin 2004), from 0 to 1."""
    if not one or not other:
        return 0.0
    lengths = [0] * (len(other) + 1)
    for word in one:
        diagonal = 0
        for place, against in enumerate(other, 1):
            above = lengths[place]
            lengths[place] = diagonal + 1 if word == against else max(above, lengths[place - 1])  # fmt: skip
            diagonal = above
    return 2 * lengths[-1] / (len(one) + len(other))


def _words(text: str) -> list[str]:
    """What ROUGE-L compares: words, and of Hangul each syllable, since particles make every word look like another."""
    return WORD.findall(text.lower())


def _seeds(path: Path) -> list[Example]:
    examples: list[Example] = []
    for item in read_rows(path):
        if isinstance(item, BadRow):
            raise Problem(f"{item}; mend the seeds")
        number, row = item.number, item.row
        shape = shape_of(row)
        if shape is None or shape.name not in SEEDS:
            raise Problem(
                f"{path}:{item.header or number}: the fields {', '.join(map(str, row)) or '(none)'} are no seed; one looks like "
                '{"instruction": "…", "instances": [{"input": "", "output": "…"}]}, or a table has the columns question and answer, 질문 and 답변'
            )
        read = list(shape.read(Place(str(path), number, "", ""), row))
        for dialogue in read:
            if isinstance(dialogue, BadRow):
                raise Problem(f"{dialogue}; mend the seeds")
        if field_of(row, INSTRUCTIONS) is None:
            examples += [Example(one.turns[0].content, "", one.turns[1].content) for one in read]  # fmt: skip
        else:
            given = row["instances"][0] if "instances" in row else row
            examples.append(Example(words_of(row, INSTRUCTIONS), input_of(given), words_of(given, OUTPUTS)))  # fmt: skip
    if not examples:
        raise Problem(f"{path} holds no example; write some seeds first")
    return examples


def _state(path: Path, only_look: bool) -> tuple[list[Example], Spent]:
    """What earlier runs have grown, and spent. A last line without an end is of a killed run and is cut off.

    Raises `Problem`, and changes nothing, where the file is none of this step's.
    """
    data = path.read_bytes() if path.exists() else b""
    # A row may hold signs at which splitlines() would part it.
    *lines, rest = data.split(b"\n")
    grown = [_grown(path, number, line) for number, line in enumerate(lines, 1)]
    if rest and not grown and not _beside(path).exists():
        raise Problem(
            f"{path} is there, and `self-instruct` has not written it; name another --out"
        )
    if rest and _is_json(rest):
        # Some editors leave the last line without an end.
        grown.append(_grown(path, len(lines) + 1, rest))
        if not only_look:
            with path.open("ab") as file:
                file.write(b"\n")
    elif rest and not only_look:
        _say(f"{path}: the last line is of a run that was killed; it is taken away")
        os.truncate(path, len(data) - len(rest))
    return grown, _spent(path)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _grown(path: Path, number: int, line: bytes) -> Example:
    try:
        row = json.loads(line)
        instance = row["instances"][0]
        texts = (row["instruction"], instance["input"], instance["output"])
        if not all(isinstance(text, str) for text in texts):
            raise ValueError
        return Example(*texts)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Problem(
            f"{path}:{number}: not a row of self-instruct; mend it or name another --out"
        ) from error


def _beside(path: Path) -> Path:
    """Where stands what was spent: also requests of which nothing was kept count."""
    return path.with_name(path.name + ".spent")


def _spent(path: Path) -> Spent:
    beside = _beside(path)
    if not beside.exists():
        return Spent()
    try:
        told = json.loads(beside.read_text("utf-8"))
        return Spent(int(told["requests"]), int(told["tokens"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(
            f"{beside} does not tell what was spent; remove it to count from zero, or name another --out"
        ) from error


def _note(path: Path, spent: Spent) -> None:
    """Writes down what was spent, before the answer is looked at."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    partial = beside.with_name(beside.name + ".part")
    told = {"requests": spent.requests, "tokens": spent.tokens}
    partial.write_text(json.dumps(told) + "\n", "utf-8")
    partial.replace(beside)


def _append(path: Path, example: Example) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(example.to_json(), ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _chosen(
    seeds: Sequence[Example], grown: Sequence[Example], request: int, shown: int
) -> list[Example]:
    """Other examples for each request, the same ones for the same request."""
    draw = random.Random(request)
    of_grown = draw.sample(grown, min(SHOWN_GROWN, shown // 2, len(grown)))
    chosen = draw.sample(seeds, min(shown - len(of_grown), len(seeds))) + of_grown
    draw.shuffle(chosen)
    return chosen


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server wrote."""

    text: str
    is_whole: bool
    """Whether it ended by itself, not at the greatest length."""
    tokens: int
    """Prompt and answer together."""


def _key() -> str:
    """What the server wants to know who asks; nothing where none is set.

    Raises `Problem` where a header cannot hold it, and shows nothing of it.
    """
    key = os.environ.get("OPENAI_API_KEY", "")
    if re.fullmatch("[!-~]*", key):
        return key
    raise Problem(
        "OPENAI_API_KEY holds what no key holds: a space, a line end, or a sign that is not ASCII, such as “…”; set it to the key alone, or "
        "to nothing where the server wants none"
    )


def ask(server: str, model: str, key: str, text: str) -> Answer:
    """One answer. Tries again, with longer and longer pauses, while the server is away or busy.

    Raises `Problem` when it stays away, refuses, or answers what is no chat completion.
    """
    url = server + "/chat/completions"
    body = {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": ANSWER_TOKENS,
        "temperature": 0.8,
    }
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    data = json.dumps(body).encode()
    fault = ""
    for pause in (*PAUSES, None):
        try:
            request = urllib.request.Request(url, data, headers)
            with urllib.request.urlopen(request, timeout=600) as response:
                return _answer(url, text, response.read())
        except urllib.error.HTTPError as error:
            said = error.read(300).decode("utf-8", "replace").strip()
            fault = f"status {error.code}: {said or error.reason}"
            if error.code not in (408, 409, 429) and error.code < 500:
                raise Refused(
                    f"{url} refuses: {fault}; look at --endpoint, --model and OPENAI_API_KEY",
                    error.code,
                ) from error
            after = error.headers.get("Retry-After", "")
            if pause is not None and after.isdigit():
                pause = max(pause, min(LONGEST_PAUSE, float(after)))
        except (ValueError, http.client.InvalidURL) as error:
            # urllib says so of an address that is none.
            raise Problem(
                f"--endpoint {server}: {error}; it looks like http://127.0.0.1:8080/v1"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            fault = str(getattr(error, "reason", error))
        if pause is not None:
            _say(f"{url}: {fault}; trying again in {pause:g} s")
            time.sleep(pause)
    raise Problem(
        f"{url} does not answer: {fault}; start the server or look at --endpoint, then the same command goes on"
    )


def _answer(url: str, asked: str, data: bytes) -> Answer:
    try:
        body = json.loads(data)
        choice = body["choices"][0]
        text = choice["message"]["content"] or ""
        usage = body.get("usage") or {}
        # Where the server does not count, four bytes are about a token.
        tokens = usage.get("total_tokens") or (len((asked + text).encode()) // 4)
        return Answer(text, choice.get("finish_reason") != "length", int(tokens))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        shown = data[:120].decode("utf-8", "replace")
        raise Problem(
            f"{url} answers what is no chat completion: {shown!r}; an endpoint ends in /v1"
        ) from error


def _say(words: str) -> None:
    print(f"self-instruct: {words}", file=sys.stderr)
