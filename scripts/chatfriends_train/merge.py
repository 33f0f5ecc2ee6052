"""The work of `merge`: plans the merged model, reads, changes and writes one tensor after the other, and goes on where it was killed."""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers

from .checkpoint import DTYPES, Checkpoint, Shard, Tensor, shards, write_index
from .files import is_empty, read_object, refuse_foreign, write_whole
from .lora import WEIGHTS, Adapter
from .problems import Problem, readable
from .resources import need_disk, need_memory, size

SHARD_BYTES = 2 * 10**9

# How the families call the table of their tokens, and the layer that tells the next token.
EMBEDDINGS = ("embed_tokens", "embed_in", "embeddings", "wte")
HEADS = ("lm_head", "embed_out")

# Where linear layers are stored (in, out) instead of (out, in): transformers' Conv1D.
CONV1D_MODELS = ("gpt2", "openai-gpt")
CONV1D_LAYERS = ("c_attn", "c_proj", "c_fc", "q_attn")

TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json")
TOKENIZER_FILES = (
    *TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "chat_template.jinja",
)
OTHER_FILES = ("generation_config.json", "*.py", "LICENSE*", "NOTICE*")


def merge(
    base: Path, adapter: Path, out: Path, *, shard_bytes: int = SHARD_BYTES
) -> None:
    """Writes the merged model to `out`; raises `Problem` before anything is written if the two do not belong together."""
    plan = Plan(Checkpoint(base), Adapter.open(adapter))
    plan.check()
    parts = shards(plan.outputs, shard_bytes)
    record = plan.record() | {"shards": [part.name for part in parts]}
    if out.exists() and not is_empty(out):
        done = out / "merge.json"
        if done.exists() and read_object(done) == record:
            print(
                f"merge: {out} is already there, of this base and this adapter",
                file=sys.stderr,
            )
            return
        raise Problem(
            f"{out} is there already and holds something else; remove it or name another folder"
        )

    partial = out.with_name(out.name + ".part")
    begun = partial / "merge.json"
    refuse_foreign(partial, begun.name)
    if begun.exists() and read_object(begun) != record:
        # The rest of a run with another base or adapter.
        shutil.rmtree(partial)
    missing = [part for part in parts if not (partial / part.name).exists()]
    need_disk(partial, sum(part.bytes for part in missing))
    # The tensor as it is, the product beside it and their sum, in float32.
    largest = max(
        tensor.bytes // DTYPES[tensor.dtype].itemsize
        for tensor in plan.outputs.values()
    )
    need_memory(3 * 4 * largest, "merging the largest tensor")
    partial.mkdir(parents=True, exist_ok=True)
    write_whole(begun, json.dumps(record, indent=2) + "\n")

    written = sum(part.bytes for part in parts) - sum(part.bytes for part in missing)
    if written:
        print(f"merge: goes on after {size(written)}", file=sys.stderr)
    for part in missing:
        part.write(partial, plan.values(part))
        written += part.bytes
        total = sum(part.bytes for part in parts)
        print(f"merge: {part.name}, {size(written)} of {size(total)}", file=sys.stderr)
    write_index(partial, parts)
    plan.write_rest(partial)
    partial.replace(out)
    tie = (
        "; the output layer now stands apart from the embeddings" if plan.unties else ""
    )
    print(
        f"merge: {out}: {len(plan.changed)} of {len(plan.outputs)} tensors changed{tie}",
        file=sys.stderr,
    )


@dataclass(frozen=True, slots=True)
class Source:
    """A tensor of one of the two folders."""

    trained: bool
    """Whether it lies in the adapter's."""
    key: str


