"""GGUF files, on tiny random models: the daemon's engine loads them and says what the model says."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer

SCRIPTS = Path(__file__).parents[2]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import (  # noqa: E402
    adapter,
    convert,
    converter,
    daemon,
    files,
    gguf_file,
    merge,
    pretokenizer,
    scores,
    tiny,
)
from chatfriends_train.problems import Problem  # noqa: E402

torch.set_num_threads(1)
IDS = tuple(range(300, 1700, 23))

# The engine keeps keys and values in 16 bits: 0.01 with these models, where an adapter makes 0.3 and more.
ENGINE = 0.03


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For each architecture: base, adapter and merged, and of base and merged a file in f32."""
    folder = tmp_path_factory.mktemp("made")
    wanted = []
    for name in tiny.ARCHITECTURES:
        base = tiny.make(name, folder / name / "base")
        tiny.make_adapter(name, base, folder / name / "adapter")
        merge.merge(base, folder / name / "adapter", folder / name / "merged")
        wanted += [folder / name / "base", folder / name / "merged"]
    # Most of it is waiting for the converter's process.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        written = [
            pool.submit(
                convert.convert, model, model.with_suffix(".gguf"), stored="f32"
            )
            for model in wanted
        ]
        for one in written:
            one.result()
    return folder


def said(model: Any) -> np.ndarray:
    """Log-probabilities of every next token by Transformers."""
    with torch.no_grad():
        return (
            model.eval()(torch.tensor([IDS])).logits[0].float().log_softmax(-1).numpy()
        )


def engine(model: Path, lora: Path | None = None) -> np.ndarray:
    """The same by the daemon's engine."""
    return scores.score(model, [scores.Passage(IDS, tuple(range(len(IDS))))], lora).rows


def load(folder: Path) -> Any:
    """The model in Transformers."""
    return transformers.AutoModelForCausalLM.from_pretrained(folder)


