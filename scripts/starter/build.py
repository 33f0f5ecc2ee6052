"""Makes the starter model: `python -m starter.build --minutes 60`, or with a process for each of two cores
`torchrun --nproc-per-node 2 -m starter.build --minutes 60`.

Steps: learn a tokenizer from generated dialogues, train, write personas/starter/starter.gguf, and measure that very file
with the held-out questions. Work files go to `--work`, outside the repository.
"""

import argparse
import itertools
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from random import Random

from . import lexicon
from .data import Source
from .paths import STARTER

VOCABULARY = 8192


def tokenizer_texts(seed: int, dialogues: int):
    """Dialogues, and lines of made-up Korean words, so that every common syllable becomes a token of its own and can be copied."""
    yield from itertools.islice(Source(seed).texts(), dialogues)
    random = Random(seed)
    for _ in range(dialogues // 6):
        yield " ".join(lexicon.syllables_ko(random, 1, 3) for _ in range(6))


def main() -> None:
    """Runs the steps."""
    parser = argparse.ArgumentParser(description="Makes the starter model.")
    parser.add_argument("--minutes", type=float, default=60, help="training time, minutes of wall time")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "chatfriends-starter", help="folder for work files")
    parser.add_argument("--output", type=Path, default=STARTER)
    begun = parser.add_mutually_exclusive_group()
    begun.add_argument("--resume", type=Path, metavar="WEIGHTS", help="go on from these, with the tokenizer in --work; take another --seed than before")
    begun.add_argument("--grow", type=Path, metavar="GGUF", help="begin with what a starter of the same width knows, in a new tokenizer and more layers")
    begun.add_argument("--go-on", type=Path, metavar="GGUF", help="go on with a starter's file, its shape and its tokenizer; take another --seed than before")
    begun.add_argument("--export", type=Path, metavar="WEIGHTS", help="only write and measure these, with the tokenizer in --work")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    import torch

    from . import evaluate, gguf_file, grow, induction, lookup, tokenizer, train
    from .model import Shape, Starter

    together = train.Together()
    started = time.time()
    tokenizer_path = arguments.work / "tokenizer.json"
    if together.rank == 0 and arguments.go_on:
        gguf_file.read(arguments.go_on)[1].save(str(tokenizer_path))
    elif together.rank == 0 and not (arguments.resume or arguments.export):
        tokenizer.train(tokenizer_texts(arguments.seed + 1, 60_000), VOCABULARY).save(str(tokenizer_path))
    together.wait()
    words = tokenizer.load(tokenizer_path)
    print(f"tokenizer: {words.get_vocab_size()} tokens, {time.time() - started:.0f} s", flush=True)

    torch.manual_seed(arguments.seed)
    model = gguf_file.read(arguments.go_on)[0] if arguments.go_on else Starter(Shape(words.get_vocab_size()))
    weights = arguments.export or arguments.resume
    if weights:
        model.load_state_dict(torch.load(weights))
    elif arguments.grow:
        grow.carry(*gguf_file.read(arguments.grow), model, words)
    elif not arguments.go_on:
        sample = train.encode(words, lookup.continuations(Random(arguments.seed))).tokens[:200]
        induction.wire(model, torch.tensor([sample]))
    print(f"model: {sum(parameter.numel() for parameter in model.parameters()) / 1e6:.2f} M parameters", flush=True)
    if not arguments.export:
        recipe = train.GOING_ON if arguments.resume or arguments.go_on else train.Recipe()
        recipe = replace(recipe, minutes=arguments.minutes, seed=arguments.seed)
        train.train(model, words, recipe, arguments.work / "weights.pt", together)
    if together.rank:
        return
    gguf_file.write(model, words, arguments.output)
    print(f"wrote {arguments.output} ({arguments.output.stat().st_size / 1e6:.2f} MB) after {(time.time() - started) / 60:.1f} min", flush=True)
    print(evaluate.table(evaluate.measure(arguments.output)))


if __name__ == "__main__":
    main()
