"""Merging, on tiny random models: the merged model says what base and adapter together say."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

SCRIPTS = Path(__file__).parents[2]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import lora, merge, resources, tiny  # noqa: E402
from chatfriends_train.problems import Problem  # noqa: E402

torch.set_num_threads(1)
IDS = torch.arange(0, tiny.VOCABULARY, 37)[None]

# What is the same product in another order of sums; a wrong weight shows as 0.01 and more.
ROUNDING = 1e-4


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ARCHITECTURE/base and ARCHITECTURE/adapter for each architecture."""
    folder = tmp_path_factory.mktemp("made")
    for name in tiny.ARCHITECTURES:
        base = tiny.make(name, folder / name / "base")
        tiny.make_adapter(name, base, folder / name / "adapter")
    return folder


def said(model: Any, ids: torch.Tensor = IDS) -> torch.Tensor:
    """Log-probabilities of every next token."""
    with torch.no_grad():
        return model.eval()(ids).logits.float().log_softmax(-1)


def load(folder: Path) -> Any:
    """The model, which must be whole: nothing missing, nothing left over."""
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        folder, output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"], report
    return model


def adapted(base: Path, adapter: Path) -> Any:
    """The base with its adapter beside it."""
    return peft.PeftModel.from_pretrained(load(base), adapter)


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest absolute difference."""
    return float((one - other).abs().max())


@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
def test_every_architecture_is_merged_as_peft_merges_it(
    made: Path, tmp_path: Path, name: str
):
    base, adapter = made / name / "base", made / name / "adapter"
    merge.merge(base, adapter, tmp_path / "out")
    together = adapted(base, adapter)
    expected = said(together)
    merged = load(tmp_path / "out")
    assert difference(said(merged), expected) < ROUNDING
    assert difference(said(load(base)), expected) > 0.1, (
        "an adapter that changes nothing proves nothing"
    )
    theirs = together.merge_and_unload().state_dict()
    for key, value in merged.state_dict().items():
        assert difference(value, theirs[key]) < 1e-6, key


VARIANTS: dict[str, tuple[dict[str, Any], bool]] = {
    # What the adapter trains, and whether embeddings and output layer, one in the base, must become two.
    "rsLoRA": ({"use_rslora": True}, False),
    "patterns": (
        {
            "rank_pattern": {"q_proj": 4, "layers.1.mlp.up_proj": 16},
            "alpha_pattern": {"k_proj": 3, "layers.0.self_attn.q_proj": 40},
        },
        False,
    ),
    "rsLoRA with patterns": (
        {"use_rslora": True, "rank_pattern": {"q_proj": 2}},
        False,
    ),
    "DoRA": ({"use_dora": True}, False),
    "DoRA on embeddings": (
        {"use_dora": True, "target_modules": ["embed_tokens"]},
        True,
    ),
    "biases": ({"bias": "lora_only"}, False),
    "LoRA's own bias": ({"lora_bias": True, "target_modules": ["q_proj"]}, False),
    "a norm as a whole": ({"modules_to_save": ["norm"]}, False),
    "rows of tokens": ({"trainable_token_indices": [3, 700]}, False),
    "LoRA on embeddings": ({"target_modules": ["q_proj", "embed_tokens"]}, True),
    "LoRA on the output layer": ({"target_modules": ["q_proj", "lm_head"]}, True),
    "LoRA on both": ({"target_modules": ["embed_tokens", "lm_head"]}, True),
    "LoRA on both as one": (
        {"target_modules": ["q_proj", "embed_tokens"], "ensure_weight_tying": True},
        False,
    ),
    "embeddings as a whole": ({"modules_to_save": ["embed_tokens"]}, True),
    "output layer as a whole": ({"modules_to_save": ["lm_head"]}, True),
    "both as wholes": ({"modules_to_save": ["embed_tokens", "lm_head"]}, True),
    "both as one whole": (
        {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True},
        False,
    ),
}


# LLaMA's layers have no biases: refused, see below.
CASES = [
    (name, variant)
    for name in ("qwen2", "llama")
    for variant in VARIANTS
    if (name, variant) != ("llama", "LoRA's own bias")
]


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_every_kind_of_adapter_says_the_same_when_merged(
    made: Path, tmp_path: Path, name: str, variant: str
):
    """PEFT's own merge is wrong by 0.9 and more where qwen2's tied weights must part, and says nothing."""
    changes, parts = VARIANTS[variant]
    base = made / name / "base"
    adapter = tiny.make_adapter(name, base, tmp_path / "adapter", **changes)
    merge.merge(base, adapter, tmp_path / "out")
    config = json.loads((tmp_path / "out/config.json").read_text("utf-8"))
    assert config["tie_word_embeddings"] is (name == "qwen2" and not parts)
    expected = said(adapted(base, adapter))
    assert difference(said(load(tmp_path / "out")), expected) < ROUNDING
    assert difference(said(load(base)), expected) > 0.1


def test_a_bias_that_has_nowhere_to_go_is_refused(made: Path, tmp_path: Path):
    base = made / "llama/base"
    adapter = tiny.make_adapter("llama", base, tmp_path / "adapter", lora_bias=True)
    with pytest.raises(Problem, match="trained bias .* the base's layer has none"):
        merge.merge(base, adapter, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_types_of_the_base_are_kept(made: Path, tmp_path: Path):
    base = tiny.make("mistral", tmp_path / "base", dtype=torch.bfloat16)
    adapter = tiny.make_adapter("mistral", base, tmp_path / "adapter")
    merge.merge(base, adapter, tmp_path / "out")
    exact = adapted(base, adapter).merge_and_unload().state_dict()
    for key, value in load_file(tmp_path / "out/model.safetensors").items():
        assert value.dtype == torch.bfloat16
        # One rounding to eight bits of precision.
        assert torch.allclose(
            value.float(), exact[key].float(), rtol=2**-8, atol=1e-6
        ), key


def test_gpt2_as_the_hub_has_it(made: Path, tmp_path: Path):
    """Its files leave out the first part of names, and an adapted output layer must not be taken for one of them.

    PEFT then also writes fan_in_fan_out of whichever layer it adapted last.
    """
    base = tmp_path / "base"
    shutil.copytree(made / "gpt2/base", base)
    tensors = load_file(base / "model.safetensors")
    bare = {name.removeprefix("transformer."): value for name, value in tensors.items()}
    save_file(bare, base / "model.safetensors", metadata={"format": "pt"})
    for number, targets in enumerate(
        (["c_attn", "c_proj"], ["c_attn", "c_proj", "lm_head"])
    ):
        adapter = tiny.make_adapter(
            "gpt2", base, tmp_path / f"adapter{number}", target_modules=targets
        )
        merge.merge(base, adapter, tmp_path / f"out{number}")
        assert (
            difference(
                said(load(tmp_path / f"out{number}")), said(adapted(base, adapter))
            )
            < ROUNDING
        )


@pytest.mark.parametrize("name", ["llama", "qwen2", "gemma", "gpt2"])
def test_a_resized_vocabulary(made: Path, tmp_path: Path, name: str):
    base = made / name / "base"
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<|joey|>", "<|메추리|>"]}
    )
    model = load(base)
    model.resize_token_embeddings(len(tokenizer))
    settings = peft.LoraConfig(
        task_type="CAUSAL_LM",
        target_modules=list(tiny.ARCHITECTURES[name].targets),
        fan_in_fan_out=tiny.ARCHITECTURES[name].fan_in_fan_out,
        init_lora_weights=False,
    )
    together = peft.get_peft_model(model, settings)
    together.save_pretrained(tmp_path / "adapter", save_embedding_layers=True)
    tokenizer.save_pretrained(tmp_path / "adapter")
    merge.merge(base, tmp_path / "adapter", tmp_path / "out")
    config = json.loads((tmp_path / "out/config.json").read_text("utf-8"))
    assert (
        config["vocab_size"]
        == len(tokenizer)
        == len(transformers.AutoTokenizer.from_pretrained(tmp_path / "out"))
    )
    ids = torch.cat(
        [IDS, torch.tensor([[len(tokenizer) - 1, len(tokenizer) - 2]])], dim=1
    )
    assert difference(said(load(tmp_path / "out"), ids), said(together, ids)) < ROUNDING

    together.save_pretrained(tmp_path / "without", save_embedding_layers=False)
    tokenizer.save_pretrained(tmp_path / "without")
    with pytest.raises(
        Problem,
        match="2050 tokens and the embeddings 2048 rows.*save_embedding_layers=True",
    ):
        merge.merge(base, tmp_path / "without", tmp_path / "other")


def test_an_adapter_of_another_base_is_refused(made: Path, tmp_path: Path):
    llama, mistral, qwen = (made / name for name in ("llama", "mistral", "qwen2"))
    with pytest.raises(Problem, match="other weights; give --base .*mistral/base"):
        merge.merge(llama / "base", mistral / "adapter", tmp_path / "out")

    # The base's folder is no longer there, so that names and shapes must tell.
    moved = tmp_path / "moved"
    shutil.copytree(mistral / "adapter", moved)
    rename(moved, base_model_name_or_path="/nowhere/mistral")
    with pytest.raises(
        Problem, match=r"k_proj is \[256, 256\] there.*trained on /nowhere/mistral"
    ):
        merge.merge(llama / "base", moved, tmp_path / "out")
    with pytest.raises(Problem, match="is not in the base"):
        merge.merge(made / "gpt-neox/base", moved, tmp_path / "out")

    # Of the same shape, and only the record tells: another seed, another model.
    other = tiny.make("qwen2", tmp_path / "other", seed=7)
    shutil.copytree(qwen / "adapter", tmp_path / "recorded")
    lora.record_base(tmp_path / "recorded", qwen / "base", "Qwen/Qwen2-1.5B")
    rename(tmp_path / "recorded", base_model_name_or_path="/nowhere/qwen2")
    with pytest.raises(
        Problem, match="other holds other weights than that had; give --base Qwen/"
    ):
        merge.merge(other, tmp_path / "recorded", tmp_path / "out")
    merge.merge(qwen / "base", tmp_path / "recorded", tmp_path / "good")

    # Both say who they are.
    rename(tmp_path / "recorded", base_model_name_or_path="Qwen/Qwen2-1.5B")
    (tmp_path / "recorded/base.json").unlink()
    snapshot = tmp_path / "models--Qwen--Qwen2.5-1.5B/snapshots/1"
    shutil.copytree(qwen / "base", snapshot)
    with pytest.raises(
        Problem, match="trained on Qwen/Qwen2-1.5B, and .* is Qwen/Qwen2.5-1.5B"
    ):
        merge.merge(snapshot, tmp_path / "recorded", tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def rename(adapter: Path, **changes: Any) -> None:
    """Changes an adapter's configuration."""
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"peft_type": "IA3"}, "only LoRA"),
        ({"init_lora_weights": "pissa_niter_16"}, "began by changing the base"),
        ({"alora_invocation_tokens": [1, 2]}, "only after its invocation tokens"),
        ({"target_parameters": ["experts.gate_up_proj"]}, "no layer's weight"),
        ({"use_qalora": True}, "pools its input"),
    ],
)
def test_what_cannot_be_merged_is_refused(
    made: Path, tmp_path: Path, changes: dict[str, Any], reason: str
):
    shutil.copytree(made / "qwen2/adapter", tmp_path / "adapter")
    rename(tmp_path / "adapter", **changes)
    with pytest.raises(Problem, match=reason):
        merge.merge(made / "qwen2/base", tmp_path / "adapter", tmp_path / "out")


