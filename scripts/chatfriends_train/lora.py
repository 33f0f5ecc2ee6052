"""PEFT's adapters: what one says about each module of its base, in PEFT's own conventions.

Read with the weights left in the file; what this form may hold and cannot be merged is refused here, by name.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import safetensors
import torch

from .checkpoint import Checkpoint
from .files import read_object
from .problems import Problem, readable

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
BASE = "base.json"
"""Beside an adapter that `finetune` made: the fingerprint of the base it was trained on."""

# Names that PEFT writes before the base model's own, and after a module's.
PREFIX = "base_model.model."
PARTS = {
    ".lora_A.weight": "a",
    ".lora_B.weight": "b",
    ".lora_B.bias": "b_bias",
    ".lora_embedding_A": "embedding_a",
    ".lora_embedding_B": "embedding_b",
    ".lora_magnitude_vector": "magnitude",
    ".lora_magnitude_vector.weight": "magnitude",
    ".token_adapter.trainable_tokens_delta": "tokens",
}

# How training may begin with a changed base; its adapter then does not belong to the base as it lies on disk.
CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")

# What PEFT 0.21 can do to a linear layer that is not W + scaling·B·A, or not for every token.
NOT_MERGED = {
    "alora_invocation_tokens": "aLoRA acts only after its invocation tokens",
    "arrow_config": "Arrow chooses between adapters for each token",
    "use_qalora": "QALoRA pools its input",
    "use_bdlora": "BD-LoRA has block-diagonal matrices",
    "kasa_config": "KaSA has a diagonal of its own",
    "velora_config": "VeLoRA has another form",
    "monteclora_config": "MonteCLoRA draws its weights",
    "target_parameters": "it adapts parameters that are no layer's weight",
    "layer_replication": "it repeats layers of its base",
}


@dataclass(frozen=True, slots=True)
class Module:
    """What an adapter has for one module: the keys of its tensors, by what they are (`PARTS`)."""

    keys: Mapping[str, str]

    def has(self, part: str) -> bool:
        """Whether the part is there."""
        return part in self.keys


@dataclass(frozen=True)
class Adapter:
    """A folder that PEFT wrote."""

    folder: Path
    config: Mapping[str, Any] = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> "Adapter":
        """Reads what it is; raises `Problem` for what cannot be merged into any base."""
        readable(folder, "the adapter folder")
        path = readable(folder / CONFIG, "the adapter's configuration")
        config = read_object(path)
        if config.get("peft_type") != "LORA":
            raise Problem(
                f"{path}: peft_type is {config.get('peft_type')!r}; only LoRA adapters are known here"
            )
        if not isinstance(config.get("lora_alpha"), int | float):
            raise Problem(
                f"{path}: lora_alpha is {config.get('lora_alpha')!r}; a number belongs there, so copy the adapter again"
            )
        for key, reason in NOT_MERGED.items():
            if config.get(key):
                raise Problem(
                    f"{path}: {key} is set: {reason}, which no merged weight can do; use PEFT itself"
                )
        begun = str(config.get("init_lora_weights", True)).lower()
        if begun.startswith(CHANGES_BASE):
            raise Problem(
                f"{path}: init_lora_weights is {begun!r}, so training began by changing the base, and the adapter "
                "does not fit the base as it was; save it with `path_initial_model_for_weight_conversion` and take that"
            )
        if not (folder / WEIGHTS).exists() and (folder / "adapter_model.bin").exists():
            raise Problem(
                f"{folder} holds adapter_model.bin; save the adapter again as safetensors, PEFT's default"
            )
        readable(folder / WEIGHTS, "the adapter's weights")
        return cls(folder, config)

    @cached_property
    def modules(self) -> dict[str, Module]:
        """What it adapts, by the module's name in the base model, such as `model.layers.0.self_attn.q_proj`."""
        found: dict[str, dict[str, str]] = {}
        for key in self.tensors:
            for ending, part in PARTS.items():
                if key.endswith(ending):
                    found.setdefault(_plain(key.removesuffix(ending)), {})[part] = key
        return {name: Module(keys) for name, keys in found.items()}

    @cached_property
    def whole(self) -> dict[str, str]:
        """Tensors that stand in place of the base's, such as a resized embedding or a bias: name in the base → key."""
        return {
            _plain(key): key for key in self.tensors if not key.endswith(tuple(PARTS))
        }

    @cached_property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor of the file, by its key."""
        path = self.folder / WEIGHTS
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                return {
                    key: tuple(file.get_slice(key).get_shape()) for key in file.keys()
                }
        except safetensors.SafetensorError as error:
            raise Problem(
                f"{path} is no safetensors file, or was cut off ({error}); copy the adapter again"
            ) from error

    def read(self, key: str) -> torch.Tensor:
        """One tensor, in float32."""
        with safetensors.safe_open(self.folder / WEIGHTS, framework="pt") as file:
            return file.get_tensor(key).float()

    def is_saved_whole(self, module: str) -> bool:
        """Whether the module has a trained copy of its own (`modules_to_save`), which tied weights do not follow."""
        return any(
            module == name or module.endswith("." + name)
            for name in self.config.get("modules_to_save") or ()
        )

    def rank(self, module: str) -> int:
        """The rank of a module's two matrices."""
        keys = self.modules[module].keys
        return self.tensors[keys["a"] if "a" in keys else keys["embedding_a"]][0]

    def alpha(self, module: str) -> float:
        """`lora_alpha`, or what `alpha_pattern` says of this module, matched as PEFT does: at the end of the name."""
        for pattern, alpha in (self.config.get("alpha_pattern") or {}).items():
            if re.match(rf"(.*\.)?({pattern})$", module):
                return float(alpha)
        return float(self.config["lora_alpha"])

    def scaling(self, module: str) -> float:
        """By what B·A is multiplied: alpha/r, or alpha/√r with rsLoRA (https://arxiv.org/abs/2312.03732)."""
        rank = self.rank(module)
        return self.alpha(module) / (
            math.sqrt(rank) if self.config.get("use_rslora") else rank
        )

    def check_base(self, base: Checkpoint) -> None:
        """Refuses a base that is known to be another than that of the adapter's training."""
        recorded = self.folder / BASE
        if recorded.exists():
            known = read_object(recorded)
            if not {"name", "fingerprint"} <= known.keys():
                raise Problem(
                    f"{recorded} lacks the name or the fingerprint of the base; copy the adapter again, or remove this file: names and "
                    "shapes tell then"
                )
            if known["fingerprint"] != base.fingerprint:
                raise Problem(
                    f"{self.folder} was trained on {known['name']}, and {base.folder} holds other weights than that had; "
                    f"give --base {known['name']}"
                )
            return
        name = str(self.config.get("base_model_name_or_path") or "")
        trained = Path(name)
        if trained.is_dir() and any(trained.glob("*.safetensors")):
            if Checkpoint(trained).fingerprint != base.fingerprint:
                raise Problem(
                    f"{self.folder} was trained on {trained}, and {base.folder} holds other weights; give --base {trained}"
                )
        elif (
            (own := _hub_name(base.folder))
            and "/" in name
            and own.lower() != name.lower()
        ):
            raise Problem(
                f"{self.folder} was trained on {name}, and {base.folder} is {own}; give {name} as the base"
            )


def record_base(adapter: Path, base: Path, name: str) -> None:
    """Notes beside an adapter which weights it was trained on, so that `merge` and `adapter` can tell another base.

    `name` is what leads to them once more: a folder, a name at the hub, or "starter".
    """
    note = {"name": name, "fingerprint": Checkpoint(base).fingerprint}
    (adapter / BASE).write_text(json.dumps(note, indent=2) + "\n", "utf-8")


def _plain(key: str) -> str:
    """A key's name in the base model."""
    return (
        key.removeprefix(PREFIX)
        .replace(".base_layer.", ".")
        .replace(".modules_to_save.", ".")
    )


def _hub_name(folder: Path) -> str | None:
    """Who the model is, where its folder says so: in its configuration, or by lying in the hub's cache."""
    config = folder / "config.json"
    written = read_object(config).get("_name_or_path") if config.exists() else None
    if written and re.fullmatch(r"[\w.-]+/[\w.-]+", written):
        return str(written)
    for part in folder.absolute().parts:
        if part.startswith("models--"):
            return part.removeprefix("models--").replace("--", "/")
    return None
