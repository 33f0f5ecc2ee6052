"""The work of `adapter`: brings PEFT's forms into the one that a LoRA file of llama.cpp has, and refuses what it cannot say."""

import hashlib
import json
import math
import sys
import tempfile
from pathlib import Path

import gguf
import torch
import transformers
from safetensors.torch import save_file

from . import converter
from .checkpoint import Checkpoint
from .gguf_file import SOURCE, made_from, opened
from .lora import CONFIG, WEIGHTS, Adapter
from .merge import EMBEDDINGS, HEADS, Plan
from .problems import Problem
from .resources import need_disk, size


def adapt(
    base: Path, folder: Path, out: Path, *, llama_cpp: Path | None = None
) -> None:
    """Writes `out`, whole and checked or not at all."""
    adapter = Adapter.open(folder)
    checkpoint = Checkpoint(base)
    check_expressible(adapter, checkpoint)
    plan = Plan(checkpoint, adapter)
    plan.check()
    record = plan.record()
    fingerprint = hashlib.sha256(
        f"{converter.VERSION} {record['base_fingerprint']} {record['adapter_sha256']}".encode()
    ).hexdigest()
    if out.exists():
        if made_from(out) == fingerprint:
            print(f"adapter: {out} is already there, of this adapter", file=sys.stderr)
            return
        raise Problem(
            f"{out} is there already and is of another adapter; remove it or name another file"
        )
    llama_cpp = converter.find(llama_cpp)
    # Matrices are written in float32.
    need_disk(
        out.parent, sum(4 * math.prod(shape) for shape in adapter.tensors.values())
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".part")
    with tempfile.TemporaryDirectory() as temporary:
        staged = stage(adapter, Path(temporary) / folder.absolute().name)
        arguments = ["--base", base, "--outtype", "f32", "--outfile", partial, staged]
        converter.run(
            llama_cpp, converter.LORA, arguments, metadata={SOURCE: fingerprint}
        )
        alpha = json.loads((staged / CONFIG).read_text("utf-8"))["lora_alpha"]
    try:
        check(opened(partial), adapter, alpha)
    except Problem:
        partial.unlink()
        raise
    partial.replace(out)
    print(
        f"adapter: {out}, {size(out.stat().st_size)}, {len(adapter.modules)} layers",
        file=sys.stderr,
    )


def check_expressible(adapter: Adapter, checkpoint: Checkpoint) -> None:
    """Refuses what a LoRA file of llama.cpp cannot say."""

    def refused(what: str) -> Problem:
        return Problem(
            f"{adapter.folder}: {what}; merge it instead (`chatfriends-train merge`, then `convert`)"
        )

    for name, key in adapter.whole.items():
        # PEFT copies an output layer that it adapts into the adapter; where it is the base's, nothing is lost.
        stored = checkpoint.tensors.get(name)
        if (
            stored is None
            or stored.shape != adapter.tensors[key]
            or not torch.equal(checkpoint.read(name).float(), adapter.read(key))
        ):
            raise refused(
                f"it holds {name} as a whole, and an adapter file holds only differences"
            )
    try:
        config = transformers.AutoConfig.from_pretrained(checkpoint.folder)
    except (ValueError, OSError) as error:
        raise Problem(f"{checkpoint.folder}: {error}") from error
    if config.model_type in ("gpt2", "openai-gpt"):
        raise refused(
            "GPT-2's layers are stored transposed, which llama.cpp's adapters do not know"
        )
    tied = config.get_text_config().tie_word_embeddings
    for module, parts in adapter.modules.items():
        last = module.rpartition(".")[2]
        if parts.has("magnitude"):
            raise refused(
                f"{module} is trained with DoRA, whose lengths have no place in an adapter file"
            )
        if parts.has("tokens") or parts.has("embedding_a") or last in EMBEDDINGS:
            raise refused(
                f"it adapts the embeddings ({module}), which the engine does not load"
            )
        if parts.has("b_bias"):
            raise refused(f"{module} has a trained bias")
        if last in HEADS and tied:
            raise refused(
                f"it adapts the output layer ({module}), which in this base is the table of the embeddings"
            )


def stage(adapter: Adapter, folder: Path) -> Path:
    """The same adapter with one alpha, by which llama.cpp multiplies alpha/r·B·A in every layer.

    The converter reads `lora_alpha` alone: it ignores rsLoRA (alpha/√r) and patterns of ranks and alphas. The first
    layer's scaling becomes the alpha; where another layer's differs, its B takes up the difference.
    """
    folder.mkdir()
    first = next(iter(adapter.modules))
    alpha = adapter.scaling(first) * adapter.rank(first)
    tensors = {}
    for module, parts in adapter.modules.items():
        a, b = adapter.read(parts.keys["a"]), adapter.read(parts.keys["b"])
        factor = adapter.scaling(module) * adapter.rank(module) / alpha
        tensors[parts.keys["a"]] = a
        tensors[parts.keys["b"]] = b if factor == 1 else b * factor
    save_file(tensors, folder / WEIGHTS)
    config = dict(adapter.config) | {
        "lora_alpha": alpha,
        "use_rslora": False,
        "alpha_pattern": {},
        "rank_pattern": {},
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2), "utf-8")
    return folder


def check(file: gguf.GGUFReader, adapter: Adapter, alpha: float) -> None:
    """Raises `Problem` unless the file holds a pair of matrices for each layer, and the alpha."""
    names = [tensor.name for tensor in file.tensors]
    pairs = sum(name.endswith(".lora_a") for name in names)
    found = file.fields[gguf.Keys.Adapter.LORA_ALPHA].contents()
    if (
        pairs != len(adapter.modules)
        or len(names) != 2 * pairs
        or not math.isclose(found, alpha, rel_tol=1e-6)
    ):
        raise Problem(
            f"{adapter.folder}: llama.cpp's converter wrote {pairs} layers with alpha {found} where "
            f"{len(adapter.modules)} with {alpha} belong; merge it instead"
        )