@dataclass(frozen=True)
class Plan:
    """What the merged model holds, and from what each tensor of it is made.

    Names are those of the model's modules. A base may leave out their first part (GPT-2's files do): `prefix`.
    """

    base: Checkpoint
    adapter: Adapter
    config: Mapping[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        path = readable(self.base.folder / "config.json", "the base's configuration")
        object.__setattr__(self, "config", read_object(path))
        if self.config.get("quantization_config"):
            raise Problem(
                f"{path}: the base is quantised; merge into the model in F16 or BF16 from which it was made"
            )

    @cached_property
    def outputs(self) -> dict[str, Tensor]:
        """Every tensor of the merged model, in the order of the base."""
        found = {}
        for name, stored in self._names.items():
            if name == self.head and self._tied:
                # Not read by anyone where weights are tied; written below where they no longer are.
                continue
            found[name] = Tensor(self.base.tensors[stored].dtype, self._shape(name))
        if self.unties:
            found[self.head] = Tensor(
                found[self.embedding].dtype, self._shape(self.head)
            )
        return found

    @cached_property
    def changed(self) -> set[str]:
        """Those that differ from the base."""
        names = set(self.adapter.whole)
        for module, parts in self.adapter.modules.items():
            names.add(f"{module}.weight")
            if parts.has("b_bias"):
                names.add(f"{module}.bias")
        if self.unties:
            names.add(self.head)
        return names & set(self.outputs)

    def values(self, part: Shard) -> Iterator[tuple[str, torch.Tensor]]:
        """The tensors of a file, one at a time."""
        for name, tensor in part.tensors.items():
            if name in self.changed:
                yield name, self._merged(name).to(DTYPES[tensor.dtype])
            else:
                yield name, self.base.read(self._names[name])

    def _merged(self, name: str) -> torch.Tensor:
        """W + scaling·B·A, in float32: rounded to the base's type once, at the end."""
        module, _, part = name.rpartition(".")
        value = self._start(name)
        parts = self.adapter.modules.get(module)
        if parts is None:
            return value
        read = {part: self.adapter.read(key) for part, key in parts.keys.items()}
        if part == "bias":
            return (
                value + self.adapter.scaling(module) * read["b_bias"]
                if "b_bias" in read
                else value
            )
        if "tokens" in read:
            # Not a difference: PEFT keeps the rows themselves.
            return value.index_copy(
                0, torch.tensor(self._token_rows(module)), read["tokens"]
            )
        transposed = self._is_transposed(module)
        if "a" in read:
            product = read["b"] @ read["a"]
            product = product.T if transposed else product
        else:
            product = (read["embedding_b"] @ read["embedding_a"]).T
        value = value.add_(product, alpha=self.adapter.scaling(module))
        if "magnitude" in read:
            # DoRA, https://arxiv.org/abs/2402.09353: a length of its own for each output.
            across = 0 if transposed or "embedding_a" in read else 1
            length = read["magnitude"].reshape(-1) / torch.linalg.norm(
                value, dim=across
            )
            value = value * length.unsqueeze(across)
        return value

    def _start(self, name: str) -> torch.Tensor:
        """What LoRA's difference is added to, in float32."""
        source = self._source(name)
        if source.trained:
            return self.adapter.read(source.key)
        return self.base.read(source.key).float()

    def _source(self, name: str) -> "Source":
        """Where a tensor begins. Tied layers share one, unless one of them has a trained copy of its own."""
        whole = self.adapter.whole
        if name in whole:
            return Source(True, whole[name])
        if self._tied and name in (self.embedding, self.head):
            other = self.head if name == self.embedding else self.embedding
            if other in whole and not self.adapter.is_saved_whole(_module(other)):
                return Source(True, whole[other])
            return Source(False, self._names[self.embedding])
        return Source(False, self._names[name])

    @cached_property
    def unties(self) -> bool:
        """Whether the adapter makes two of embeddings and output layer that are one in the base.

        PEFT's `merge_and_unload` adds the difference of either to what both share, and saves one tensor: it then says
        something else than the adapted model, without a word.
        """
        if not self._tied:
            return False
        embedding, head = (
            self.adapter.modules.get(_module(name))
            for name in (self.embedding, self.head)
        )
        one, two = self._source(self.embedding), self._source(self.head)
        apart = one != two and not torch.equal(
            self._start(self.embedding), self._start(self.head)
        )
        if embedding and embedding.has("tokens"):
            if head or apart:
                raise Problem(
                    f"{self.adapter.folder}: trainable_token_indices together with an adapted output layer is a form "
                    "that is not known here; train the embeddings as a whole (modules_to_save)"
                )
            return False
        if not (embedding and head):
            return apart or bool(embedding or head)
        # With `ensure_weight_tying` both hold the same matrices, transposed.
        read = self.adapter.read
        same = torch.equal(
            read(embedding.keys["embedding_a"]).T, read(head.keys["b"])
        ) and torch.equal(read(embedding.keys["embedding_b"]).T, read(head.keys["a"]))
        return apart or not same

    def _shape(self, name: str) -> tuple[int, ...]:
        source = self._source(name)
        if source.trained:
            return self.adapter.tensors[source.key]
        return self.base.tensors[source.key].shape

    @cached_property
    def _tied(self) -> bool:
        try:
            config = transformers.AutoConfig.from_pretrained(self.base.folder)
        except (ValueError, OSError) as error:
            raise Problem(f"{self.base.folder}/config.json: {error}") from error
        return bool(config.get_text_config().tie_word_embeddings)

    @cached_property
    def embedding(self) -> str:
        """The name of the tokens' table."""
        for name in self._names:
            if _module(name).rpartition(".")[2] in EMBEDDINGS:
                return name
        raise Problem(
            f"{self.base.folder} has no embeddings under a known name ({', '.join(EMBEDDINGS)})"
        )

    @cached_property
    def head(self) -> str:
        """The name of the output layer; where weights are tied, no such tensor needs to be there."""
        present = [
            f"{name}.weight" for name in HEADS if f"{name}.weight" in self._names
        ]
        adapted = [
            name
            for name in HEADS
            if name in self.adapter.modules or f"{name}.weight" in self.adapter.whole
        ]
        return (
            present + [f"{name}.weight" for name in adapted] + [f"{HEADS[0]}.weight"]
        )[0]

    @cached_property
    def _names(self) -> dict[str, str]:
        """The name of a tensor in the model → its name in the base's files."""
        stored = self.base.tensors
        wanted = [f"{module}.weight" for module in self.adapter.modules] + list(
            self.adapter.whole
        )
        prefixes = {
            name.partition(".")[0] + "."
            for name in wanted
            if name not in stored and name.partition(".")[2] in stored
        }
        prefix = prefixes.pop() if len(prefixes) == 1 else ""
        return {
            name if name.startswith(HEADS) else prefix + name: name for name in stored
        }

    def _is_transposed(self, module: str) -> bool:
        # The configuration's fan_in_fan_out is not asked: PEFT leaves there what held for the last layer it adapted.
        return (
            self.config.get("model_type") in CONV1D_MODELS
            and module.rpartition(".")[2] in CONV1D_LAYERS
        )

    def _token_rows(self, module: str) -> list[int]:
        indices = self.adapter.config["trainable_token_indices"]
        if isinstance(indices, dict):
            indices = next(
                rows for name, rows in indices.items() if module.endswith(name)
            )
        return list(indices)

    def check(self) -> None:
        """Refuses an adapter of another base, by its record, its names and its shapes."""
        self.adapter.check_base(self.base)
        if not self.adapter.tensors:
            raise Problem(
                f"{self.adapter.folder}/{WEIGHTS} holds no tensors; train it again"
            )
        known = set(self._names) | {self.embedding, self.head}
        for name in self.adapter.whole:
            if name not in known:
                raise self._another_base(f"{name} is not in the base")
            if name not in (self.embedding, self.head):
                ours, theirs = (
                    self._shape(name),
                    self.base.tensors[self._names[name]].shape,
                )
                if ours != theirs:
                    raise self._another_base(
                        f"{name} is {list(theirs)} there and {list(ours)} in the adapter"
                    )
        for module, parts in self.adapter.modules.items():
            name = f"{module}.weight"
            if name not in known:
                raise self._another_base(f"{name} is not in the base")
            self._check_shapes(module, self._shape(name))
            if parts.has("b_bias") and f"{module}.bias" not in known:
                raise Problem(
                    f"{self.adapter.folder}: {module} has a trained bias (lora_bias) and the base's layer has none, so "
                    "that it has nowhere to go; train without lora_bias"
                )
        rows = self._shape(self.embedding)[0]
        if (
            not self._tied
            and self.head in self._names
            and self._shape(self.head)[0] != rows
        ):
            raise Problem(
                f"{self.adapter.folder}: the embeddings have {rows} rows and the output layer "
                f"{self._shape(self.head)[0]}; save the adapter with save_embedding_layers=True"
            )
        tokens = len(transformers.AutoTokenizer.from_pretrained(self._tokenizer))
        if tokens > rows:
            raise Problem(
                f"{self._tokenizer}: the tokenizer has {tokens} tokens and the embeddings {rows} rows; the vocabulary was "
                "enlarged and the adapter saved without it: save it with save_embedding_layers=True"
            )

    def _check_shapes(self, module: str, shape: tuple[int, ...]) -> None:
        keys = self.adapter.modules[module].keys
        shapes = {part: self.adapter.tensors[key] for part, key in keys.items()}
        if "tokens" in keys:
            fits = shapes["tokens"] == (len(self._token_rows(module)), shape[1])
        elif ("a" in keys) != ("b" in keys) or ("embedding_a" in keys) != (
            "embedding_b" in keys
        ):
            raise Problem(
                f"{self.adapter.folder}/{WEIGHTS}: {module} has one matrix of two; save the adapter again"
            )
        elif "embedding_a" in keys:
            a, b = shapes["embedding_a"], shapes["embedding_b"]
            fits = (a[1], b[0]) == shape and a[0] == b[1]
        elif len(shapes["a"]) != 2:
            raise Problem(
                f"{self.adapter.folder}: {module} is a convolution, which is not merged here; leave it out of "
                "target_modules"
            )
        else:
            a, b = shapes["a"], shapes["b"]
            layer = tuple(reversed(shape)) if self._is_transposed(module) else shape
            fits = (b[0], a[1]) == layer and a[0] == b[1]
        if not fits:
            raise self._another_base(
                f"{module} is {list(shape)} there, and the adapter's is {shapes}"
            )

    def _another_base(self, difference: str) -> Problem:
        trained = self.adapter.config.get("base_model_name_or_path")
        return Problem(
            f"{self.adapter.folder} does not belong to {self.base.folder}: {difference}; it was trained on {trained}"
        )

    @cached_property
    def _tokenizer(self) -> Path:
        """Whose tokenizer is taken: training may have added tokens, and brings its chat template."""
        brought = any((self.adapter.folder / name).exists() for name in TOKENIZER)
        return self.adapter.folder if brought else self.base.folder

    def write_rest(self, folder: Path) -> None:
        """Configuration, tokenizer and what else belongs to a model."""
        config = dict(self.config)
        text = config["text_config"] = (
            dict(config["text_config"]) if "text_config" in config else config
        )
        if text is config:
            del config["text_config"]
        text["vocab_size"] = self._shape(self.embedding)[0]
        if self.unties:
            config["tie_word_embeddings"] = text["tie_word_embeddings"] = False
        (folder / "config.json").write_text(
            json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8"
        )
        for source, patterns in (
            (self._tokenizer, TOKENIZER_FILES),
            (self.base.folder, OTHER_FILES),
        ):
            for pattern in patterns:
                for path in source.glob(pattern):
                    shutil.copyfile(path, folder / path.name)
        # Fast tokenizers are saved without it; the converter wants it, and added tokens stand in tokenizer_config.json.
        pieces = self.base.folder / "tokenizer.model"
        if pieces.exists() and not (folder / "tokenizer.model").exists():
            shutil.copyfile(pieces, folder / "tokenizer.model")

    def record(self) -> dict[str, Any]:
        """From what it is made; lies beside the model as merge.json."""
        adapter = hashlib.sha256((self.adapter.folder / WEIGHTS).read_bytes())
        adapter.update((self.adapter.folder / "adapter_config.json").read_bytes())
        return {
            "base": self.base.folder.name,
            "base_fingerprint": self.base.fingerprint,
            "adapter": self.adapter.folder.name,
            "adapter_sha256": adapter.hexdigest(),
            "changed": len(self.changed),
            "unties": self.unties,
        }


def _module(name: str) -> str:
    return name.rpartition(".")[0]
