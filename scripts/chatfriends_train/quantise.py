"""Makes a GGUF file smaller, with the daemon's own llama.cpp.

Q8_0 can hardly be told from the original. Q4_K_M takes about half of that and is what most people run; `prove` says what it
costs. K-quants need rows of a multiple of 256: what has others falls back to larger types, and is named.
"""

import argparse
from pathlib import Path

from . import daemon
from .problems import readable

TYPES = (
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q5_K_S",
    "Q4_K_M",
    "Q4_K_S",
    "Q3_K_M",
    "F16",
    "BF16",
    "F32",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the step takes."""
    parser.add_argument(
        "input",
        type=Path,
        metavar="IN",
        help="a GGUF file in F32, F16 or BF16, as `convert` writes it",
    )
    parser.add_argument(
        "types",
        nargs="+",
        type=str.upper,
        choices=TYPES,
        metavar="TYPE",
        help=", ".join(TYPES),
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where the files go; otherwise beside IN",
    )


def run(arguments: argparse.Namespace) -> None:
    """Writes a file for each type that is not there yet."""
    source = readable(arguments.input, "the model")
    folder: Path = arguments.out or source.parent
    folder.mkdir(parents=True, exist_ok=True)
    for kind in arguments.types:
        quantise(source, target(source, folder, kind), kind)


def target(source: Path, folder: Path, kind: str) -> Path:
    """The name of a quantised file: `joey.F16.gguf` becomes `joey.Q8_0.gguf`."""
    stem = source.stem
    name, dot, last = stem.rpartition(".")
    if dot and last.upper() in TYPES:
        stem = name
    return folder / f"{stem}.{kind}.gguf"


def quantise(source: Path, out: Path, kind: str) -> Path:
    """Writes `source` in another type, unless a file newer than it is there; gives `out` back."""
    if out.exists() and out.stat().st_mtime >= source.stat().st_mtime:
        print(f"{out} is there already")
    else:
        print(daemon.model_command("quantize", source, out, kind), end="")
    return out
