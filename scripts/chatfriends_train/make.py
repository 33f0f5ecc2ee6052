"""All of it: your data go in, and a persona comes out that answers in the daemon.

  chatfriends-train make nari --from friends talks.txt --preset qwen3-4b --as merged --out work/nari

The stages are prepare, finetune, then adapter, or merge, convert and quantise, then prove, and at last the persona's file is
written into config/personas and `chatfriends check` looks at it. What is done and has not changed is not done again.
"""

import argparse
import re
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from . import daemon, dialogue, finetune, from_gguf, persona, prepare, preset
from .card import PACKAGES, versions
from .persona import CHECKOUT, Language, Persona
from .problems import Problem, readable
from .resources import NotEnoughMemory
from .stamp import Stamps

Form = Literal["adapter", "merged"]

# Up to this size of a 16-bit file, Q8_0 fits beside a conversation on most machines; above, Q4_K_M is what most people run.
LARGEST_FOR_Q8 = 8 << 30


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
        "inputs", nargs="+", type=Path, metavar="INPUT", help="files with your data"
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
        type=Path,
        required=True,
        metavar="DIR",
        help="where everything is kept, the model too",
    )


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made."""

    persona: str
    kind: str
    inputs: tuple[Path, ...]
    preset: str
    base: str | None
    form: Form
    out: Path


@dataclass(frozen=True, slots=True)
class Files:
    """What the persona answers with."""

    model: Path
    adapter: Path | None


def run(arguments: argparse.Namespace) -> None:
    """The step as a command."""
    print(
        make(
            Order(
                arguments.persona,
                arguments.kind,
                tuple(arguments.inputs),
                arguments.preset,
                arguments.base,
                arguments.form,
                arguments.out,
            )
        )
    )


def make(order: Order) -> Path:
    """Goes through all stages; gives back the persona's file."""
    if not re.fullmatch(r"[a-z0-9_-]{1,32}", order.persona):
        raise Problem(
            f"{order.persona!r} is no id of a persona: it takes a-z, 0-9, _ and -, at most 32 of them"
        )
    for path in order.inputs:
        readable(path, "the file")
    settings = preset.load(order.preset)
    # Both are needed at the end, and an hour of training later is too late to hear it.
    daemon.program()
    stamps = Stamps(order.out / "stamps")

    data = _prepared(order, stamps, settings.max_length)
    text = _persona_text(order, data)
    who = persona.of_document(
        order.persona, persona.parse(text, order.persona), order.persona
    )
    plan = finetune.Plan.of(order.preset, data, order.out / "tuned", order.base)
    plan = replace(plan, find_persona=lambda _: who)
    adapter = _tuned(plan, who, stamps)
    files = (
        _adapter(order, plan, adapter, stamps)
        if order.form == "adapter"
        else _merged(order, plan, adapter, stamps)
    )
    _prove(order, plan, adapter, files, stamps)
    path = _install(order, text, files, settings.template)
    _check(path)
    return path


def _prepared(order: Order, stamps: Stamps, limit: int) -> Path:
    """Training data."""
    data = order.out / "data"
    path = persona.path_of(order.persona)
    known = persona.parse(path.read_text("utf-8"), str(path)) if path else {}
    work = argparse.Namespace(
        kind=order.kind,
        inputs=list(order.inputs),
        persona=order.persona,
        out=data,
        speaker=known.get("name") or persona.name_of(order.persona),
        mask=False,
        limit=limit,
    )
    stamps.stage(
        "prepare",
        order.inputs,
        [order.kind, order.persona, work.speaker],
        [data],
        lambda: prepare.run(work),
    )
    return data


def _persona_text(order: Order, data: Path) -> str:
    """The persona's file as it stands, or a draft that is kept beside the work."""
    path = persona.path_of(order.persona)
    if path:
        return path.read_text("utf-8")
    path = order.out / f"{order.persona}.toml"
    if not path.is_file():
        path.write_text(
            persona.draft(order.persona, order.kind, _languages(data)), encoding="utf-8"
        )
        print(f"make: {order.persona} is new; {path} says who it is", file=sys.stderr)
    return path.read_text("utf-8")


def _languages(data: Path) -> list[Language]:
    """The languages of the persona's replies, the more frequent first; less than a twentieth does not count."""
    replies = [
        turn.content
        for one in dialogue.read(data / "train.jsonl")
        for turn in one.turns
        if turn.role == "assistant"
    ]
    korean = sum(bool(re.search("[가-힣]", reply)) for reply in replies)
    counts: list[tuple[int, Language]] = [(korean, "ko"), (len(replies) - korean, "en")]
    return [
        language
        for count, language in sorted(counts, reverse=True)
        if 20 * count >= len(replies)
    ]


