"""`chatfriends-train`: every step from people's own data to a persona that answers in the daemon."""

import argparse
import errno
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from .problems import Problem

GOES_ON = "the same command goes on from here"
BEGINS_ANEW = "the same command begins anew"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the chain."""

    module: str
    """Has `add_arguments(parser)` and `run(arguments)`, and needs no more than Python to be imported: its docstring is the help."""
    summary: str
    stopped: str
    """What a stop means for it."""


STEPS = {
    "prepare": Step("prepare", "reads what you have and writes training data", BEGINS_ANEW),
    "self-instruct": Step("self_instruct", "grows a set of examples through a model server", GOES_ON),
    "finetune": Step("commands.finetune", "trains a LoRA adapter on prepared data", GOES_ON),
    "merge": Step("commands.merge", "puts an adapter into its base model", GOES_ON),
    "convert": Step("commands.convert", "writes a Hugging Face model as GGUF", BEGINS_ANEW),
    "adapter": Step("commands.adapter", "writes a LoRA adapter as GGUF", BEGINS_ANEW),
    "quantise": Step("quantise", "makes a GGUF file smaller", GOES_ON),
    "prove": Step("commands.prove", "measures what each step has changed", GOES_ON),
    "make": Step("make", "all of it: data in, a persona out", GOES_ON),
}  # fmt: skip

# What `prepare` and `self-instruct` need; all others are what the weights need.
FOR_DATA = {"docx": "python-docx", "openpyxl": "openpyxl", "pyarrow": "pyarrow"}

# Of a disk, a quota or the size of a file. What fails so while it is written is not named in the error.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one step; gives back the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] not in STEPS:
        # Help, or a mistake, which the parser names.
        _overview().parse_args(arguments)
        return 2
    name, *options = arguments
    step = STEPS[name]

    def say(words: object) -> None:
        print(f"chatfriends-train {name}: {words}", file=sys.stderr)

    try:
        module = importlib.import_module(f".{step.module}", __package__)
        parser = argparse.ArgumentParser(
            prog=f"chatfriends-train {name}",
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(parser)
        module.run(parser.parse_args(options))
    except Problem as problem:
        say(problem)
        return 1
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("chatfriends_train"):
            raise
        needs = "data" if missing.name in FOR_DATA else "weights"
        say(
            f"the Python package {FOR_DATA.get(missing.name or '', missing.name)} is missing; "
            f"install it with `pip install -r scripts/requirements-{needs}.txt`"
        )
        return 1
    except OSError as error:
        if error.errno in FULL:
            where = f"{error.filename}: " if error.filename else ""
            say(
                f"{where}{error.strerror}; make room or write elsewhere, then {step.stopped}"
            )
            return 1
        # A path that was given, or one within it; whatever has no name is a fault of ours.
        if error.filename is None:
            raise
        say(
            f"{error.filename}: {error.strerror}; check the path, and who may write there"
        )
        return 1
    except KeyboardInterrupt:
        say(f"stopped; {step.stopped}")
        return 130
    return 0


def _overview() -> argparse.ArgumentParser:
    """The program without any step."""
    parser = argparse.ArgumentParser(prog="chatfriends-train", description=__doc__)
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    for name, step in STEPS.items():
        steps.add_parser(name, help=step.summary)
    return parser


if __name__ == "__main__":
    sys.exit(main())
