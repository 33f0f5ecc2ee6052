"""The work of `prove`: Transformers and the daemon's engine read the same dialogues, and what they find is compared with limits."""

import hashlib
import itertools
import json
import math
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import dialogue, persona, scores
from .files import write_whole
from .persona import Persona
from .problems import Problem, readable
from .resources import need_memory
from .rows import Words, scenes
from .scores import Passage, Scores
from .template import Piece

DIALOGUES = 64
"""Held-out dialogues that are read at most; more change the figures little."""
SLICE = 256
"""Tokens of a dialogue whose distributions are held with 64 bits at once."""
PLACES = 4
"""Places of a dialogue at which whole distributions are compared."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a type of file may change. Differences are of natural logarithms of probabilities."""

    maximum: float
    """Largest difference of any token at any place."""
    kl: float
    """Mean Kullback–Leibler divergence of the file's distribution from Transformers', in nats."""
    perplexity: float
    """How much higher perplexity may be, as a ratio."""


# About three times what tiny random models of each architecture had at most (docs/PARITY.md), and ten times for F32, F16 and
# BF16, since rounding adds up over the layers of real models. An adapter that was not applied changed logarithms by 0.7 and more
# and divergence by 5e-3 and more, one with a wrong scale logarithms by 1.7: that is found in the merged file before it is quantised.
LIMITS = {
    "F32": Limits(0.1, 1e-5, 1.003),
    "F16": Limits(0.12, 2e-5, 1.003),
    "BF16": Limits(0.6, 5e-4, 1.01),
    "Q8_0": Limits(0.6, 2e-3, 1.01),
    "Q6_K": Limits(1.8, 1.3e-2, 1.02),
    "Q5_K": Limits(3.3, 4e-2, 1.05),
    "Q4_K": Limits(5.5, 1.6e-1, 1.10),
    "Q3_K": Limits(11.0, 5e-1, 1.30),
}
# llama.cpp's numbers of file types (`llama_ftype`).
FILE_TYPES = {
    0: "F32", 1: "F16", 32: "BF16", 7: "Q8_0", 18: "Q6_K", 16: "Q5_K_S", 17: "Q5_K_M", 14: "Q4_K_S", 15: "Q4_K_M", 12: "Q3_K_M",
}  # fmt: skip