def _tuned(plan: finetune.Plan, who: Persona, stamps: Stamps) -> Path:
    """The adapter as PEFT has it."""
    needed = {
        "preset": asdict(plan.preset),
        "base": plan.base,
        "persona": asdict(who),
        "versions": {
            name: version for name, version in versions().items() if name in PACKAGES
        },
    }
    data = [plan.data / "train.jsonl", plan.data / "validation.jsonl"]
    stamps.stage("finetune", data, needed, [plan.out], lambda: finetune.finetune(plan))
    return plan.out / "adapter"


def _adapter(order: Order, plan: finetune.Plan, tuned: Path, stamps: Stamps) -> Files:
    """The adapter as a GGUF, beside the base model as one."""
    from . import adapter, convert

    out = order.out / f"{order.persona}-lora.gguf"
    base = plan.base_folder()
    stamps.stage(
        "adapter", [tuned], plan.base, [out], lambda: adapter.adapt(base, tuned, out)
    )
    if plan.base == "starter":
        return Files(from_gguf.STARTER, out)
    whole = order.out / "base.F16.gguf"
    stamps.stage(
        "convert the base",
        [base],
        plan.base,
        [whole],
        lambda: convert.convert(base, whole),
    )
    return Files(_quantised(whole, stamps), out)


def _merged(order: Order, plan: finetune.Plan, tuned: Path, stamps: Stamps) -> Files:
    """A model of its own."""
    from . import convert, merge

    folder, whole = order.out / "merged", order.out / f"{order.persona}.F16.gguf"
    base = plan.base_folder()
    stamps.stage(
        "merge", [tuned], plan.base, [folder], lambda: merge.merge(base, tuned, folder)
    )
    stamps.stage(
        "convert", [folder], None, [whole], lambda: convert.convert(folder, whole)
    )
    return Files(_quantised(whole, stamps), None)


def _quantised(whole: Path, stamps: Stamps) -> Path:
    """The model as it will run."""
    from . import quantise

    kind = "Q8_0" if whole.stat().st_size <= LARGEST_FOR_Q8 else "Q4_K_M"
    out = quantise.target(whole, whole.parent, kind)
    stamps.stage(
        f"quantise {whole.stem}",
        [whole],
        kind,
        [out],
        lambda: quantise.quantise(whole, out, kind),
    )
    return out


def _prove(
    order: Order, plan: finetune.Plan, tuned: Path, files: Files, stamps: Stamps
) -> None:
    """Raises `Problem` where what the daemon will run is not what was trained."""
    from . import prove

    # A handful of groups leaves none for the test.
    test, validation = plan.data / "test.jsonl", plan.data / "validation.jsonl"
    data = test if next(dialogue.read(test), None) else validation
    made = [files.model, *filter(None, [files.adapter])]
    try:
        stamps.stage(
            "prove",
            [tuned, data, *made],
            plan.preset.template,
            [order.out / "proof"],
            lambda: prove.prove(
                plan.base_folder(),
                tuned,
                [prove.Candidate(files.model, files.adapter)],
                data,
                order.out / "proof",
                plan.preset.template or None,
                plan.find_persona,
            ).check(),
        )
    except NotEnoughMemory as problem:
        print(
            f"make: {problem}; what was made is not proven: run `chatfriends-train prove` on a larger machine",
            file=sys.stderr,
        )


def _install(order: Order, text: str, files: Files, template: str) -> Path:
    """Writes the persona's file where the daemon looks for it."""
    path = persona.own_folder() / f"{order.persona}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    changes = {
        "model": _from_checkout(files.model),
        "adapter": _from_checkout(files.adapter) if files.adapter else None,
        # A model that has none of its own was trained with this one, and a file made from it may carry another.
        "template": template or None,
    }
    partial = path.with_name(path.name + ".part")
    partial.write_text(persona.with_model(text, changes, str(path)), encoding="utf-8")
    partial.replace(path)
    return path


def _from_checkout(path: Path) -> str:
    """A path as the daemon takes it, which is started in the checkout's root."""
    whole = path.resolve()
    return str(whole.relative_to(CHECKOUT) if whole.is_relative_to(CHECKOUT) else whole)


def _check(path: Path) -> None:
    """Lets the daemon look at everything. Raises `Problem` with its faults."""
    done = subprocess.run(
        [daemon.program(), "check"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    lines = (done.stdout + done.stderr).splitlines()
    mine = [line for line in lines if f"persona {path.stem}" in line]
    print("\n".join(mine), file=sys.stderr)
    if done.returncode:
        faults = "\n".join(line for line in lines if not line.startswith("ok"))
        raise Problem(
            f"{path} is written, and `chatfriends check` is not content:\n{faults}"
        )
