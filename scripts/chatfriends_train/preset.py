"""Presets: the settings of a training run, a TOML file each. `presets/` holds those that ship; a path names one of your own."""

import argparse
import difflib
import math
import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from .problems import Problem, readable

SHIPPED = Path(__file__).parent / "presets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """How a LoRA adapter is trained. Lengths are in tokens."""

    base: str
    """A Hugging Face model's name or a folder; "" = named by --base; "starter" = the model that ships."""
    targets: tuple[str, ...]
    """Names of the modules that get matrices."""
    rank: int
    alpha: int
    """The update is scaled by alpha / rank."""
    learning_rate: float
    epochs: float
    batch: int
    """Rows of one step on the machine."""
    max_length: int
    """Longer rows are refused, never cut."""
    method: Literal["lora", "qlora"] = "lora"
    """`qlora`: the base is held as 4-bit NormalFloat with double quantisation (Dettmers et al. 2023); CUDA only."""
    dtype: Literal["bf16", "fp16", "f32"] = "bf16"
    """What is computed in on a GPU; a processor computes in f32."""
    template: str = ""
    """A known chat template or Jinja text; "" = the model's own."""
    dropout: float = 0.0
    accumulation: int = 1
    """Batches whose gradients make one step."""
    scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    warm_up: float = 0.03
    """Share of the steps until the learning rate's peak."""
    optimiser: Literal["adamw", "adafactor"] = "adamw"
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    max_steps: int = 0
    """Ends the training after so many steps in place of `epochs`; 0 = epochs count."""
    early_stopping: int = 3
    """Epochs without a better validation loss after which the training ends; 0 = never."""
    keep: Literal["best", "last"] = "best"
    """Which epoch's weights are kept: those of the lowest validation loss, or the last. Facts are learnt by heart, and a validation
    that holds other facts cannot tell when."""
    folds: int = 0
    """Cross-validation before the run that counts: so many parts of the training data by groups; 0 = none."""
    rehearsal: float = 0.0
    """Dialogues of the starter's own for each row of yours, so that it keeps what it can; the starter's base only."""
    group_by_length: bool = False
    """Rows of like length in one batch: less padding. For thousands of rows; of few, the same ones would always meet."""
    gradient_checkpointing: bool = True
    """Trades a third more time for memory."""
    seed: int = 7

    def faults(self) -> list[str]:
        """What is out of range."""
        found = [
            f"{name} is {getattr(self, name)}; it must be above 0"
            for name in (
                "rank",
                "alpha",
                "learning_rate",
                "epochs",
                "batch",
                "max_length",
                "accumulation",
                "max_grad_norm",
            )
            if getattr(self, name) <= 0
        ]
        found += [
            f"{name} is {getattr(self, name)}; it must be at least 0"
            for name in (
                "weight_decay",
                "max_steps",
                "early_stopping",
                "rehearsal",
                "seed",
            )
            if getattr(self, name) < 0
        ]
        found += [
            f"{name} is {getattr(self, name)}; it must be at least 0 and below 1"
            for name in ("dropout", "warm_up")
            if not 0 <= getattr(self, name) < 1
        ]
        if self.folds < 0 or self.folds == 1:
            found.append(f"folds is {self.folds}; it must be 0 or at least 2")
        if self.rehearsal and (self.base != "starter" or self.folds):
            found.append(
                f"rehearsal is {self.rehearsal}; it must be 0 where the base is not the starter, and with folds"
            )
        if self.keep == "last" and self.early_stopping:
            found.append(
                f"early_stopping is {self.early_stopping}; it must be 0 where keep is last"
            )
        if self.group_by_length and self.epochs > 1:
            found.append(
                f"group_by_length is on and epochs is {self.epochs:g}; it must be off above 1, since a run that was stopped in a later epoch "
                "would not go on in its order"
            )
        if not self.targets:
            found.append("targets is empty; name the modules that get matrices")
        return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every step that trains: which settings, and on which model."""
    parser.add_argument(
        "--preset",
        required=True,
        metavar="NAME",
        help=f"settings: {', '.join(names())}, or a file of yours that ends in .toml",
    )
    add_base(parser, required=False)


def add_base(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """The option of every step that reads a base model; where it is not required, the preset names one."""
    what = "the base model" if required else "base model in place of the preset's"
    parser.add_argument(
        "--base",
        required=required,
        metavar="MODEL_OR_DIR",
        help=f"{what}: a folder, a name at the hub such as Qwen/Qwen3-4B, or starter",
    )


def names() -> list[str]:
    """The presets that ship."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load(name: str) -> Preset:
    """A shipped preset, or the file of that path. Raises `Problem` with every fault at once."""
    path = Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    if not name.endswith(".toml") and not path.is_file():
        raise Problem(
            f"unknown preset {name!r}{_nearest(name, names())}; there are {', '.join(names())}, or name a file of yours that ends in .toml"
        )
    readable(path, "the preset")
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Problem(f"{path}: {error}") from error
    return of_document(document, str(path))


def of_document(document: dict[str, Any], origin: str) -> Preset:
    """A preset from a file that has been read; `origin` is named in faults."""
    known = {field.name: field for field in fields(Preset)}
    faults = [
        f"unknown key {key!r}{_nearest(key, list(known))}"
        for key in document
        if key not in known
    ]
    faults += [
        f"{name!r} is missing"
        for name, field in known.items()
        if field.default is MISSING and name not in document
    ]
    values: dict[str, Any] = {}
    for key, value in document.items():
        if key in known:
            try:
                values[key] = _typed(value, known[key].type)
            except ValueError as error:
                faults.append(f"{key} is {value!r}; {error}")
    if not faults:
        preset = Preset(**values)
        faults = preset.faults()
    if faults:
        raise Problem("\n".join(f"{origin}: {fault}" for fault in faults))
    return preset


def _typed(value: Any, kind: Any) -> Any:
    """The value as its field has it. Raises `ValueError` that says what it must be."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"it must be one of {', '.join(get_args(kind))}")
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, list) or not all(
            isinstance(one, str) for one in value
        ):
            raise ValueError("it must be a list of texts")
        return tuple(value)
    # True is an int to Python, and 3 is a float to people.
    if kind is float and type(value) in (int, float):
        # TOML knows inf and nan.
        if not math.isfinite(value):
            raise ValueError("it must be a finite number")
        return float(value)
    if type(value) is not kind:
        wanted = {
            bool: "true or false",
            int: "a whole number",
            float: "a number",
            str: "a text",
        }
        raise ValueError(f"it must be {wanted[kind]}")
    return value


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""