def adapted(base: Path, folder: Path) -> Any:
    """The base with its adapter beside it."""
    return peft.PeftModel.from_pretrained(load(base), folder)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest absolute difference."""
    return float(np.abs(one - other).max())


@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
def test_a_converted_model_says_what_the_model_says(made: Path, name: str):
    folder = made / name
    base, together = (
        said(load(folder / "base")),
        said(adapted(folder / "base", folder / "adapter")),
    )
    assert difference(engine(folder / "base.gguf"), base) < ENGINE
    assert difference(engine(folder / "merged.gguf"), together) < ENGINE
    assert difference(base, together) > 3 * ENGINE, (
        "an adapter that changes nothing proves nothing"
    )


@pytest.mark.parametrize(
    "name", [name for name in tiny.ARCHITECTURES if name != "gpt2"]
)
def test_an_adapter_file_says_what_the_adapter_says(
    made: Path, tmp_path: Path, name: str
):
    folder = made / name
    adapter.adapt(folder / "base", folder / "adapter", tmp_path / "lora.gguf")
    together = said(adapted(folder / "base", folder / "adapter"))
    assert (
        difference(engine(folder / "base.gguf", tmp_path / "lora.gguf"), together)
        < ENGINE
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"use_rslora": True},
        {"use_rslora": True, "rank_pattern": {"q_proj": 2, "down_proj": 16}},
        {
            "rank_pattern": {"q_proj": 4},
            "alpha_pattern": {"v_proj": 64, "layers.1.mlp.up_proj": 2},
        },
    ],
    ids=["rsLoRA", "rsLoRA with ranks", "ranks and alphas"],
)
@pytest.mark.parametrize("name", ["qwen2", "llama"])
def test_scalings_that_the_converter_ignores(
    made: Path, tmp_path: Path, name: str, changes: dict[str, Any]
):
    """It reads lora_alpha alone; an rsLoRA adapter was wrong by 1.7 without a word."""
    base = made / name / "base"
    folder = tiny.make_adapter(name, base, tmp_path / "adapter", **changes)
    adapter.adapt(base, folder, tmp_path / "lora.gguf")
    assert (
        difference(
            engine(made / name / "base.gguf", tmp_path / "lora.gguf"),
            said(adapted(base, folder)),
        )
        < ENGINE
    )


def test_an_output_layer_of_its_own_is_adapted(made: Path, tmp_path: Path):
    base = made / "llama/base"
    folder = tiny.make_adapter(
        "llama", base, tmp_path / "adapter", target_modules=["q_proj", "lm_head"]
    )
    adapter.adapt(base, folder, tmp_path / "lora.gguf")
    assert (
        difference(
            engine(made / "llama/base.gguf", tmp_path / "lora.gguf"),
            said(adapted(base, folder)),
        )
        < ENGINE
    )


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("gpt2", {}, "stored transposed"),
        ("qwen2", {"use_dora": True}, "trained with DoRA"),
        ("qwen2", {"modules_to_save": ["norm"]}, "norm.weight as a whole"),
        ("qwen2", {"modules_to_save": ["lm_head"]}, "lm_head.weight as a whole"),
        (
            "qwen2",
            {"target_modules": ["q_proj", "embed_tokens"]},
            "as a whole|adapts the embeddings",
        ),
        (
            "qwen2",
            {"target_modules": ["q_proj", "lm_head"]},
            "as a whole|adapts the output layer",
        ),
        ("qwen2", {"trainable_token_indices": [3]}, "adapts the embeddings"),
        ("qwen2", {"lora_bias": True}, "trained bias"),
        (
            "mamba",
            {"target_modules": ["in_proj", "embeddings"]},
            "as a whole|adapts the embeddings",
        ),
    ],
)
def test_what_an_adapter_file_cannot_say_is_refused(
    made: Path, tmp_path: Path, name: str, changes: dict[str, Any], reason: str
):
    base = made / name / "base"
    folder = tiny.make_adapter(name, base, tmp_path / "adapter", **changes)
    with pytest.raises(Problem, match=f"({reason}).*merge it instead"):
        adapter.adapt(base, folder, tmp_path / "lora.gguf")
    assert not list(tmp_path.glob("lora.gguf*"))


@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
def test_the_daemon_answers_with_it(made: Path, tmp_path: Path, name: str):
    model = made / name / "merged.gguf"
    shown = subprocess.run(
        [daemon.program(), "model", "inspect", model],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "chat template: yes" in shown
    personas = tmp_path / "config/personas"
    personas.mkdir(parents=True)
    persona = {
        "name": "Tiny",
        "system": "You are Tiny.",
        "greeting": "Hi!",
        "model": str(model),
        "reply_tokens": 12,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in persona.items()]
    (personas / "tiny.toml").write_text(
        "\n".join([*lines, 'languages = ["en"]']), "utf-8"
    )
    talk = subprocess.run(
        [daemon.program(), "chat", "--persona", "tiny"],
        input="안녕? How are you? 😀\n",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "CHATFRIENDS__ENGINE__SLOTS": "1",
            "CHATFRIENDS__WEB__LISTEN": "127.0.0.1:0",
        },
        timeout=120,
        check=True,
    )
    assert talk.stdout.strip(), talk.stderr


STOPS = {
    "gemma": ["<eos>", "<end_of_turn>"],
    "llama3": ["<|eot_id|>"],
    "qwen2": ["<|im_end|>"],
    "mistral": ["</s>"],
}


@pytest.mark.parametrize("name", STOPS)
def test_template_and_stop_tokens_stand_in_the_file(made: Path, name: str):
    file = gguf.GGUFReader(made / name / "merged.gguf")
    tokens = file.fields["tokenizer.ggml.tokens"].contents()
    keys = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id")
    assert [
        tokens[file.fields[key].contents()] for key in keys if key in file.fields
    ] == STOPS[name]
    assert (
        file.fields["tokenizer.chat_template"].contents()
        == tiny.ARCHITECTURES[name].template
    )


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("qwen2", ["q_proj", "lm_head"]),
        ("llama3", ["q_proj", "embed_tokens"]),
        ("gpt2", ["c_attn", "lm_head"]),
        # What the first seed's trial with Mamba adapts.
        ("mamba", ["in_proj", "x_proj", "embeddings"]),
    ],
)
def test_embeddings_that_were_tied_and_part(
    made: Path, tmp_path: Path, name: str, targets: list[str]
):
    base = made / name / "base"
    folder = tiny.make_adapter(name, base, tmp_path / "adapter", target_modules=targets)
    merge.merge(base, folder, tmp_path / "merged")
    convert.convert(tmp_path / "merged", tmp_path / "merged.gguf", stored="f32")
    together = said(adapted(base, folder))
    assert difference(engine(tmp_path / "merged.gguf"), together) < ENGINE


def test_gemma_has_no_output_layer_of_its_own(made: Path, tmp_path: Path):
    """In llama.cpp; the converter leaves one out without a word."""
    base = made / "gemma/base"
    folder = tiny.make_adapter(
        "gemma", base, tmp_path / "adapter", target_modules=["q_proj", "lm_head"]
    )
    merge.merge(base, folder, tmp_path / "merged")
    with pytest.raises(
        Problem, match="output layer differs from its embeddings.*ensure_weight_tying"
    ):
        convert.convert(tmp_path / "merged", tmp_path / "merged.gguf")
    assert not list(tmp_path.glob("merged.gguf*"))


def test_a_resized_vocabulary(made: Path, tmp_path: Path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(made / "mistral/base")
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["[INST]", "[/INST]", "<|메추리|>"]}
    )
    model = load(made / "mistral/base")
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    convert.convert(tmp_path / "model", tmp_path / "model.gguf", stored="f32")
    [tokens] = scores.tokenize(tmp_path / "model.gguf", ["<|메추리|>"])
    assert tokens.special[-1] == len(tokenizer) - 1
    assert difference(engine(tmp_path / "model.gguf"), said(model)) < ENGINE


def as_transformers_5_writes_it(model: Path) -> None:
    """rotary_pct has moved, and the tokenizer's class has a name that 4.57 does not know."""
    config = json.loads((model / "config.json").read_text("utf-8"))
    rotated = config.pop("rotary_pct")
    theta = config.pop("rotary_emb_base")
    config["rope_parameters"] = {
        "rope_type": "default",
        "rope_theta": theta,
        "partial_rotary_factor": rotated,
    }
    (model / "config.json").write_text(json.dumps(config), "utf-8")
    path = model / "tokenizer_config.json"
    settings = json.loads(path.read_text("utf-8"))
    settings["tokenizer_class"] = "TokenizersBackend"
    settings["extra_special_tokens"] = settings.pop("additional_special_tokens", [])
    path.write_text(json.dumps(settings), "utf-8")


