"""The run card: what was trained on what, with which settings and figures. run.json for programs, run.md and curves for people."""

import importlib.metadata
import json
import os
import platform
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
import torch

from .files import write_whole

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

PACKAGES = ("torch", "transformers", "peft", "accelerate", "tokenizers", "bitsandbytes")


@dataclass(frozen=True, slots=True)
class Card:
    """One finished run."""

    preset: str
    settings: dict[str, Any]
    base: str
    data: dict[str, Any]
    """Files with SHA-256, rows and learnt tokens."""
    template: str
    """The chat template: a known name, or Jinja text."""
    parameters: int
    trained_parameters: int
    seconds: float
    """Wall time of training, all its parts together."""
    memory: dict[str, int]
    """Bytes: estimate, peak of the process, peak of the GPU."""
    log: list[dict[str, Any]]
    """Losses and learning rates by step, validation losses by epoch."""
    kept: dict[str, Any]
    """Step and validation loss of the weights that were kept."""
    folds: list[float]
    """Validation loss of each part of a cross-validation."""


def versions() -> dict[str, str]:
    """Of Python and the packages that matter."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def peak_memory() -> dict[str, int]:
    """Bytes that this process has held at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"process": peak if sys.platform == "darwin" else peak * 1024}
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.max_memory_allocated()
    return found


def spread(values: list[float]) -> tuple[float, float]:
    """Mean, and standard deviation of the sample."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, 0.0
    return mean, (
        sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    ) ** 0.5


def write(card: Card, out: Path) -> None:
    """Writes the curves, run.md and, last, run.json: where it stands, the run is whole."""
    steps = [row for row in card.log if "loss" in row]
    epochs = [row for row in card.log if "eval_loss" in row]
    _curve(
        out / "loss.png",
        "loss (nats per token)",
        [("training", steps, "loss", ""), ("validation", epochs, "eval_loss", "o")],
    )
    _curve(
        out / "learning-rate.png",
        "learning rate",
        [("learning rate", steps, "learning_rate", "")],
    )
    write_whole(out / "run.md", _page(card, steps, epochs))
    document = asdict(card) | {"versions": versions(), "device": _device()}
    write_whole(
        out / "run.json", json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    )


def _curve(
    path: Path, label: str, lines: list[tuple[str, list[dict[str, Any]], str, str]]
) -> None:
    figure, axes = pyplot.subplots(figsize=(7, 4), dpi=120)
    for name, rows, key, marker in lines:
        axes.plot(
            [row["step"] for row in rows],
            [row[key] for row in rows],
            label=name,
            marker=marker or None,
        )
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend()
    figure.tight_layout()
    partial = path.with_suffix(".part.png")
    figure.savefig(partial)
    pyplot.close(figure)
    partial.replace(path)


def _device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"processor, {os.cpu_count()} cores, {torch.get_num_threads()} threads"


def _page(card: Card, steps: list[dict[str, Any]], epochs: list[dict[str, Any]]) -> str:
    mib = 1 << 20
    lines = [
        f"# Training run: {card.preset}",
        "",
        "| | |",
        "|---|---|",
        f"| base | {card.base} ({card.parameters / 1e6:.1f} M parameters) |",
        f"| trained | {card.trained_parameters:,} parameters ({100 * card.trained_parameters / card.parameters:.2f} %) |",
        f"| steps | {steps[-1]['step'] if steps else 0} |",
        f"| kept | step {card.kept['step']}, validation loss {card.kept['loss']:.4f} |",
        f"| time | {card.seconds:.0f} s |",
        f"| machine | {_device()} |",
    ]
    lines += [
        f"| peak memory, {name} | {size // mib} MiB |"
        for name, size in card.memory.items()
    ]
    lines += [
        f"| {name} | {file['rows']} rows, {file['learnt_tokens']} of {file['tokens']} tokens learnt, SHA-256 {file['sha256'][:16]}… |"
        for name, file in card.data.items()
    ]
    if card.folds:
        mean, deviation = spread(card.folds)
        each = ", ".join(f"{loss:.4f}" for loss in card.folds)
        lines.append(
            f"| {len(card.folds)}-fold validation loss | {mean:.4f} ± {deviation:.4f} ({each}) |"
        )
    lines += ["", "| epoch | step | validation loss |", "|---|---|---|"]
    lines += [
        f"| {row['epoch']:.0f} | {row['step']} | {row['eval_loss']:.4f} |"
        for row in epochs
    ]
    lines += [
        "",
        "![loss](loss.png)",
        "![learning rate](learning-rate.png)",
        "",
        "## Settings",
        "",
    ]
    lines += [
        f"- {name}: {value}" for name, value in card.settings.items() if value != ""
    ]
    lines += [f"- {name} {version}" for name, version in versions().items()]
    return "\n".join(lines) + "\n"
