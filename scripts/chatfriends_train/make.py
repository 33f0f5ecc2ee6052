"""All of it: your data go in, and a persona comes out that answers in the daemon.

  chatfriends-train make nari --from friends talks.txt --preset qwen3-4b --as merged --out work/nari

The stages are prepare, finetune, then adapter, or merge, convert and quantise, then prove, and at last the persona's file is
written where the daemon looks for it (config/personas in the clone, unless `personas.path` says otherwise) and `chatfriends check`
looks at it. What is done and has not changed is not done again; what you change in --out by hand counts.
"""

import argparse
import json
import math
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from . import daemon, dialogue, options, persona, prepare, preset, quantise
from .daemon import CHECKOUT
from .files import refuse_foreign, write_whole
from .persona import Language
from .prepare.text import is_korean
from .problems import Problem
from .resources import NotEnoughMemory
from .stamp import Stamps

# What needs torch is imported where it is used, so that `--help` asks for no package.
if TYPE_CHECKING:
    from .finetune import Plan

Form = Literal["adapter", "merged"]

# Up to this size of a 16-bit file, Q8_0 fits beside a conversation on most machines; above, Q4_K_M is what most people run.
LARGEST_FOR_Q8 = 8 << 30
# personas/src/parse.rs
MOST_FACTS = 10_000
MODELS = CHECKOUT / "models"
"""Where bases lie that several personas share."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The step's options."""
    parser.add_argument(
        "persona",
        metavar="PERSONA",
        help="id: a shipped persona, one of yours, or a new one",
    )
    parser.add_argument(
        "--from",
        dest="kind",
        required=True,
        choices=persona.SYSTEMS,
        help="what the data are, as in `prepare`",
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        type=options.path,
        metavar="INPUT",
        help="files with your data",
    )
    parser.add_argument(
        "--speaker",
        metavar="NAME",
        help="the persona's name in transcripts, where it is not that of its file",
    )
    parser.add_argument(
        "--mask",
        action="store_true",
        help="put words such as [phone] in the place of personal data",
    )
    preset.add_arguments(parser)
    parser.add_argument(
        "--as",
        dest="form",
        required=True,
        choices=get_args(Form),
        help="a small file beside the base, or a model of its own",
    )
    parser.add_argument(
        "--out",
        type=options.path,
        required=True,
        metavar="DIR",
        help="where everything is kept, the model too",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be made."""

    persona: str
    kind: str
    inputs: tuple[Path, ...]
    speaker: str | None = None
    """The persona's name in transcripts; otherwise that of its file."""
    mask: bool = False
    """Whether personal data are masked."""
    preset: str
    base: str | None = None
    form: Form
    out: Path


@dataclass(frozen=True, slots=True)
class Files:
    """What the persona answers with."""

    model: Path
    adapter: Path | None


def run(arguments: argparse.Namespace) -> None:
    """The step as a command."""
    order = Order(
        persona=arguments.persona,
        kind=arguments.kind,
        inputs=tuple(arguments.inputs),
        speaker=arguments.speaker,
        mask=arguments.mask,
        preset=arguments.preset,
        base=arguments.base,
        form=arguments.form,
        out=arguments.out,
    )
    print(make(order))


def make(order: Order) -> Path:
    """Goes through all stages; gives back the persona's file."""
    if not re.fullmatch(r"[a-z0-9_-]{1,32}", order.persona):
        raise Problem(
            f"{order.persona!r} is no id of a persona: it takes a-z, 0-9, _ and -, at most 32 of them"
        )
    settings = preset.load(order.preset)
    # Both are needed at the end, and an hour of training later is too late to hear it.
    daemon.program()
    stamps = _claimed(order)
    _say(f"{order.persona} will be {_installed(order.persona)}")

    data = _prepared(order, stamps, settings.max_length)
    source = _persona_file(order, data)
    who = persona.of_file(order.persona, source)
    _refuse_unsettable(source)
    from .finetune import Plan

    plan = Plan.of(order.preset, data, order.out / "tuned", order.base)
    plan = replace(plan, find_persona=lambda _: who)
    adapter = _tuned(plan, stamps)
    choices = (
        _adapter(order, plan, adapter, stamps)
        if order.form == "adapter"
        else _merged(order, plan, adapter, stamps)
    )
    files = _proven(order, plan, adapter, choices, stamps)
    path = _install(order, source, files, settings.template)
    _check(path)
    return path


def _claimed(order: Order) -> Stamps:
    """The stamps of the folder. Raises `Problem` where it holds something else, or another persona's work."""
    refuse_foreign(order.out, "stamps")
    stamps = Stamps(order.out / "stamps")
    owner = stamps.folder / "persona"
    if not owner.exists():
        write_whole(owner, order.persona + "\n")
    of = owner.read_text("utf-8").strip()
    if of != order.persona:
        raise Problem(
            f"{order.out} holds the work on {of}; give {order.persona} a folder of its own with --out"
        )
    return stamps


def _prepared(order: Order, stamps: Stamps, limit: int) -> Path:
    """Training data."""
    path = persona.path_of(order.persona)
    known = persona.document_of(path) if path else {}
    speaker = order.speaker
    if order.kind == "friends":
        speaker = speaker or known.get("name") or persona.name_of(order.persona)
    elif speaker:
        raise Problem(
            f"--speaker is a name in transcripts and chats; {order.kind} data have none"
        )
    work = prepare.Preparation(
        kind=order.kind,
        inputs=order.inputs,
        persona=order.persona,
        out=order.out / "data",
        speaker=speaker,
        mask=order.mask,
        limit=limit,
    )
    stamps.stage(
        "prepare",
        {f"file {number}": one for number, one in enumerate(order.inputs, 1)},
        [
            work.kind,
            work.persona,
            work.speaker,
            work.mask,
            # It parts talk; rows of other kinds are only named where they are longer.
            *([work.limit] if order.kind == "friends" else []),
        ],
        work.out,
        lambda: print(prepare.prepare(work).short(work.out)),
    )
    return work.out


def _persona_file(order: Order, data: Path) -> Path:
    """The persona's file as it stands, or a draft that is kept beside the work."""
    path = persona.path_of(order.persona)
    if path:
        return path
    path = order.out / f"{order.persona}.toml"
    if not path.is_file():
        facts = _facts(data) if order.kind == "campus" else []
        languages = _languages(data)
        write_whole(path, persona.draft(order.persona, order.kind, languages, facts))
        _say(f"{order.persona} is new; {path} says who it is")
    return path


def _facts(data: Path) -> list[str]:
    """What the data know: each question with its answer, since an answer ("On floor 2.") seldom says what it is about."""
    found = (
        " ".join(f"{asked.content} {answer.content}".split())
        for split in ("train", "validation", "test")
        for one in dialogue.read(data / f"{split}.jsonl")
        for asked, answer in zip(one.turns[::2], one.turns[1::2], strict=True)
    )
    facts = list(dict.fromkeys(found))
    if len(facts) > MOST_FACTS:
        _say(
            f"a persona holds {MOST_FACTS} facts; the first of {len(facts)} answers become some"
        )
    return facts[:MOST_FACTS]


def _languages(data: Path) -> list[Language]:
    """The languages of the persona's replies, the more frequent first; less than a twentieth does not count."""
    replies = [
        turn.content
        for one in dialogue.read(data / "train.jsonl")
        for turn in one.turns
        if turn.role == "assistant"
    ]
    korean = sum(map(is_korean, replies))
    counts: list[tuple[int, Language]] = [(korean, "ko"), (len(replies) - korean, "en")]
    return [
        language
        for count, language in sorted(counts, reverse=True)
        if 20 * count >= len(replies)
    ]


def _tuned(plan: "Plan", stamps: Stamps) -> Path:
    """The adapter as PEFT has it."""
    from .finetune import finetune, record

    needed = record(plan, plan.base_folder())
    stamps.stage("finetune", {}, needed, plan.out, lambda: finetune(plan))
    return plan.out / "adapter"


def _adapter(order: Order, plan: "Plan", tuned: Path, stamps: Stamps) -> list[Files]:
    """The adapter as a GGUF, for a base model as one."""
    from . import adapter, base, from_gguf

    out = order.out / f"{order.persona}-lora.gguf"
    folder = plan.base_folder()
    stamps.stage(
        "adapter",
        {"adapter": tuned},
        base.fingerprint(folder),
        out,
        lambda: adapter.adapt(folder, tuned, out),
    )
    whole = from_gguf.STARTER if plan.base == "starter" else _shared(plan.base, folder)
    return [Files(whole, out)]


def _shared(name: str, folder: Path) -> Path:
    """The base as it will run: one file for all personas on it, known by what it was made from."""
    from . import convert

    source = convert.Source(folder)
    weights = sum(math.prod(one.shape) for one in source.weights.tensors.values())
    called = re.sub(r"[^\w.-]+", "-", Path(name).name) or "base"
    whole = MODELS / f"{called}-{source.fingerprint('auto')[:12]}.F16.gguf"
    out = quantise.target(whole, MODELS, _type(2 * weights))
    if out.is_file():
        _say(f"the base {out} is there already")
        return out
    _say("convert the base")
    convert.convert(folder, whole)
    # The name says what it was made from; nothing beside it needs to.
    quantise.write(whole, out, _type(2 * weights))
    whole.unlink()
    return out


def _merged(order: Order, plan: "Plan", tuned: Path, stamps: Stamps) -> list[Files]:
    """A model of its own: quantised, and as it was before, for the case that this loses too much."""
    from . import base, convert, merge

    folder, whole = order.out / "merged", order.out / f"{order.persona}.F16.gguf"
    source = plan.base_folder()
    stamps.stage(
        "merge",
        {"adapter": tuned},
        base.fingerprint(source),
        folder,
        lambda: merge.merge(source, tuned, folder),
    )
    stamps.stage(
        "convert",
        {"model": folder},
        None,
        whole,
        lambda: convert.convert(folder, whole),
    )
    kind = _type(whole.stat().st_size)
    out = quantise.target(whole, whole.parent, kind)
    stamps.stage(
        "quantise",
        {"model": whole},
        kind,
        out,
        lambda: quantise.quantise(whole, out, kind),
    )
    return [Files(out, None), Files(whole, None)]


def _type(size: int) -> str:
    """What a model runs as whose 16-bit file has that many bytes."""
    return "Q8_0" if size <= LARGEST_FOR_Q8 else "Q4_K_M"


def _proven(
    order: Order, plan: "Plan", tuned: Path, choices: Sequence[Files], stamps: Stamps
) -> Files:
    """The first of these, the smallest before larger ones, that is what was trained. Raises `Problem` where none is."""
    from .prove import Candidate, HeldOut, Trained, prove

    # A handful of groups leaves none for the test.
    test, validation = plan.data / "test.jsonl", plan.data / "validation.jsonl"
    data = test if next(dialogue.read(test), None) else validation
    template = plan.preset.template or None
    out = order.out / "proof"
    trained = Trained(plan.base_folder(), tuned)
    held_out = HeldOut(data, template, plan.find_persona)
    candidates = [Candidate(one.model, one.adapter) for one in choices]

    def work() -> None:
        for count in range(1, len(choices) + 1):
            proof = prove(trained, held_out, candidates[:count], out)
            lost = proof.files[-1].faults(proof.perplexity)
            if not lost or proof.tokenizers.faults:
                break
            if count < len(choices):
                _say(f"{'; '.join(lost)}; taking {choices[count].model}")
        if lost or proof.tokenizers.faults:
            proof.check()

    inputs = {"adapter": tuned, "data": data}
    for one in choices:
        inputs |= {
            path.name: path for path in (one.model, one.adapter) if path is not None
        }
    try:
        stamps.stage("prove", inputs, template, out, work)
    except NotEnoughMemory as problem:
        _say(
            f"{problem}; what was made is not proven: run `{_by_hand(plan, tuned, choices, out)}` on a larger machine"
        )
        return choices[0]
    # As many were measured as it took.
    measured = json.loads((out / "proof.json").read_text("utf-8"))["files"]
    return choices[len(measured) - 1]


def _by_hand(plan: "Plan", tuned: Path, choices: Sequence[Files], out: Path) -> str:
    """The command that proves them."""
    small, *larger = choices
    if small.adapter is not None:
        files = ["--base-gguf", small.model, "--adapter-gguf", small.adapter]
    else:
        files = ["--merged", *(one.model for one in larger), "--quantised", small.model]
    named = ["--base", plan.base, "--adapter", tuned, *files]
    if plan.preset.template:
        named += ["--template", plan.preset.template]
    named += ["--data", plan.data, "--out", out]
    return shlex.join(["chatfriends-train", "prove", *map(str, named)])


def _installed(identity: str) -> Path:
    """Where the daemon looks for the persona's file."""
    return persona.own_folder() / f"{identity}.toml"


def _refuse_unsettable(source: Path) -> None:
    """The persona's file gets a model at the end, and an hour of training later is too late to hear that it cannot."""
    changes = dict.fromkeys(("model", "adapter", "template"), "…")
    persona.with_model(persona.text_of(source), changes, str(source))


def _install(order: Order, source: Path, files: Files, template: str) -> Path:
    """Writes the persona's file."""
    path = _installed(order.persona)
    text = persona.text_of(source)
    path.parent.mkdir(parents=True, exist_ok=True)
    changes = {
        "model": _from_checkout(files.model),
        "adapter": _from_checkout(files.adapter) if files.adapter else None,
        # A model that has none of its own was trained with this one, and a file made from it may carry another.
        "template": template or None,
    }
    write_whole(path, persona.with_model(text, changes, str(source)))
    return path


def _from_checkout(path: Path) -> str:
    """A path as the daemon takes it, which is started in the checkout's root."""
    whole = path.resolve()
    return str(whole.relative_to(CHECKOUT) if whole.is_relative_to(CHECKOUT) else whole)


def _check(path: Path) -> None:
    """Lets the daemon look at the persona. Raises `Problem` with what it finds fault with; other faults are told and let pass."""
    done = subprocess.run(
        [daemon.program(), "check"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    lines = (done.stdout + done.stderr).splitlines()
    mine = [line for line in lines if f" persona {path.stem}: " in line]
    for line in mine:
        print(line, file=sys.stderr)
    if any(line.startswith("ok ") for line in mine):
        if done.returncode:
            _say("`chatfriends check` finds fault with something else; look at it")
        return
    faults = "\n".join(line for line in lines if not line.startswith("ok "))
    raise Problem(
        f"{path} is written, and `chatfriends check` is not content with it:\n{faults}"
        if mine or str(path.name) in faults
        else f"{path} is written, and `chatfriends check` does not know {path.stem}: it looks for personas elsewhere, or cannot read its "
        f"settings; set [personas] path\n{faults}"
    )


def _say(words: str) -> None:
    print(f"make: {words}", file=sys.stderr)
