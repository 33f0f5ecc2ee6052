"""Trains a LoRA or QLoRA adapter on prepared data: --data DIR --preset NAME --out DIR.

OUT gets `adapter/` (PEFT), a run card (run.md, run.json) and the curves of loss and learning rate. A run that was stopped goes on from
its last checkpoint when the same command is given again.
"""

import argparse

from .. import options, preset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The step's options."""
    parser.add_argument(
        "--data",
        type=options.path,
        required=True,
        metavar="DIR",
        help="what `prepare` wrote",
    )
    preset.add_arguments(parser)
    parser.add_argument(
        "--out",
        type=options.path,
        required=True,
        metavar="DIR",
        help="where the adapter and the run card go",
    )


def run(arguments: argparse.Namespace) -> None:
    """The step as a command."""
    from ..finetune import Plan, finetune

    print(
        finetune(
            Plan.of(arguments.preset, arguments.data, arguments.out, arguments.base)
        )
    )