# What tokenizers differ on: Korean with and without spaces, English contractions, digits, emoji with joiners and skin tones,
# white space at the borders. Special tokens are added by the model.
TEXTS = (
    "안녕하세요? 저는 윤이에요.",
    "오늘 점심 뭐 먹을까ㅋㅋㅋ 아무거나 다 좋아!!",
    "닭볶음탕을 끓였는데, 값이 12,500원이나 되더라고요.",
    "Hey, how you doin'? I'm starving, let's get 2 sandwiches.",
    "It's 10:45pm; we've been waiting for 123456 seconds…",
    "👋🏽 👨‍👩‍👧‍👦 🇰🇷 ❤️ 그리고 🍜",
    "mixed 한영 text와 code_switching() {\n    return 42;\n}",
    "  two  spaces\tand a tab\n\n\nthree lines",
    "ㄱㄴㄷ 뷁 漢字 ÀÉÎ ½ ﬁ",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One file against Transformers."""

    file: str
    """Its name, with that of the adapter on it."""
    type: str
    """How its weights are stored, by llama.cpp's name."""
    megabytes: float
    maximum: float
    """Largest difference of a token's log-probability, over the whole vocabulary and all places, in nats."""
    mean: float
    """The mean of the absolute differences."""
    kl: float
    """Mean Kullback–Leibler divergence from Transformers' distribution, in nats."""
    top1: float
    """Share of the places at which both find the same token most likely."""
    perplexity: float
    """Of the persona's replies, by token."""
    doubt: float = 0.0
    """Standard error of the logarithm of its ratio to Transformers': three short dialogues say less than three hundred."""

    def faults(self, reference: float) -> list[str]:
        """What passes its limits; `reference` is Transformers' perplexity."""
        limits = LIMITS[self.type.removesuffix("_M").removesuffix("_S")]
        # What may be chance is none of the file's doing.
        ratio = self.perplexity / reference * math.exp(-2 * self.doubt)
        checks = (
            (
                "the largest difference of log-probabilities",
                self.maximum,
                limits.maximum,
            ),
            ("the mean divergence", self.kl, limits.kl),
            ("perplexity, as a ratio to Transformers',", ratio, limits.perplexity),
        )
        return [
            f"{self.file}: {what} is {value:.4g}, above {limit:.4g}, the limit for {self.type}"
            for what, value, limit in checks
            # Written so that a figure that is no number fails too.
            if not value <= limit
        ]


@dataclass(frozen=True, slots=True)
class Tokenizers:
    """How far the daemon's tokens are those of Transformers."""

    texts: int
    """How many texts were compared, each as somebody's words and as a template's."""
    faults: tuple[str, ...]
    """Texts with other tokens, and where they part."""
    joined: int
    """Texts that Transformers' fast tokenizer, given template and words in one piece, sees otherwise. llama.cpp's SentencePiece
    puts a space before every run between special tokens, the fast one only before the first, and only where none stands."""
    normalises: bool
    """Whether decomposed Hangul (NFD) has the tokens that Transformers sees in it. Where not, it is the daemon that composes
    what people write before the engine sees it (`bot/src/gate.rs`)."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Everything that was measured about one persona's files."""

    architecture: str
    places: int
    """Places at which distributions were compared."""
    reply_tokens: int
    """Tokens over which perplexity was taken."""
    perplexity: float
    """Transformers' own."""
    files: tuple[Measured, ...]
    tokenizers: Tokenizers

    def faults(self) -> list[str]:
        """What passes its limits."""
        return [
            *(f"tokens differ: {fault}" for fault in self.tokenizers.faults),
            *(fault for file in self.files for fault in file.faults(self.perplexity)),
        ]

    def check(self) -> None:
        """Raises `Problem` with what passes its limits."""
        faults = self.faults()
        if faults:
            raise Problem(
                "\n  ".join(["what the daemon runs is not what was trained:", *faults])
            )


@dataclass(frozen=True, slots=True)
class Reading:
    """What both sides read."""

    passages: tuple[Passage, ...]
    replies: tuple[int, ...]
    """Where the reply begins in each passage: the place of its first token."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to be compared, maybe with an adapter on it."""

    model: Path
    adapter: Path | None = None

    @property
    def name(self) -> str:
        """How it is called in tables."""
        return (
            self.model.name
            if self.adapter is None
            else f"{self.model.name} + {self.adapter.name}"
        )


@dataclass(frozen=True, slots=True)
class Trained:
    """What Transformers computes with, and the files are compared with."""

    base: Path
    adapter: Path | None = None

    @property
    def tokenizer(self) -> Path:
        """Whose tokenizer counts: training may have added tokens."""
        if self.adapter and (self.adapter / "tokenizer_config.json").exists():
            return self.adapter
        return self.base


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Dialogues that were not trained on."""

    data: Path
    template: str | None = None
    """The persona's chat template, where the model's own does not count."""
    find_persona: Callable[[str], Persona] = persona.find
    """Tells what stands above a dialogue that has no `system` of its own."""


def prove(
    trained: Trained, held_out: HeldOut, candidates: Sequence[Candidate], out: Path
) -> Proof:
    """Measures the files against Transformers and writes proof.json and PROOF.md into `out`.

    A file that was measured before is not measured again; the first candidate's tokenizer is compared.
    """
    for candidate in candidates:
        for path in filter(None, (candidate.model, candidate.adapter)):
            readable(path, "the file")
    out.mkdir(parents=True, exist_ok=True)
    first = candidates[0].model
    reading = read(first, held_out)
    cache = Cache(out / "measured.json", _mark(trained, reading))
    reference: Scores | None = None
    if not cache.has_all(candidates):
        progress(f"Transformers reads {len(reading.passages)} dialogues")
        reference = transformers_scores(trained, reading)
        cache.perplexity = perplexity(reference, reading)
    files = []
    for candidate in candidates:
        known = cache.get(candidate)
        if known is None:
            progress(f"the daemon's engine reads them with {candidate.name}")
            assert reference is not None, "something was not measured yet"
            known = measure(candidate, reference, reading)
            cache.put(candidate, known)
        files.append(known)
    proof = Proof(
        architecture=architecture(first),
        places=sum(len(passage.rows) for passage in reading.passages),
        reply_tokens=sum(
            len(passage.tokens) - reply
            for passage, reply in zip(reading.passages, reading.replies, strict=True)
        ),
        perplexity=cache.perplexity,
        files=tuple(files),
        tokenizers=compare_tokenizers(trained.tokenizer, first),
    )
    write_whole(
        out / "proof.json",
        json.dumps(asdict(proof), ensure_ascii=False, indent=2) + "\n",
    )
    write_whole(out / "PROOF.md", table([proof]))
    return proof


def read(model: Path, held_out: HeldOut) -> Reading:
    """The held-out dialogues as the daemon lays them out, each up to its last reply."""
    first = itertools.islice(dialogue.read(held_out.data), DIALOGUES)
    held = [scene.messages(()) for scene in scenes(first, held_out.find_persona)]
    if not held:
        raise Problem(
            f"{held_out.data} has no dialogues; run `chatfriends-train prepare` with more data"
        )
    conversations = [[*above, *said[:-1]] for above, said in held]
    prompts = scores.prompts(model, conversations, held_out.template)
    words = scores.tokenize(model, [said[-1].content for _, said in held])
    longest = context(model)
    passages, replies = [], []
    for number, (prompt, reply) in enumerate(zip(prompts, words, strict=True)):
        tokens = (*prompt, *reply.plain)
        if len(tokens) > longest or not prompt:
            continue
        # The same places whichever files are measured.
        places = np.random.default_rng(number).permutation(len(tokens) - 1)[:PLACES]
        passages.append(Passage(tokens, tuple(sorted(int(place) for place in places))))
        replies.append(len(prompt))
    if not passages:
        raise Problem(
            f"every dialogue of {held_out.data} is longer than the {longest} tokens that {model} can see"
        )
    if len(passages) < len(held):
        progress(
            f"{len(held) - len(passages)} of {len(held)} dialogues of {held_out.data} are longer than the {longest} tokens that {model} "
            "can see and are left out"
        )
    return Reading(tuple(passages), tuple(replies))


def transformers_scores(trained: Trained, reading: Reading) -> Scores:
    """How likely Transformers finds the passages, computed with 32 bits a number on the processor."""
    import torch
    import transformers

    from .checkpoint import Checkpoint

    base, adapter = trained.base, trained.adapter
    weights = sum(
        math.prod(tensor.shape) for tensor in Checkpoint(base).tensors.values()
    )
    config = transformers.AutoConfig.from_pretrained(base).get_text_config()
    longest = max(len(passage.tokens) for passage in reading.passages)
    # Scores with 32 bits, once more where the model makes a copy, and a slice of them with 64 bits and its logarithms.
    words = (2 * 4 * longest + 2 * 8 * SLICE) * config.vocab_size
    need_memory(
        4 * weights + words, f"{base}, which Transformers computes with 32 bits,"
    )
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        import peft

        tokenizer = transformers.AutoTokenizer.from_pretrained(trained.tokenizer)
        if len(tokenizer) > model.get_input_embeddings().num_embeddings:
            model.resize_token_embeddings(len(tokenizer))
        model = peft.PeftModel.from_pretrained(model, adapter)
    model.eval()
    tokens, rows = [], []
    with torch.inference_mode():
        for passage in reading.passages:
            ids = torch.tensor(passage.tokens)
            logits = model(input_ids=ids[None], use_cache=False).logits[0]
            found = [
                logits[begin : begin + len(following)]
                .double()
                .log_softmax(dim=-1)
                .gather(1, following[:, None])[:, 0]
                for begin, following in zip(
                    range(0, len(ids) - 1, SLICE), ids[1:].split(SLICE), strict=True
                )
            ]
            tokens.append(torch.cat(found).numpy())
            wanted = logits[list(passage.rows)].double()
            rows.append(wanted.log_softmax(dim=-1).float().numpy())
    return Scores(tuple(tokens), np.concatenate(rows))


def measure(candidate: Candidate, reference: Scores, reading: Reading) -> Measured:
    """One file against what Transformers says."""
    found_scores = scores.score(candidate.model, reading.passages, candidate.adapter)
    expected, found = (
        reference.rows.astype(np.float64),
        found_scores.rows.astype(np.float64),
    )
    if expected.shape != found.shape:
        raise Problem(
            f"{candidate.name} knows {found.shape[1]} tokens, but Transformers' model {expected.shape[1]}: convert it again"
        )
    differences = np.abs(expected - found)
    return Measured(
        file=candidate.name,
        type=file_type(candidate.model),
        megabytes=round(candidate.model.stat().st_size / 1e6, 2),
        maximum=float(differences.max()),
        mean=float(differences.mean()),
        # Between next to equal distributions rounding makes it less than nothing.
        kl=max(0.0, float((np.exp(expected) * (expected - found)).sum(axis=1).mean())),
        top1=float((expected.argmax(axis=1) == found.argmax(axis=1)).mean()),
        perplexity=perplexity(found_scores, reading),
        doubt=doubt(
            _of_replies(found_scores, reading) - _of_replies(reference, reading)
        ),
    )


def perplexity(thought: Scores, reading: Reading) -> float:
    """exp of the mean negative log-probability of the replies' tokens."""
    return math.exp(-float(_of_replies(thought, reading).mean()))


def doubt(differences: NDArray[np.float64]) -> float:
    """The standard error of their mean; none can be told from a single one."""
    count = len(differences)
    return float(differences.std(ddof=1)) / math.sqrt(count) if count > 1 else 0.0


def _of_replies(thought: Scores, reading: Reading) -> NDArray[np.float64]:
    """Log-probabilities of the replies' tokens, one after another."""
    return np.concatenate(
        [
            # Scores begin at a passage's second token.
            logs[begin - 1 :]
            for logs, begin in zip(thought.tokens, reading.replies, strict=True)
        ]
    )


def compare_tokenizers(folder: Path, model: Path) -> Tokenizers:
    """The tokens of Transformers' tokenizer and the daemon's, in ordinary texts and around every special token."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    # What `finetune` makes rows with: what is compared here is what was trained on.
    words = Words(tokenizer)
    specials = [
        token.content
        for token in tokenizer.added_tokens_decoder.values()
        if token.special
    ]
    texts = [
        *TEXTS,
        *specials,
        *(f"안녕{special}hello {special} 끝" for special in specials),
        "".join(specials),
    ]
    faults, joined = [], 0
    for text, seen in zip(texts, scores.tokenize(model, texts), strict=True):
        laid_out = tuple(words.tokens([Piece(text, True)]))
        for way, ours, theirs in (
            ("as words", seen.plain, tuple(words.plain(text))),
            ("as a template's", seen.special, laid_out),
        ):
            fault = _parting(ours, theirs)
            if fault:
                faults.append(f"{text!r} {way}: {fault}")
        joined += (
            _once_begun(tokenizer, tuple(tokenizer(text)["input_ids"])) != laid_out
        )
    decomposed = unicodedata.normalize("NFD", TEXTS[0])
    [seen] = scores.tokenize(model, [decomposed])
    normalises = seen.plain == tuple(words.plain(decomposed))
    return Tokenizers(len(texts), tuple(faults), joined, normalises)


def _once_begun(tokenizer: Any, tokens: tuple[int, ...]) -> tuple[int, ...]:
    """Without a second token that begins the text, which Transformers puts before one that stands there."""
    bos = tokenizer.bos_token_id
    return tokens[1:] if bos is not None and tokens[:2] == (bos, bos) else tokens


def _parting(ours: tuple[int, ...], theirs: tuple[int, ...]) -> str | None:
    """Where two lists of tokens part."""
    if ours == theirs:
        return None
    pairs = zip(ours, theirs, strict=False)
    place = next(
        (place for place, (one, other) in enumerate(pairs) if one != other),
        min(len(ours), len(theirs)),
    )
    return f"the daemon has {list(ours[place : place + 4])} and Transformers {list(theirs[place : place + 4])} from token {place} on"


def table(proofs: Sequence[Proof]) -> str:
    """What was measured, as Markdown."""
    lines = [
        "| architecture | file | MB | max \\|Δ log p\\| | mean | KL | top-1 | perplexity | Transformers' |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for proof in proofs:
        lines += [
            f"| {proof.architecture} | {file.file} | {file.megabytes:g} | {file.maximum:.4f} | {file.mean:.5f} | {file.kl:.1e} | "
            f"{file.top1:.1%} | {file.perplexity:.2f} | {proof.perplexity:.2f} |"
            for file in proof.files
        ]
    return "\n".join(lines) + "\n"


class Cache:
    """What was measured before it was stopped. Nothing of it counts when the models or the data are others."""

    def __init__(self, path: Path, mark: str) -> None:
        self._path = path
        self._mark = mark
        self._files: dict[str, Any] = {}
        self._perplexity = math.nan
        try:
            kept = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return
        if kept.get("mark") == mark:
            self._files, self._perplexity = kept["files"], kept["perplexity"]

    @property
    def perplexity(self) -> float:
        """Transformers' own."""
        return self._perplexity

    @perplexity.setter
    def perplexity(self, value: float) -> None:
        self._perplexity = value
        self._save()

    def get(self, candidate: Candidate) -> Measured | None:
        """What is known of a file as it is now."""
        kept = self._files.get(self._key(candidate))
        return None if kept is None else Measured(**kept)

    def has_all(self, candidates: Sequence[Candidate]) -> bool:
        """Whether nothing is left to be measured."""
        return all(self.get(candidate) for candidate in candidates)

    def put(self, candidate: Candidate, measured: Measured) -> None:
        """Keeps what was measured."""
        self._files[self._key(candidate)] = asdict(measured)
        self._save()

    def _save(self) -> None:
        kept = {
            "mark": self._mark,
            "perplexity": self._perplexity,
            "files": self._files,
        }
        write_whole(self._path, json.dumps(kept, ensure_ascii=False, indent=1))

    @staticmethod
    def _key(candidate: Candidate) -> str:
        stamps = [
            f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}"
            for path in (candidate.model, candidate.adapter)
            if path is not None
        ]
        return " + ".join(stamps)


