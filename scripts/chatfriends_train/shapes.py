"""Random models at the shapes of real ones, to measure speed with: docs/BENCHMARKS.md.

They are not trained and say nothing sensible, but take as long and as much memory as the real ones. The shapes are those of
the published configurations.

    python -m chatfriends_train.shapes qwen2.5-0.5b FOLDER [--type Q4_K_M] [--adapters 4]

writes FOLDER/qwen2.5-0.5b.Q4_K_M.gguf, and FOLDER/qwen2.5-0.5b-adapter-1.gguf and so on.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from . import adapter, convert, quantise, tiny
from .files import give_name


@dataclass(frozen=True, slots=True)
class Shape:
    """An architecture of `tiny.ARCHITECTURES`, and what its configuration says in place of the tiny one."""

    architecture: str
    vocabulary: int
    changes: dict[str, Any]


SHAPES = {
    # Qwen2.5-0.5B-Instruct.
    "qwen2.5-0.5b": Shape(
        "qwen2",
        151_936,
        {
            "hidden_size": 896,
            "intermediate_size": 4864,
            "num_hidden_layers": 24,
            "num_attention_heads": 14,
            "num_key_value_heads": 2,
            "max_position_embeddings": 32_768,
            "rope_theta": 1_000_000.0,
        },
    ),
    # Polyglot-Ko-5.8B.
    "polyglot-ko-5.8b": Shape(
        "gpt-neox",
        30_080,
        {
            "hidden_size": 4096,
            "intermediate_size": 16_384,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "max_position_embeddings": 2048,
            "rotary_pct": 0.25,
        },
    ),
    # Mistral-7B-Instruct-v0.3.
    "mistral-7b": Shape(
        "mistral",
        32_768,
        {
            "hidden_size": 4096,
            "intermediate_size": 14_336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "max_position_embeddings": 32_768,
            "rope_theta": 1_000_000.0,
        },
    ),
}

# Pairs of letters that the models say.
PAIRS = 16


def make(name: str, folder: Path, kind: str, adapters: int) -> list[Path]:
    """Writes the model in this type and so many adapters for it, and says where; what is there already stays."""
    shape = SHAPES[name]
    base, f16 = folder / f"{name}-base", folder / f"{name}.F16.gguf"
    if not base.exists():
        with made_beside(base) as making:
            tiny.make(
                shape.architecture,
                making,
                dtype=torch.bfloat16,
                vocabulary=shape.vocabulary,
                # Otherwise answers would be as good as drawn by lot, whatever stands in the prompt.
                initializer_range=shape.changes["hidden_size"] ** -0.5,
                **shape.changes,
            )
            speak_letters(making)
    convert.convert(base, f16, stored="f16")
    model = quantise.target(f16, folder, kind)
    quantise.quantise(f16, model, kind)
    written = [model]
    for number in range(1, adapters + 1):
        trained = folder / f"{name}-adapter-{number}"
        out = folder / f"{trained.name}.gguf"
        if not trained.exists():
            with made_beside(trained) as making:
                tiny.make_adapter(shape.architecture, base, making, seed=number)
        adapter.adapt(base, trained, out)
        written.append(out)
    return written


@contextmanager
def made_beside(folder: Path) -> Iterator[Path]:
    """A folder beside it, which takes its place when all has been written."""
    making = folder.with_name(folder.name + ".part")
    shutil.rmtree(making, ignore_errors=True)
    yield making
    give_name(making, folder)


def speak_letters(base: Path) -> None:
    """Makes a few letters the only tokens that are ever likely, so that a reply's text becomes the same tokens when it is read in the next
    prompt, as words of a real model do. Of other random weights most replies are halves of characters, and little of them is known again."""
    said = letters_apart(transformers.AutoTokenizer.from_pretrained(base), 2 * PAIRS)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        base, torch_dtype=torch.bfloat16
    )
    with torch.no_grad():
        weight = model.get_output_embeddings().weight
        likely = weight[said[:PAIRS]].clone()
        # Small, not nothing: with tied weights it is the tokens' embedding, too.
        weight.mul_(0.01)
        # Of a row and its negative one is always above zero.
        weight[said[:PAIRS]], weight[said[PAIRS:]] = likely, -likely
    model.save_pretrained(base)


def letters_apart(
    tokenizer: transformers.PreTrainedTokenizerBase, count: int
) -> list[int]:
    """So many tokens of one letter each, of which no two become another token where they stand together."""
    chosen: list[int] = []

    def stay(*tokens: int) -> bool:
        text = "\n" + "".join(tokenizer.decode([token]) for token in tokens)
        read = tokenizer.encode(text, add_special_tokens=False)
        return tuple(read[-len(tokens) :]) == tokens

    for token in range(len(tokenizer)):
        letter = tokenizer.decode([token])
        if len(letter) != 1 or not letter.isalpha() or not stay(token):
            continue
        if all(stay(token, other) and stay(other, token) for other in [*chosen, token]):
            chosen.append(token)
        if len(chosen) == count:
            return chosen
    raise ValueError(f"only {len(chosen)} letters stay apart in {tokenizer}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Writes a random model at the shape of a real one."
    )
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--type", default="Q4_K_M", choices=quantise.TYPES)
    parser.add_argument(
        "--adapters", type=int, default=0, help="how many LoRA adapters for it"
    )
    arguments = parser.parse_args()
    for path in make(
        arguments.shape, arguments.folder, arguments.type, arguments.adapters
    ):
        print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
