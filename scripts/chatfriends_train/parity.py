"""Proves the whole chain on a tiny model of every architecture and writes docs/PARITY.md and scripts/parity.json.

Base and adapter → merged → GGUF → quantised, and base GGUF with adapter GGUF, each measured by `prove`. Run it after a change of
llama.cpp, of the converter's version or of Transformers; what is already there is not made again.

    python -m chatfriends_train.parity FOLDER [ARCHITECTURE...]
"""

import json
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from . import adapter, convert, dialogue, merge, prove, quantise, tiny
from .converter import PACKAGE, VERSION
from .daemon import CHECKOUT
from .dialogue import Dialogue, Source, Turn
from .files import write_whole
from .problems import Problem
from .prove import Candidate, HeldOut, Proof, Trained

QUANTISED = ("F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M")
DOCUMENT = CHECKOUT / "docs" / "PARITY.md"
FIGURES = CHECKOUT / "scripts" / "parity.json"
INTRODUCTION = f"""# Parity: what is trained, and what answers

Made by `python -m chatfriends_train.parity FOLDER`: random models of every architecture (hidden size {tiny.HIDDEN}, 2 layers,
{tiny.VOCABULARY} tokens) with random LoRA adapters go through `merge`, `convert`, `adapter` and `quantise`. What the daemon's engine then
computes on the processor is compared with Transformers, which has base and adapter and computes with 32 bits.

Transformers {{transformers}}, PEFT {{peft}}, torch {{torch}}; the converter of {PACKAGE} {VERSION}. The figures are also in `scripts/parity.json`.

The models are not trained: their perplexities say nothing by themselves, only how they differ from Transformers', and with no favourite token
their top-1 changes easily. What a trained model loses, `prove` says for that model.

- **max |Δ log p|**, **mean**: differences of the next token's log-probability in nats, over the whole vocabulary, at {{places}} places of
  held-out dialogues. **KL**: the mean divergence of the engine's distribution from Transformers'. **top-1**: the share of places where
  both find the same token most likely. **perplexity**: of the replies, by token; Transformers' beside it.
- `F32 + adapter`: the base as GGUF with the adapter as GGUF, as a persona's `adapter` names it. The others are merged.
- The engine's cache has 16 bits, which is most of the difference at F32: Mamba, which has no such cache, differs by next to nothing.

"""
LIMITS = """
## Limits

`chatfriends-train prove` fails above them: three times what was measured here at most, and ten times for F32, F16 and BF16, since rounding
adds up over the layers of real models. An adapter that is not applied changed log-probabilities by 0.7 nats and more and divergence by 5e-3 and
more, one with a wrong scale log-probabilities by 1.7. Such a mistake is found in the merged file before that is quantised.

| file | max \\|Δ log p\\| | KL | perplexity |
|---|--:|--:|--:|
"""
TOKENIZERS = """
## Tokens

Korean, English, digits, emoji with joiners and skin tones, white space, and every special token between words: each as somebody's words, in
which special tokens are text, and as a template's. All must be those of Transformers' tokenizer, run by run between special tokens.

- **NFD**: whether decomposed Hangul gets the tokens that Transformers gives it. Where not, Transformers composes it and llama.cpp does
  not; the daemon composes everything that people write before the engine sees it.
- **joined**: of these texts, how many Transformers sees otherwise when template and words are tokenized in one piece. SentencePiece in
  llama.cpp puts a space before every run, Transformers' fast tokenizer before the first, and only where none stands. `finetune` lays
  rows out as the daemon lays out prompts, so a model is trained on what it will see.

| architecture | texts | differ | NFD | joined |
|---|--:|--:|---|--:|
"""


def main() -> None:
    """Proves what was asked for, or everything; writes the table only when nothing is left out."""
    out, *asked = sys.argv[1:]
    proofs: dict[str, Proof] = {}
    for name in asked or tiny.ARCHITECTURES:
        proofs[name] = prove_architecture(name, Path(out) / name)
        print(prove.table([proofs[name]]))
    if not asked:
        write_whole(FIGURES, figures(proofs))
        write_whole(DOCUMENT, document(proofs))
    faults = [
        f"{name}: {fault}" for name, proof in proofs.items() for fault in proof.faults()
    ]
    if faults:
        sys.exit("\n".join(faults))


