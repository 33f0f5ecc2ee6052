"""Writes a LoRA adapter as GGUF, with llama.cpp's own converter: one base model, and a small file for each persona.

That form holds two matrices for each linear layer and one alpha. What it cannot express is refused here, since the
converter or the engine would take some of it and answer wrongly; the remedy is always to merge.
"""

import argparse

from .. import options, preset
from .convert import add_llama_cpp


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
        metavar="FILE",
        help="file to be written",
    )
    add_llama_cpp(parser)


def run(arguments: argparse.Namespace) -> None:
    """The step as a command."""
    from .. import base
    from ..adapter import adapt

    adapt(
        base.folder(arguments.base),
        arguments.adapter,
        arguments.out,
        llama_cpp=arguments.llama_cpp,
    )