def cut_off(name: str, count: int) -> Callable[[Path], None]:
    """As a download or a copy that broke off leaves a file of a folder."""

    def cut(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[:-count])

    return cut


def quantised(base: Path) -> None:
    """As bitsandbytes leaves it."""
    path = base / "config.json"
    path.write_text(
        json.dumps(
            json.loads(path.read_text("utf-8"))
            | {"quantization_config": {"load_in_4bit": True}}
        )
    )


def index_of_nothing(base: Path) -> None:
    """As somebody has edited it."""
    (base / "model.safetensors.index.json").write_text("{}")


def pickled(base: Path) -> None:
    """As older models lie on the hub."""
    (base / "model.safetensors").rename(base / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (cut_off("model.safetensors", 1000), "bytes where .* belong; fetch it again"),
        (quantised, "is quantised"),
        (pickled, "as .bin files"),
        (cut_off("config.json", 10), "config.json is no JSON"),
        (index_of_nothing, "index.json does not say in which files"),
    ],
)
def test_a_base_that_cannot_be_read_is_named(
    made: Path, tmp_path: Path, spoil: Callable[[Path], None], reason: str
):
    shutil.copytree(made / "llama3/base", tmp_path / "base")
    spoil(tmp_path / "base")
    with pytest.raises(Problem, match=reason):
        merge.merge(tmp_path / "base", made / "llama3/adapter", tmp_path / "out")


