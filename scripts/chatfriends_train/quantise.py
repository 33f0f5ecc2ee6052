"""Makes a GGUF file smaller, with the daemon's own llama.cpp.

Q8_0 can hardly be told from the original. Q4_K_M takes about half of that and is what most people run; `prove` says what it
costs. K-quants need rows of a multiple of 256: what has others falls back to larger types, and is named.
"""

import argparse
import json
from pathlib import Path

from . import daemon, options
from .files import read_object, write_whole
from .problems import Problem, readable

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
        type=options.path,
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
        type=options.path,
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
    """Writes `source` in another type, unless that was done before; gives `out` back.

    FILE.source beside it tells what it was made of. Raises `Problem` where `out` is none of this step's.
    """
    note = out.with_name(out.name + ".source")
    # Where it is the source itself, the daemon refuses.
    if out.exists() and not out.samefile(source):
        if not note.exists():
            raise Problem(
                f"{out} is there already, and `quantise` has not made it; remove it or name another --out"
            )
        if read_object(note) == _marks(source, out):
            print(f"{out} is there already")
            return out
    write(source, out, kind)
    write_whole(note, json.dumps(_marks(source, out)) + "\n")
    return out


def write(source: Path, out: Path, kind: str) -> None:
    """Writes `source` in another type, whatever is there."""
    print(daemon.model_command("quantize", source, out, kind), end="")


def _marks(source: Path, out: Path) -> dict[str, list[int]]:
    """Size and time of change of both files, which tell them from others without reading gigabytes.

    That `out` is the newer one says nothing: another model's file may be a copy that kept its time.
    """
    files = {"source": source, "made": out}
    return {
        role: [path.stat().st_size, path.stat().st_mtime_ns]
        for role, path in files.items()
    }