def prove_architecture(
    name: str, folder: Path, quantised: Sequence[str] = QUANTISED
) -> Proof:
    """One architecture through every step, and its merged file in these types."""
    base, trained, merged = folder / "base", folder / "adapter", folder / "merged"
    if not trained.exists():
        tiny.make_adapter(name, tiny.make(name, base), trained)
    merge.merge(base, trained, merged)
    base_file, merged_file, adapter_file = (
        folder / file for file in ("base.F32.gguf", "merged.F32.gguf", "adapter.gguf")
    )
    convert.convert(base, base_file, stored="f32")
    convert.convert(merged, merged_file, stored="f32")
    candidates = [Candidate(merged_file)]
    try:
        adapter.adapt(base, trained, adapter_file)
        candidates.append(Candidate(base_file, adapter_file))
    except Problem as problem:
        prove.progress(f"{name} has no adapter file: {problem}")
    candidates += [
        Candidate(
            quantise.quantise(
                merged_file, quantise.target(merged_file, folder, kind), kind
            )
        )
        for kind in quantised
    ]
    data = folder / "test.jsonl"
    dialogue.write(data, dialogues())
    return prove.prove(Trained(base, trained), HeldOut(data), candidates, folder)


def dialogues() -> Sequence[Dialogue]:
    """The examples of the shipped personas, Korean and English."""
    found = []
    for path in sorted((CHECKOUT / "personas" / "library").glob("*.toml")):
        for row, example in enumerate(
            tomllib.loads(path.read_text("utf-8")).get("example", []), 1
        ):
            turns = (
                Turn("user", example["person"].strip()),
                Turn("assistant", example["reply"].strip()),
            )
            found.append(
                Dialogue(path.stem, f"{path.stem}/{row}", turns, Source(path.name, row))
            )
    return found


def figures(proofs: dict[str, Proof]) -> str:
    """For programs."""
    return (
        json.dumps(
            {name: asdict(proof) for name, proof in proofs.items()},
            ensure_ascii=False,
            indent=2,
        )
        + "\n"
    )


def document(proofs: dict[str, Proof]) -> str:
    """For people."""
    places = {proof.places for proof in proofs.values()}
    text = INTRODUCTION.format(
        places=" or ".join(str(count) for count in sorted(places)),
        **{package: version(package) for package in ("transformers", "peft", "torch")},
    )
    lines = [
        "| architecture | file | MB | max \\|Δ log p\\| | mean | KL | top-1 | perplexity | Transformers' |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [row for name, proof in proofs.items() for row in rows(name, proof)]
    limits = [
        f"| {kind} | {limit.maximum:g} | {limit.kl:g} | × {limit.perplexity:g} |"
        for kind, limit in prove.LIMITS.items()
    ]
    tokens = [
        f"| {name} | {it.texts} | {len(it.faults)} | {'the same' if it.normalises else 'differs'} | {it.joined} |"
        for name, proof in proofs.items()
        for it in (proof.tokenizers,)
    ]
    return (
        text
        + "\n".join(lines)
        + "\n"
        + LIMITS
        + "\n".join(limits)
        + "\n"
        + TOKENIZERS
        + "\n".join(tokens)
        + "\n"
    )


def rows(name: str, proof: Proof) -> list[str]:
    """An architecture's part of the table."""
    return [
        f"| {name} | {file.type}{' + adapter' if '+' in file.file else ''} | {file.megabytes:g} | {file.maximum:.4f} | {file.mean:.5f} | "
        f"{file.kl:.1e} | {file.top1:.1%} | {file.perplexity:.1f} | {proof.perplexity:.1f} |"
        for file in proof.files
    ]


if __name__ == "__main__":
    main()