def foreign_weights(adapter: Path) -> None:
    """As a page that was saved under their name."""
    (adapter / "adapter_model.safetensors").write_text("<html>Sign in</html>")


def without_alpha(adapter: Path) -> None:
    """As somebody has edited it."""
    rename(adapter, lora_alpha=None)


def half_a_record(adapter: Path) -> None:
    """As a copy that broke off leaves it."""
    (adapter / "base.json").write_text('{"name": "x"')


def record_of_nothing(adapter: Path) -> None:
    """As somebody has edited it."""
    (adapter / "base.json").write_text('{"name": "x"}')


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            cut_off("adapter_model.safetensors", 1000),
            "adapter_model.safetensors is no safetensors file, or was",
        ),
        (foreign_weights, "adapter_model.safetensors is no safetensors file, or was"),
        (without_alpha, "adapter_config.json: lora_alpha is None"),
        (cut_off("adapter_config.json", 10), "adapter_config.json is no JSON"),
        (half_a_record, "base.json is no JSON"),
        (record_of_nothing, "base.json lacks the name or the fingerprint"),
    ],
)
def test_an_adapter_that_cannot_be_read_is_named(
    made: Path, tmp_path: Path, spoil: Callable[[Path], None], reason: str
):
    shutil.copytree(made / "qwen2/adapter", tmp_path / "adapter")
    spoil(tmp_path / "adapter")
    with pytest.raises(Problem, match=reason):
        merge.merge(made / "qwen2/base", tmp_path / "adapter", tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_an_empty_folder_is_as_good_as_none(made: Path, tmp_path: Path):
    """It was said to hold something else."""
    (tmp_path / "out").mkdir()
    merge.merge(made / "qwen2/base", made / "qwen2/adapter", tmp_path / "out")
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_a_full_disk_and_a_small_memory_are_named_before_anything_is_written(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**6))
        with pytest.raises(Problem, match="1.0 MB free and .* are needed"):
            merge.merge(made / "gpt2/base", made / "gpt2/adapter", tmp_path / "out")
    with pytest.raises(Problem, match="needs 1000000.0 GB of memory"):
        resources.need_memory(10**15, "this")
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from chatfriends_train import merge
values, seen = merge.Plan.values, []
def dying(plan, part):
    for named in values(plan, part):
        seen.append(named)
        if len(seen) == 12:
            os.kill(os.getpid(), signal.SIGKILL)
        yield named
