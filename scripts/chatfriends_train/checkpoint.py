"""Hugging Face model folders, read and written a tensor at a time; no model is built, and memory holds one tensor.

Not for tokenizers or configurations: only for the weights, which lie in safetensors files.
"""

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import safetensors
import torch

from .files import read_object
from .problems import Problem, readable

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"

# The names that safetensors gives to what models are stored in. https://huggingface.co/docs/safetensors
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a file says of a tensor before it is read."""

    dtype: str
    """As safetensors writes it: `BF16`, `F32` …"""
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Its size in a file."""
        return prod(self.shape) * DTYPES[self.dtype].itemsize


@dataclass(frozen=True)
class Checkpoint:
    """The weights in a folder: one `model.safetensors`, or several with an index."""

    folder: Path

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name, in the order of the files."""
        return {name: tensor for name, (_, tensor, _) in self._places.items()}

    def read(self, name: str) -> torch.Tensor:
        """One tensor, on the CPU, as it is stored."""
        path, _, _ = self._places[name]
        with safetensors.safe_open(path, framework="pt") as file:
            return file.get_tensor(name)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of every tensor's name, type, shape and first 4096 bytes: tells models apart without reading them whole."""
        digest = hashlib.sha256()
        for name, (path, tensor, offset) in sorted(self._places.items()):
            digest.update(json.dumps([name, tensor.dtype, tensor.shape]).encode())
            with path.open("rb") as file:
                file.seek(offset)
                digest.update(file.read(min(4096, tensor.bytes)))
        return digest.hexdigest()

    @cached_property
    def _places(self) -> dict[str, tuple[Path, Tensor, int]]:
        """File, description and offset of every tensor."""
        places = {}
        for path in self._files():
            header, start = _header(path)
            for name, entry in header.items():
                if entry["dtype"] not in DTYPES:
                    raise Problem(
                        f"{path}: {name} is stored as {entry['dtype']}, a quantised form; take the model in F16 or BF16"
                    )
                tensor = Tensor(entry["dtype"], tuple(entry["shape"]))
                places[name] = (path, tensor, start + entry["data_offsets"][0])
        return places

    def _files(self) -> list[Path]:
        readable(self.folder, "the model folder")
        single, index = self.folder / SINGLE, self.folder / INDEX
        if index.exists():
            places = read_object(index).get("weight_map")
            if not isinstance(places, dict):
                raise Problem(
                    f"{index} does not say in which files the weights are; fetch it again"
                )
            named = sorted(set(map(str, places.values())))
            return [readable(self.folder / name, "the weights") for name in named]
        if single.exists():
            return [readable(single, "the weights")]
        if list(self.folder.glob("*.bin")):
            raise Problem(
                f"{self.folder} holds its weights as .bin files, which cannot be read safely a tensor at a time; "
                "take the model's safetensors files, or write them with `AutoModelForCausalLM.from_pretrained(…)"
                ".save_pretrained(…)`"
            )
        raise Problem(
            f"{self.folder} holds no {SINGLE}; give a folder with a Hugging Face model"
        )


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """What a safetensors file says of its tensors, and where their data begin. Notices a file that was cut off."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        size = path.stat().st_size
        try:
            if length > size:
                raise ValueError
            header = json.loads(file.read(length))
        except ValueError as error:
            raise Problem(
                f"{path} is no safetensors file, or was cut off; fetch it again"
            ) from error
    header.pop("__metadata__", None)
    end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if 8 + length + end != size:
        raise Problem(
            f"{path} has {size:,} bytes where {8 + length + end:,} belong; fetch it again"
        )
    return header, 8 + length


@dataclass(frozen=True, slots=True)
class Shard:
    """A file of a folder that is being written, with what belongs into it."""

    name: str
    tensors: Mapping[str, Tensor]

    def write(self, folder: Path, values: Iterator[tuple[str, torch.Tensor]]) -> None:
        """Writes the file as its tensors come, in the order of `tensors`; it has its name only when it is whole."""
        header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        offset = 0
        for name, tensor in self.tensors.items():
            header[name] = {
                "dtype": tensor.dtype,
                "shape": list(tensor.shape),
                "data_offsets": [offset, offset + tensor.bytes],
            }
            offset += tensor.bytes
        encoded = json.dumps(header, separators=(",", ":")).encode()
        # Data begin at a multiple of eight bytes, so that they can be mapped.
        encoded += b" " * (-len(encoded) % 8)
        partial = folder / (self.name + ".part")
        try:
            with partial.open("wb") as file:
                file.write(len(encoded).to_bytes(8, "little") + encoded)
                for name, value in values:
                    self._check(name, value)
                    _write(file, value)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise Problem(
                f"{partial}: the disk is full; make room and run the same command, it goes on"
            ) from error
        partial.replace(folder / self.name)

    def _check(self, name: str, value: torch.Tensor) -> None:
        expected = self.tensors[name]
        if (
            tuple(value.shape) != expected.shape
            or value.dtype != DTYPES[expected.dtype]
        ):
            raise AssertionError(
                f"{name} is {value.dtype} {tuple(value.shape)}, planned was {expected}"
            )

    @property
    def bytes(self) -> int:
        """The size of its tensors."""
        return sum(tensor.bytes for tensor in self.tensors.values())


def _write(file: BinaryIO, value: torch.Tensor) -> None:
    # numpy has no bfloat16, but bytes are bytes.
    flat = value.contiguous().reshape(-1)
    file.write(memoryview(flat.view(torch.uint8).numpy()))


def shards(tensors: Mapping[str, Tensor], limit: int) -> list[Shard]:
    """Distributes tensors over files of at most `limit` bytes, in their order; a larger tensor gets a file of its own."""
    groups: list[dict[str, Tensor]] = [{}]
    room = limit
    for name, tensor in tensors.items():
        if groups[-1] and tensor.bytes > room:
            groups.append({})
            room = limit
        groups[-1][name] = tensor
        room -= tensor.bytes
    if len(groups) == 1:
        return [Shard(SINGLE, groups[0])]
    count = len(groups)
    return [
        Shard(f"model-{number:05}-of-{count:05}.safetensors", group)
        for number, group in enumerate(groups, 1)
    ]


def write_index(folder: Path, parts: list[Shard]) -> None:
    """Writes the list of files, where there are several."""
    if len(parts) == 1:
        return
    index = {
        "metadata": {"total_size": sum(part.bytes for part in parts)},
        "weight_map": {name: part.name for part in parts for name in part.tensors},
    }
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", "utf-8")
