"""Measures what each step has changed: Transformers with base and adapter against what the daemon runs.

Both read the same held-out dialogues. Compared are the distributions of the next token at sampled places, over the whole
vocabulary; the likelihood of the persona's replies; and the tokens that both see in the same texts. Limits that are passed
fail the run. docs/TRAINING.md says what the figures mean.
"""

import argparse

from .. import options, preset
from ..problems import Problem, readable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The step's options."""
    preset.add_base(parser, required=True)
    parser.add_argument(
        "--adapter",
        type=options.path,
        metavar="DIR",
        help="the PEFT adapter; without it the base is measured",
    )
    parser.add_argument(
        "--merged",
        type=options.path,
        metavar="FILE",
        help="the GGUF file of both",
    )
    parser.add_argument(
        "--base-gguf",
        type=options.path,
        metavar="FILE",
        help="the base alone as GGUF, with --adapter-gguf",
    )
    parser.add_argument(
        "--adapter-gguf", type=options.path, metavar="FILE", help="the adapter as GGUF"
    )
    parser.add_argument(
        "--quantised",
        type=options.path,
        nargs="*",
        default=[],
        metavar="FILE",
        help="what `quantise` made of --merged",
    )
    parser.add_argument(
        "--data",
        type=options.path,
        required=True,
        metavar="DIR",
        help="what `prepare` wrote; its test.jsonl is read",
    )
    parser.add_argument(
        "--template",
        help="a chat template in place of the model's own, as in the persona's file",
    )
    parser.add_argument(
        "--out",
        type=options.path,
        required=True,
        metavar="DIR",
        help="where proof.json and PROOF.md go",
    )


def run(arguments: argparse.Namespace) -> None:
    """Measures, writes the table, and raises `Problem` with what passes its limits."""
    if (arguments.base_gguf is None) != (arguments.adapter_gguf is None):
        raise Problem(
            "--adapter-gguf is measured on the base: give --base-gguf and --adapter-gguf together, or neither"
        )
    if arguments.merged is None and arguments.adapter_gguf is None:
        raise Problem(
            "nothing is named that could be measured; give --merged FILE, or --base-gguf FILE and --adapter-gguf FILE"
        )
    # What needs torch, after what can be refused without.
    from .. import base
    from ..prove import Candidate, HeldOut, Trained, prove, table

    candidates = []
    if arguments.merged is not None:
        candidates.append(Candidate(arguments.merged))
    if arguments.adapter_gguf is not None:
        candidates.append(Candidate(arguments.base_gguf, arguments.adapter_gguf))
    candidates += [Candidate(file) for file in arguments.quantised]
    if arguments.adapter is not None:
        readable(
            arguments.adapter / "adapter_config.json", "the adapter's configuration"
        )
    trained = Trained(base.folder(arguments.base), arguments.adapter)
    held_out = HeldOut(
        readable(arguments.data / "test.jsonl", "the held-out data"),
        arguments.template,
    )
    proof = prove(trained, held_out, candidates, arguments.out)
    print(table([proof]))
    proof.check()