def _mark(trained: Trained, reading: Reading) -> str:
    """Changes when the models of Transformers or what is read have changed."""
    hashed = hashlib.sha256(repr((reading, TEXTS)).encode())
    for folder in filter(None, (trained.base, trained.adapter)):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                hashed.update(
                    f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}".encode()
                )
    return hashed.hexdigest()


def metadata(model: Path, key: str) -> Any:
    """A value of a GGUF file's header, or None."""
    from .gguf_file import opened

    field = opened(model).get_field(key)
    return None if field is None else field.contents()


def architecture(model: Path) -> str:
    """By llama.cpp's name."""
    return str(metadata(model, "general.architecture"))


def file_type(model: Path) -> str:
    """How most of its weights are stored, by llama.cpp's name."""
    from .gguf_file import opened

    number = metadata(model, "general.file_type")
    if number is None:
        # Not every architecture's converter notes it; before it is quantised, a model has its embeddings in the type of all.
        tensors = opened(model).tensors
        kind = next(
            (
                tensor.tensor_type.name
                for tensor in tensors
                if tensor.name == "token_embd.weight"
            ),
            "",
        )
    else:
        kind = FILE_TYPES.get(number, str(number))
    if kind not in FILE_TYPES.values():
        raise Problem(
            f"{model} is of a type that has no limits here ({kind or 'not said'}); quantise it to one that `quantise` knows"
        )
    return kind


def context(model: Path) -> int:
    """Tokens that the daemon lets it see: what it was trained for, at most 8,192."""
    return min(
        int(metadata(model, f"{architecture(model)}.context_length") or 2048), 8192
    )


def progress(text: str) -> None:
    """Tells whoever waits."""
    print(text, file=sys.stderr, flush=True)
