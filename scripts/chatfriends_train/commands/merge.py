"""Puts a LoRA adapter into its base model: a Hugging Face folder goes in, and one of the same form comes out.

One tensor after the other is read, changed and written, so memory holds the largest one and no GPU is needed; types
stay as they are in the base. A run that was killed goes on with the first file that it had not finished.
"""

import argparse

from .. import options, preset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The step's options."""
    preset.add_base(parser, required=True)
    parser.add_argument(
        "--adapter",
        type=options.path,
        required=True,
        metavar="DIR",
        help="folder of the adapter",
    )
    parser.add_argument(
        "--out",
        type=options.path,
        required=True,
        metavar="DIR",
        help="folder to be written",
    )


def run(arguments: argparse.Namespace) -> None:
    """The step as a command."""
    from .. import base
    from ..merge import merge

    merge(base.folder(arguments.base), arguments.adapter, arguments.out)
