"""Base models: found on this machine or fetched, and what they take of it. Nothing is loaded here but names and shapes."""

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
import torch
import transformers

from . import from_gguf
from .checkpoint import Checkpoint
from .files import cache, sha256
from .preset import Preset
from .problems import Problem, readable
from .resources import need_disk, need_memory

GIB = 1 << 30
# What a model's folder needs; other forms of the same weights are left at the hub.
WANTED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
# The same weights once more in the publisher's own form, and what lies in folders.
LEFT = ["consolidated*", "*/*"]
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
CHAT_TEMPLATE = "chat_template.jinja"
# Weights and their two moments, each copied once more while a checkpoint is written, in two checkpoints and the end result.
CHECKPOINT_BYTES = 4 * 3 * 4
# Torch and its libraries in memory, measured with version 2.15 on a processor.
LIBRARIES = 800 << 20


def folder(name: str) -> Path:
    """The folder of a base model: a folder, a hub name, or "starter", which is read back from the file that ships.

    Raises `Problem` where it is nowhere.
    """
    if not name:
        raise Problem(
            "this preset names no base model; give one with --base MODEL_OR_DIR"
        )
    if name == "starter":
        return _starter()
    path = Path(name)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise Problem(
                f"the base model {path} has no config.json; give a folder as Hugging Face models have them"
            )
        return path
    if (
        path.is_file()
        or name.count("/") != 1
        or name.startswith((".", "/"))
        or name.endswith(".gguf")
    ):
        raise Problem(
            f"the base model {name} is no folder; give the folder of a Hugging Face model, or a name such as Qwen/Qwen3-4B"
        )
    try:
        there = _snapshot(name, local_files_only=True)
        if _is_whole(there):
            return there
    except Exception:  # noqa: BLE001, S110
        pass  # Not fetched before; what a fetch that was stopped has left is gone on with below.
    reason = "its configuration, tokenizer or safetensors weights are missing"
    try:
        # Without a network the hub's library gives back what a stopped fetch has left, and says nothing.
        fetched = _snapshot(name)
        if _is_whole(fetched):
            return fetched
    except Exception as error:  # noqa: BLE001
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    raise Problem(
        f"the base model {name} is not whole on this machine and could not be fetched ({reason}). Where there is a network, run "
        f"`huggingface-cli download {name} --local-dir models/{path.name}` (some models want `huggingface-cli login` and their "
        f"licence accepted first), and give --base models/{path.name}"
    )


def _snapshot(name: str, *, local_files_only: bool = False) -> Path:
    """The model as the hub's cache has it; it does not tell a whole one from one whose fetching was stopped."""
    return Path(
        huggingface_hub.snapshot_download(
            name,
            allow_patterns=WANTED,
            ignore_patterns=LEFT,
            local_files_only=local_files_only,
        )
    )


def _is_whole(path: Path) -> bool:
    """Whether nothing is missing of a model's folder."""
    names = {one.name for one in path.iterdir()}
    if "config.json" not in names or not names & set(TOKENIZERS):
        return False
    try:
        return bool(Checkpoint(path).tensors)
    except Problem:
        return False


def _starter() -> Path:
    """The starter in Hugging Face's form, kept by the content of its file, so that another starter is read back anew."""
    mark = sha256(readable(from_gguf.STARTER, "the starter"))
    made = cache() / f"starter-{mark[:16]}"
    return made if made.is_dir() else from_gguf.write(from_gguf.STARTER, made)


def tokenizer(path: Path) -> Any:
    """The tokenizer in a model's folder."""
    try:
        return transformers.AutoTokenizer.from_pretrained(path)
    except (ValueError, OSError) as error:
        raise Problem(
            f"the base model {path} has no tokenizer that can be read ({error}); give a folder as Hugging Face models have them"
        ) from error


def fingerprint(path: Path) -> str:
    """SHA-256 of what a model in a folder computes with: its weights (as `Checkpoint` tells them apart), its form and its words."""
    found = hashlib.sha256(Checkpoint(path).fingerprint.encode())
    for name in ("config.json", *TOKENIZERS, "tokenizer_config.json", CHAT_TEMPLATE):
        if (path / name).is_file():
            found.update(name.encode() + (path / name).read_bytes())
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Shape:
    """What a model's size depends on."""

    parameters: int
    layers: int
    hidden: int
    vocabulary: int
    context: int
    """Tokens that it can see."""
    adapter: int
    """Parameters of the preset's adapter."""


