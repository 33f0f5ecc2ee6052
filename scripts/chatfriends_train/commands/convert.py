"""Writes a Hugging Face model as GGUF, with llama.cpp's own converter, its chat template and its stop tokens.

What was written is read back: vocabulary, splitting, template, stop tokens and output layer must be those of the
model, or there is no file.
"""

import argparse

from .. import options

TYPES = ("auto", "f32", "f16", "bf16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The step's options."""
    parser.add_argument(
        "--model",
        type=options.path,
        required=True,
        metavar="DIR",
        help="folder of the model, such as `merge` writes",
    )
    parser.add_argument(
        "--out",
        type=options.path,
        required=True,
        metavar="FILE",
        help="file to be written",
    )
    parser.add_argument(
        "--type",
        type=str.lower,
        choices=TYPES,
        default="auto",
        help="how numbers are stored; auto: in 16 bits, in the form that loses least",
    )
    add_llama_cpp(parser)


def add_llama_cpp(parser: argparse.ArgumentParser) -> None:
    """Where llama.cpp's converter is."""
    parser.add_argument(
        "--llama-cpp",
        type=options.path,
        metavar="DIR",
        help="a checkout of llama.cpp in place of the one that is fetched",
    )


def run(arguments: argparse.Namespace) -> None:
    """The step as a command."""
    from ..convert import convert

    convert(
        arguments.model,
        arguments.out,
        stored=arguments.type,
        llama_cpp=arguments.llama_cpp,
    )
