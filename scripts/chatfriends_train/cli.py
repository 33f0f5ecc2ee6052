"""`chatfriends-train`: every step from people's own data to a persona that answers in the daemon."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from .problems import Problem

# Each module has `add_arguments(parser)` and `run(arguments)`. Only the chosen one is imported, since some need torch.
STEPS = {
    "prepare": "reads what you have and writes training data",
    "self-instruct": "grows a set of examples through a model server",
    "finetune": "trains a LoRA adapter on prepared data",
    "merge": "puts an adapter into its base model",
    "convert": "writes a Hugging Face model as GGUF",
    "adapter": "writes a LoRA adapter as GGUF",
    "quantise": "makes a GGUF file smaller",
    "prove": "measures what each step has changed",
    "make": "all of it: data in, a persona out",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one step; gives back the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="chatfriends-train", description=__doc__)
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    parsers = {name: steps.add_parser(name, help=summary) for name, summary in STEPS.items()}
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    try:
        if chosen not in STEPS:
            parser.parse_args(arguments)
        module = importlib.import_module(f".{chosen.replace('-', '_')}", __package__)
        parsers[chosen].description = module.__doc__
        parsers[chosen].formatter_class = argparse.RawDescriptionHelpFormatter
        module.add_arguments(parsers[chosen])
        module.run(parser.parse_args(arguments))
    except Problem as problem:
        print(f"chatfriends-train {chosen}: {problem}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("chatfriends_train"):
            raise
        needs = "data" if chosen == "prepare" else "weights"
        print(
            f"chatfriends-train {chosen}: the Python package {missing.name} is missing; "
            f"install it with `pip install -r scripts/requirements-{needs}.txt`",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print(f"chatfriends-train {chosen}: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