def test_a_model_of_a_newer_transformers(made: Path, tmp_path: Path):
    shutil.copytree(made / "gpt-neox/base", tmp_path / "model")
    as_transformers_5_writes_it(tmp_path / "model")
    convert.convert(tmp_path / "model", tmp_path / "model.gguf", stored="f32")
    assert (
        difference(engine(tmp_path / "model.gguf"), engine(made / "gpt-neox/base.gguf"))
        == 0
    )


def test_positions_that_turn_at_another_speed(made: Path, tmp_path: Path):
    shutil.copytree(made / "gpt-neox/base", tmp_path / "model")
    path = tmp_path / "model/config.json"
    path.write_text(
        json.dumps(json.loads(path.read_text("utf-8")) | {"rotary_emb_base": 500}),
        "utf-8",
    )
    convert.convert(tmp_path / "model", tmp_path / "model.gguf", stored="f32")
    assert (
        difference(engine(tmp_path / "model.gguf"), said(load(tmp_path / "model")))
        < ENGINE
    )


def document(
    change: Callable[[dict[str, Any]], None], made: Path, name: str
) -> dict[str, Any]:
    """A tokenizer.json with a change."""
    found = json.loads((made / name / "base/tokenizer.json").read_text("utf-8"))
    change(found)
    return found


def merges_whole_words(found: dict[str, Any]) -> None:
    """As SmolLM and others have Llama 3's expression."""
    found["model"]["ignore_merges"] = False


def cuts_digits(found: dict[str, Any]) -> None:
    """As StarCoder does."""
    digits = {"type": "Digits", "individual_digits": True}
    found["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [digits, found["pre_tokenizer"]],
    }