def shape(path: Path, preset: Preset) -> Shape:
    """Measures a model without loading its weights. Raises `Problem` where the preset's targets are not in it."""
    try:
        config = transformers.AutoConfig.from_pretrained(path)
        with torch.device("meta"):
            model = transformers.AutoModelForCausalLM.from_config(config)
    except (ValueError, KeyError, OSError) as error:
        raise Problem(f"the base model {path} cannot be read: {error}") from error
    sizes: dict[str, int] = {}
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if (
            isinstance(module, torch.nn.Linear | transformers.pytorch_utils.Conv1D)
            and weight is not None
        ):
            last = name.rsplit(".", 1)[-1]
            sizes[last] = sizes.get(last, 0) + sum(weight.shape)
    # The head is no module for an adapter: none that trains it can be served as a GGUF.
    sizes = {
        name: size
        for name, size in sizes.items()
        if name not in ("lm_head", "embed_out")
    }
    missing = [target for target in preset.targets if target not in sizes]
    if missing:
        raise Problem(
            f"the base model {path} has no module {', '.join(missing)}; it has {', '.join(sorted(sizes))}. Name some of these as "
            "`targets`, or take the preset of this model's family"
        )
    text = config.get_text_config()
    return Shape(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        vocabulary=text.vocab_size,
        context=getattr(text, "max_position_embeddings", None) or 8192,
        adapter=preset.rank * sum(sizes[target] for target in preset.targets),
    )


def memory_needed(shape: Shape, preset: Preset, longest: int, *, on_gpu: bool) -> int:
    """About how many bytes a run takes at its peak; `longest` is the longest row in tokens.

    Weights; adapter with gradient and moments in f32; activations by Korthikanti et al. 2022 (34 bytes for each token, hidden unit
    and layer at 16 bits; 2 with checkpointing, and one layer whole); scores over the vocabulary three times in f32.
    """
    width = 2 if on_gpu and preset.dtype != "f32" else 4
    weights = shape.parameters * width
    if preset.method == "qlora":
        # NormalFloat's 4 bits with their scales; embeddings and head are none of that, and PEFT makes them f32 (`_adapted`).
        embeddings = 2 * shape.vocabulary * shape.hidden
        weights = int((shape.parameters - embeddings) * 0.52) + 4 * embeddings
    adapter = shape.adapter * 16
    tokens = preset.batch * longest
    layer = 34 * tokens * shape.hidden * width // 2
    kept = 2 * tokens * shape.hidden * width // 2
    if preset.gradient_checkpointing:
        activations = shape.layers * kept + layer
    else:
        activations = shape.layers * layer
    libraries = 0 if on_gpu else LIBRARIES
    return (
        libraries + weights + adapter + activations + 3 * 4 * tokens * shape.vocabulary
    )


def check_room(shape: Shape, preset: Preset, rows: Sequence[int], out: Path) -> int:
    """Raises `Problem` where memory or disk will not do; `rows` are the rows' lengths. Gives back the memory needed, bytes."""
    on_gpu = torch.cuda.is_available()
    if preset.method == "qlora" and not on_gpu:
        raise Problem(
            'QLoRA needs an NVIDIA GPU (4-bit weights are bitsandbytes\' work), and none is here; set method = "lora" in a copy of '
            "the preset for this machine, or run this on one that has a GPU"
        )
    if preset.method == "qlora" and importlib.util.find_spec("bitsandbytes") is None:
        raise Problem(
            "QLoRA needs the Python package bitsandbytes; install it with `pip install bitsandbytes`"
        )
    needed = memory_needed(shape, preset, max(rows), on_gpu=on_gpu)
    need_memory(
        needed,
        "the training",
        free=torch.cuda.mem_get_info()[0] if on_gpu else None,
        remedy=smaller(preset),
    )
    need_disk(out, shape.adapter * CHECKPOINT_BYTES)
    return needed


def smaller(preset: Preset) -> str:
    """What takes less memory."""
    changes = [
        "make `batch` smaller and `accumulation` larger by as much",
        *(
            []
            if preset.gradient_checkpointing
            else ["set gradient_checkpointing = true"]
        ),
        *(
            ['set method = "qlora"']
            if torch.cuda.is_available() and preset.method == "lora"
            else []
        ),
    ]
    return f"in a copy of the preset {', '.join(changes)}, or take a smaller base model"