merge.Plan.values = dying
merge.merge(*map(Path, sys.argv[2:5]), shard_bytes=1_000_000)
"""


def test_a_run_that_was_killed_goes_on(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    base, adapter = made / "mistral/base", made / "mistral/adapter"
    out, partial = tmp_path / "out", tmp_path / "out.part"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(SCRIPTS), str(base), str(adapter), str(out)],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL and not out.exists()
    kept = {
        path.name: path.stat().st_mtime_ns for path in partial.glob("*.safetensors")
    }
    assert kept and list(partial.glob("*.part")), (
        "it was killed within a file, after whole ones"
    )

    merge.merge(base, adapter, out, shard_bytes=1_000_000)
    assert "goes on after" in capsys.readouterr().err
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == kept
    assert not partial.exists() and not list(out.glob("*.part"))
    merge.merge(base, adapter, tmp_path / "whole", shard_bytes=1_000_000)
    files = sorted(path.name for path in out.iterdir())
    assert files == sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert all(
        (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
        for name in files
    )
    assert difference(said(load(out)), said(adapted(base, adapter))) < ROUNDING

    merge.merge(base, adapter, out, shard_bytes=1_000_000)
    assert "is already there" in capsys.readouterr().err
    other = tiny.make_adapter("mistral", base, tmp_path / "other", seed=9)
    with pytest.raises(Problem, match="holds something else; remove it"):
        merge.merge(base, other, out, shard_bytes=1_000_000)


def test_what_a_run_with_another_adapter_left_is_not_taken(made: Path, tmp_path: Path):
    base, out = made / "mistral/base", tmp_path / "out"
    other = tiny.make_adapter("mistral", base, tmp_path / "other", seed=9)
    command = [
        sys.executable,
        "-c",
        KILLED,
        str(SCRIPTS),
        str(base),
        str(other),
        str(out),
    ]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    merge.merge(base, made / "mistral/adapter", out, shard_bytes=1_000_000)
    assert (
        difference(said(load(out)), said(adapted(base, made / "mistral/adapter")))
        < ROUNDING
    )


def test_a_folder_that_merge_has_not_begun_is_left(made: Path, tmp_path: Path):
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "thesis").write_text("all of it")
    with pytest.raises(Problem, match="out.part is there and holds something else"):
        merge.merge(made / "qwen2/base", made / "qwen2/adapter", tmp_path / "out")
    assert (tmp_path / "out.part" / "thesis").exists()


MEASURED = """
import re, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from chatfriends_train import merge
def held():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) * 1024
values, most = merge.Plan.values, []
def measured(plan, part):
    for named in values(plan, part):
        most.append(held())
        yield named
merge.Plan.values = measured
plan = merge.Plan.check
def check(self):
    plan(self)
    most.append(held())
merge.Plan.check = check
merge.merge(*map(Path, sys.argv[2:5]))
print(max(most) - most[0])
"""


def test_memory_holds_one_tensor_at_a_time(tmp_path: Path, made: Path):
    """A model of 300 MB, whose largest tensor has 4 MB."""
    grown = dataclasses.replace(
        tiny.ARCHITECTURES["llama"],
        shape=tiny.DECODER
        | {
            "hidden_size": 1024,
            "intermediate_size": 1024,
            "num_hidden_layers": 10,
            "num_key_value_heads": 8,
        },
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tiny.ARCHITECTURES, "llama", grown)
        base = tiny.make("llama", tmp_path / "base")
        adapter = tiny.make_adapter("llama", base, tmp_path / "adapter")
    assert (base / "model.safetensors").stat().st_size > 290e6
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            MEASURED,
            str(SCRIPTS),
            str(base),
            str(adapter),
            str(tmp_path / "out"),
        ],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"MALLOC_ARENA_MAX": "1"},
    )
    assert int(done.stdout) < 40e6