def begins_with_a_space(found: dict[str, Any]) -> None:
    """As RoBERTa does."""
    found["pre_tokenizer"]["add_prefix_space"] = True


def splits_otherwise(found: dict[str, Any]) -> None:
    """By an expression of one's own."""
    found["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [
            {
                "type": "Split",
                "pattern": {"Regex": "[가-힣]+"},
                "behavior": "Isolated",
                "invert": False,
            },
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
        ],
    }


def unchanged(found: dict[str, Any]) -> None:
    """As it is."""


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("gpt2", unchanged, "gpt-2"),
        ("gpt-neox", unchanged, "gpt-2"),
        ("qwen2", unchanged, "qwen2"),
        ("llama3", unchanged, "llama-bpe"),
        ("llama3", merges_whole_words, "smaug-bpe"),
        ("gpt2", cuts_digits, "starcoder"),
        ("mistral", unchanged, None),
    ],
)
def test_a_splitting_has_a_name(
    made: Path,
    name: str,
    change: Callable[[dict[str, Any]], None],
    expected: str | None,
):
    found = document(change, made, name)
    assert pretokenizer.name(found) == expected
    if expected is None:
        return
    original = Tokenizer.from_str(json.dumps(found))
    size = original.get_vocab_size()
    tokens = [original.id_to_token(identity) for identity in range(size)]
    merges = [" ".join(merge) for merge in found["model"]["merges"]]
    assert pretokenizer.differing(expected, tokens, merges, original) is None
    if expected == "gpt-2":
        # Merges that were learnt across what the other cuts; the other way round there are none.
        assert pretokenizer.differing("qwen2", tokens, merges, original), (
            "another splitting is noticed"
        )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (begins_with_a_space, "add_prefix_space=False"),
        (splits_otherwise, r"no name in llama.cpp .*\[가-힣\]\+"),
    ],
)
def test_an_unknown_splitting_is_refused(
    made: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], reason: str
):
    shutil.copytree(made / "gpt2/base", tmp_path / "model")
    path = tmp_path / "model/tokenizer.json"
    path.write_text(json.dumps(document(change, made, "gpt2")), "utf-8")
    with pytest.raises(Problem, match=rf"tokenizer.json: .*{reason}"):
        convert.convert(tmp_path / "model", tmp_path / "model.gguf")
    assert not list(tmp_path.glob("model.gguf*"))


def test_a_template_that_fails_is_named(made: Path, tmp_path: Path):
    shutil.copytree(made / "qwen2/base", tmp_path / "model")
    (tmp_path / "model/chat_template.jinja").write_text(
        "{{ raise_exception('no') }}", "utf-8"
    )
    with pytest.raises(Problem, match="chat template fails on a question"):
        convert.convert(tmp_path / "model", tmp_path / "model.gguf")


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from chatfriends_train import convert
import os, signal
# The moment between the converter's last byte and the file's name.
convert.Source.check = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
convert.convert(*map(Path, sys.argv[2:4]))
"""


def test_a_run_that_was_killed_leaves_no_file(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    model, out = made / "qwen2/base", tmp_path / "model.gguf"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(SCRIPTS), str(model), str(out)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf.part"]
    convert.convert(model, out)
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf"]
    capsys.readouterr()
    convert.convert(model, out)
    assert "already there" in capsys.readouterr().err
    with pytest.raises(Problem, match="is of another model"):
        convert.convert(made / "qwen2/merged", out)


def test_what_is_no_file_of_ours_is_left(made: Path, tmp_path: Path):
    """llama.cpp's reader raises whatever it stumbles over in a file that is empty, foreign or cut off."""
    whole = (made / "qwen2/base.gguf").read_bytes()
    out = tmp_path / "out.gguf"
    steps = (
        lambda: convert.convert(made / "qwen2/base", out),
        lambda: adapter.adapt(made / "qwen2/base", made / "qwen2/adapter", out),
    )
    for data in (b"", b"my thesis", b"GGUF", whole[:40], whole[:2000], whole[:-1000]):
        out.write_bytes(data)
        for step in steps:
            with pytest.raises(Problem, match="is there already and is of another"):
                step()
        assert out.read_bytes() == data
        with pytest.raises(Problem, match="out.gguf is (no GGUF file, or|empty)"):
            gguf_file.opened(out)


def test_numbers_are_kept_as_asked(made: Path, tmp_path: Path):
    for stored, expected in (("f16", "F16"), ("bf16", "BF16"), ("auto", "F16")):
        convert.convert(made / "gpt2/base", tmp_path / f"{stored}.gguf", stored=stored)
        file = gguf.GGUFReader(tmp_path / f"{stored}.gguf")
        [kind] = {
            tensor.tensor_type.name
            for tensor in file.tensors
            if tensor.name.endswith("ffn_up.weight")
        }
        assert kind == expected, stored


def test_a_folder_without_the_converter_is_refused(tmp_path: Path):
    """The crate that the engine is built from has the first file and not the rest."""
    (tmp_path / converter.HF).touch()
    with pytest.raises(
        Problem, match="lacks convert_lora_to_gguf.py, conversion/base.py"
    ):
        converter.find(tmp_path)


# What builds a package, as pip asks for it: only its name and version.
BACKEND = """
from pathlib import Path
def prepare_metadata_for_build_wheel(folder, settings=None):
    about = Path(folder) / "llama_cpp_python-{0}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\\nName: llama-cpp-python\\nVersion: {0}\\n")
    return about.name
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source package as the index has it, with the converter's files but empty; pip finds it and no other."""
    name = f"llama_cpp_python-{converter.VERSION}"
    contents = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: llama-cpp-python\nVersion: {converter.VERSION}\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": BACKEND.format(converter.VERSION),
        "vendor/llama.cpp/src/llama.cpp": "not needed",
    }
    contents |= {f"vendor/llama.cpp/{needed}": "" for needed in converter.NEEDED}
    index = tmp_path / "index"
    index.mkdir()
    with tarfile.open(index / f"{name}.tar.gz", "w:gz") as archive:
        for inner, text in contents.items():
            member = tarfile.TarInfo(f"{name}/{inner}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return index / f"{name}.tar.gz"


def test_the_converter_is_fetched_once_and_whole(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(converter, "SHA256", files.sha256(package))
    folder = converter.find(None)
    assert "fetching llama.cpp's converter" in capsys.readouterr().err
    found = {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    }
    assert found == set(converter.NEEDED)
    # Where it came from is not asked again.
    package.unlink()
    assert converter.find(None) == folder
    assert capsys.readouterr().err == ""
    assert list(files.cache().iterdir()) == [folder]


def test_another_package_of_the_converters_name_is_refused(package: Path):
    """Whoever changes what the index has runs nothing here."""
    with pytest.raises(
        Problem, match=f"Expected sha256 {converter.SHA256}(.|\n)*--llama-cpp"
    ):
        converter.find(None)
    assert not list(files.cache().iterdir())


def test_its_reason_is_shown_when_it_gives_up(made: Path, tmp_path: Path):
    shutil.copytree(made / "qwen2/base", tmp_path / "model")
    path = tmp_path / "model/config.json"
    path.write_text(
        json.dumps(
            json.loads(path.read_text("utf-8"))
            | {"architectures": ["UnheardOfForCausalLM"]}
        ),
        "utf-8",
    )
    with pytest.raises(
        Problem, match=r"gave up: (.|\n)*UnheardOfForCausalLM is not supported"
    ):
        convert.convert(tmp_path / "model", tmp_path / "model.gguf")


def test_the_staged_adapter_is_the_adapter(made: Path, tmp_path: Path):
    """Where there is nothing to make up for, the numbers are not touched."""
    from chatfriends_train.lora import Adapter

    folder = made / "mistral/adapter"
    staged = adapter.stage(Adapter.open(folder), tmp_path / "staged")
    before, after = (
        load_file(folder / "adapter_model.safetensors"),
        load_file(staged / "adapter_model.safetensors"),
    )
    assert before.keys() == after.keys() and all(
        torch.equal(before[key], after[key]) for key in before
    )
