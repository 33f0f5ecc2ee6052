"""Fine-tuning, on tiny random models: what is learnt, what is kept, and what happens after a stop. Each takes seconds."""

import argparse
import dataclasses
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers

SCRIPTS = Path(__file__).parents[2]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import (  # noqa: E402
    base,
    card,
    convert,
    finetune,
    from_gguf,
    preset,
    rehearsal,
    resources,
    rows,
    scores,
    tiny,
)
from chatfriends_train.dialogue import Dialogue, Source, Turn, write  # noqa: E402
from chatfriends_train.persona import Persona  # noqa: E402
from chatfriends_train.problems import Problem  # noqa: E402
from chatfriends_train.rows import Scene  # noqa: E402
from chatfriends_train.template import KNOWN, Message, Template  # noqa: E402

torch.set_num_threads(1)
NARI = Persona("nari", "너는 나리야. Be kind.", (("선인장은?", "귀여워!"),))
FOOD = ("pizza", "김치찌개", "bread", "rice", "soup", "파전", "cake", "tea")


def talk(number: int) -> Dialogue:
    """A small conversation of two exchanges."""
    turns = (
        Turn("user", f"What do you eat, number {number}?"),
        Turn("assistant", f"I eat {FOOD[number % 8]} today. 맛있어!"),
        Turn("user", "And then?"),
        Turn("assistant", f"Then {FOOD[(number + 3) % 8]}, yes 😀."),
    )
    return Dialogue("nari", f"g{number}", turns, Source("talks.txt", number + 1))


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of each architecture."""
    folder = tmp_path_factory.mktemp("models")
    for architecture in tiny.ARCHITECTURES:
        tiny.make(architecture, folder / architecture)
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data: 12 dialogues to learn from and 4 to validate."""
    folder = tmp_path_factory.mktemp("data")
    write(folder / "train.jsonl", [talk(number) for number in range(12)])
    write(folder / "validation.jsonl", [talk(number) for number in range(12, 16)])
    return folder


def plan(
    models: Path, data: Path, out: Path, architecture: str = "qwen2", **changes: Any
) -> finetune.Plan:
    """A run of the preset `tiny`, with changes."""
    settings = dataclasses.replace(
        preset.load("tiny"), targets=tiny.ARCHITECTURES[architecture].targets, **changes
    )
    return finetune.Plan(
        "tiny", settings, data, out, str(models / architecture), lambda _: NARI
    )


def run_card(out: Path) -> dict[str, Any]:
    return json.loads((out / "run.json").read_text("utf-8"))


def losses(out: Path) -> list[float]:
    """Of training and validation, in order."""
    return [
        row[key]
        for row in run_card(out)["log"]
        for key in ("loss", "eval_loss")
        if key in row
    ]


# Which known template fits a tiny model's special tokens, and what a reply looks like under it.
LABELS = [
    # The template's space, and the one that SentencePiece puts before what follows a special token.
    ("mistral", "mistral", "  {}</s>"),
    ("llama", "koalpaca", " {}</s>"),
    ("llama3", "llama3", "{}<|eot_id|>"),
    ("gemma", "gemma", "{}<end_of_turn>"),
    ("gpt-neox", "koalpaca", " {}<|endoftext|>"),
    ("mamba", "koalpaca", " {}<|endoftext|>"),
    ("gpt2", "koalpaca", " {}<|endoftext|>"),
    ("qwen2", "chatml", "{}<|im_end|>"),
    ("qwen3", "chatml", "{}<|im_end|>"),
]


def test_every_known_template_and_every_architecture_is_tried() -> None:
    assert {template for _, template, _ in LABELS} == set(KNOWN)
    assert {architecture for architecture, _, _ in LABELS} == set(tiny.ARCHITECTURES)


@pytest.mark.parametrize(("architecture", "template", "reply"), LABELS)
@pytest.mark.parametrize("own", [False, True], ids=["known", "own"])
def test_only_the_personas_words_are_learnt(
    models: Path, architecture: str, template: str, reply: str, own: bool
) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(models / architecture)
    words = rows.Words(tokenizer)
    # People type special tokens; these stay text and are never learnt.
    typed = Turn("user", "<|im_end|></s><end_of_turn> hi")
    dialogue = dataclasses.replace(talk(1), turns=(typed, *talk(1).turns[1:]))
    encoder = rows.Encoder(
        Template.of(tokenizer, None if own else template), words, 512
    )
    (row,) = encoder.rows(Scene(dialogue, NARI, {}))
    assert len(row.tokens) == len(row.labels)
    assert all(
        label in (token, rows.UNLABELLED)
        for token, label in zip(row.tokens, row.labels, strict=True)
    )
    # Decoded with what stands before, since SentencePiece drops the first space of a text.
    replies = [""]
    before = ""
    for place, label in enumerate(row.labels, 1):
        text = tokenizer.decode(row.tokens[:place])
        if label == rows.UNLABELLED:
            replies += [""] if replies[-1] else []
            before = text
        else:
            replies[-1] = text[len(before) :]
    replies = [reply for reply in replies if reply]
    wanted = [turn.content for turn in dialogue.turns if turn.role == "assistant"]
    assert replies == [reply.format(content) for content in wanted]
    text = tokenizer.decode(row.tokens)
    assert NARI.system in text
    assert "<|im_end|></s><end_of_turn> hi" in text
    typed_ids = words.plain(typed.content)
    assert not set(typed_ids) & set(tokenizer.all_special_ids)


@pytest.mark.parametrize(("architecture", "template", "_"), LABELS)
def test_a_prompt_is_a_beginning_of_its_row(
    models: Path, architecture: str, template: str, _: str
) -> None:
    """What the daemon will show before each reply is what stood before it in training."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(models / architecture)
    words = rows.Words(tokenizer)
    layout = Template.of(tokenizer, template)
    plain = dataclasses.replace(NARI, examples=())
    scene = Scene(talk(2), plain, {})
    (row,) = rows.Encoder(layout, words, 512).rows(scene)
    above, said = scene.messages(())
    for place in (1, 3):
        prompt = words.tokens(layout.render([*above, *said[:place]]))
        assert row.tokens[: len(prompt)] == prompt
        assert row.labels[len(prompt) - 1] == rows.UNLABELLED
        assert row.labels[len(prompt)] == row.tokens[len(prompt)]


def test_training_shows_the_tokens_that_the_daemon_shows(
    models: Path, tmp_path: Path
) -> None:
    """The daemon lays out the same conversations under each model's own template, which `convert` wrote into its file."""
    typed = Message("user", "안녕 <|im_end|></s><s>[INST] 😀  two  spaces")
    said = [
        Message("system", "너는 나리야."),
        Message("user", "hi"),
        Message("assistant", "Hey, 왔어?"),
        typed,
    ]
    for architecture in ("mistral", "llama", "llama3", "gemma", "gpt-neox", "qwen2"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(models / architecture)
        file = tmp_path / f"{architecture}.gguf"
        convert.convert(models / architecture, file)
        layout, words = Template.of(tokenizer, None), rows.Words(tokenizer)
        shown = [said[:2], said]
        ours = [tuple(words.tokens(layout.render(messages))) for messages in shown]
        assert scores.prompts(file, shown) == ours, architecture


def test_examples_stand_in_the_prompt_where_the_daemon_shows_them(models: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(models / "qwen2")
    layout, words = Template.of(tokenizer, None), rows.Words(tokenizer)
    wide = rows.Encoder(layout, words, 4096).rows(Scene(talk(1), NARI, {}))[0]
    narrow = rows.Encoder(layout, words, 256).rows(Scene(talk(1), NARI, {}))[0]
    assert "귀여워!" in tokenizer.decode(wide.tokens)
    assert "귀여워!" not in tokenizer.decode(narrow.tokens)
    assert "귀여워!" not in tokenizer.decode(
        [label for label in wide.labels if label >= 0]
    )


def test_several_people_are_told_apart(models: Path) -> None:
    turns = (
        Turn("user", "hi <facts>", "Monica"),
        Turn("assistant", "Hey."),
        Turn("user", "yo", "Ross"),
        Turn("assistant", "Yo."),
    )
    scene = Scene(dataclasses.replace(talk(1), turns=turns), NARI, {})
    _, said = scene.messages(())
    assert said[0].content.startswith("Monica#")
    assert said[0].content.endswith(": hi ‹facts>")
    assert said[2].content.startswith("Ross#")


THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)


def test_where_history_differs_from_prompts_each_reply_gets_its_row(
    models: Path,
) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(models / "qwen3")
    encoder = rows.Encoder(Template.of(tokenizer, THINKING), rows.Words(tokenizer), 512)
    made = encoder.rows(Scene(talk(1), NARI, {}))
    assert [
        tokenizer.decode([label for label in row.labels if label >= 0]) for row in made
    ] == [
        f"{turn.content}<|im_end|>"
        for turn in talk(1).turns
        if turn.role == "assistant"
    ]
    assert all(tokenizer.decode(row.tokens).count("<think>") == 1 for row in made)


def test_a_template_that_never_ends_a_turn_is_refused(models: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(models / "gpt2")
    with pytest.raises(Problem, match="talk on for ever"):
        rows.Encoder(Template.of(tokenizer, "chatml"), rows.Words(tokenizer), 512)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_every_architecture_learns(
    models: Path, data: Path, tmp_path: Path, architecture: str
) -> None:
    adapter = finetune.finetune(plan(models, data, tmp_path, architecture, epochs=2.0))
    validation = [
        row["eval_loss"] for row in run_card(tmp_path)["log"] if "eval_loss" in row
    ]
    # A random model of 2,048 tokens begins at about ln 2048.
    assert validation[-1] < math.log(2048) - 1
    loaded = peft.PeftModel.from_pretrained(
        transformers.AutoModelForCausalLM.from_pretrained(models / architecture),
        adapter,
    )
    assert any(
        "lora_B" in name and weight.abs().max() > 0
        for name, weight in loaded.named_parameters()
    )


def test_the_run_card(models: Path, data: Path, tmp_path: Path) -> None:
    finetune.finetune(plan(models, data, tmp_path))
    told = run_card(tmp_path)
    assert told["preset"] == "tiny"
    assert told["settings"]["rank"] == 4
    assert told["data"]["train.jsonl"]["rows"] == 12
    assert len(told["data"]["validation.jsonl"]["sha256"]) == 64
    assert told["versions"]["torch"] == torch.__version__.split("+")[0]
    assert told["seconds"] > 0
    assert told["memory"]["process"] > 100 << 20
    adapter = peft.PeftModel.from_pretrained(
        transformers.AutoModelForCausalLM.from_pretrained(models / "qwen2"),
        tmp_path / "adapter",
    )
    trained = sum(
        weight.numel() for name, weight in adapter.named_parameters() if "lora_" in name
    )
    assert told["trained_parameters"] == trained
    steps = [row for row in told["log"] if "loss" in row]
    assert [row["step"] for row in steps] == list(range(1, 19))
    validation = {
        row["step"]: row["eval_loss"] for row in told["log"] if "eval_loss" in row
    }
    assert told["kept"]["loss"] == min(validation.values())
    assert validation[told["kept"]["step"]] == told["kept"]["loss"]
    page = (tmp_path / "run.md").read_text("utf-8")
    assert f"{told['kept']['loss']:.4f}" in page
    for picture in ("loss.png", "learning-rate.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    # Nothing half done is left.
    assert not list(tmp_path.rglob("*.part*"))
    assert not (tmp_path / "checkpoints").exists()


def contradicted(number: int) -> Dialogue:
    """Says otherwise than `talk`, so that what is learnt from that does ever worse on it."""
    turns = (
        talk(number).turns[0],
        Turn("assistant", "지금은 배가 부르니까 산책을 하자."),
    )
    return dataclasses.replace(talk(number), turns=turns)


def kept_loss(models: Path, adapter: Path) -> float:
    """The validation loss of saved weights, as the Trainer computes it: the mean of batches of two."""
    model = peft.PeftModel.from_pretrained(
        transformers.AutoModelForCausalLM.from_pretrained(models / "qwen2"), adapter
    ).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(models / "qwen2")
    encoder = rows.Encoder(Template.of(tokenizer, None), rows.Words(tokenizer), 512)
    batches: list[float] = []
    with torch.no_grad():
        for first in (12, 14):
            total = count = 0.0
            for number in (first, first + 1):
                (row,) = encoder.rows(Scene(contradicted(number), NARI, {}))
                scores = (
                    model(torch.tensor([row.tokens])).logits[0, :-1].log_softmax(-1)
                )
                for place, label in enumerate(row.labels[1:]):
                    if label != rows.UNLABELLED:
                        total -= float(scores[place, label])
                        count += 1
            batches.append(total / count)
    return sum(batches) / 2


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_kept_weights_are_those_that_are_wanted(
    models: Path, tmp_path: Path, keep: str
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    write(data / "train.jsonl", [talk(number) for number in range(12)])
    write(data / "validation.jsonl", [contradicted(number) for number in range(12, 16)])
    changes = {"epochs": 4.0, "scheduler": "constant", "early_stopping": 0}
    finetune.finetune(plan(models, data, out, keep=keep, **changes))
    told = run_card(out)
    validation = [row["eval_loss"] for row in told["log"] if "eval_loss" in row]
    # Otherwise nothing would tell the best weights from the last ones.
    assert min(validation) < validation[-1] * 0.99
    wanted = min(validation) if keep == "best" else validation[-1]
    assert told["kept"]["loss"] == wanted
    assert kept_loss(models, out / "adapter") == pytest.approx(wanted, rel=1e-4)


def test_a_loss_that_is_no_number_ends_the_run(
    models: Path, data: Path, tmp_path: Path
) -> None:
    said = refused(plan(models, data, tmp_path, learning_rate=3.0))
    assert "set learning_rate lower than 3 in a copy of the preset" in said
    assert not (tmp_path / "adapter").exists()


def test_two_runs_are_the_same(models: Path, data: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        finetune.finetune(plan(models, data, tmp_path / name, dropout=0.1))
    assert losses(tmp_path / "one") == losses(tmp_path / "two")
    weights = [
        (tmp_path / name / "adapter" / "adapter_model.safetensors").read_bytes()
        for name in ("one", "two")
    ]
    assert weights[0] == weights[1]
    finetune.finetune(plan(models, data, tmp_path / "three", dropout=0.1, seed=8))
    assert losses(tmp_path / "one") != losses(tmp_path / "three")


def test_a_killed_run_goes_on_with_the_same_losses(
    models: Path, data: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "killed.toml"
    settings.write_text(
        'base = ""\ntargets = ["q_proj", "v_proj"]\nrank = 4\nalpha = 8\nlearning_rate = 1e-2\nepochs = 12\nbatch = 1\n'
        "max_length = 512\ndropout = 0.1\ngradient_checkpointing = false\nearly_stopping = 0\n",
        "utf-8",
    )
    # The persona is one that ships, since the program is run as people run it.
    folder = tmp_path / "data"
    folder.mkdir()
    for name, numbers in (("train", range(12)), ("validation", range(12, 16))):
        write(
            folder / f"{name}.jsonl",
            [dataclasses.replace(talk(number), persona="joey") for number in numbers],
        )
    command = [
        sys.executable,
        "-m",
        "chatfriends_train",
        "finetune",
        "--data",
        folder,
        "--preset",
        settings,
        "--base",
        models / "qwen2",
    ]
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"}
    killed = tmp_path / "killed"
    with subprocess.Popen(
        [*command, "--out", killed], env=environment, stdout=subprocess.DEVNULL
    ) as process:
        while (
            process.poll() is None
            and not (
                killed / "checkpoints" / "checkpoint-24" / "trainer_state.json"
            ).exists()
        ):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    assert not (killed / "adapter").exists()
    # A checkpoint that the kill cut short is not taken.
    newest = max(
        int(path.name.split("-")[1])
        for path in (killed / "checkpoints").glob("checkpoint-*")
    )
    half = killed / "checkpoints" / f"checkpoint-{newest + 3}"
    half.mkdir()
    (half / "trainer_state.json").write_text('{"best_')
    again = subprocess.run(
        [*command, "--out", killed],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "going on from checkpoint-" in again.stderr
    subprocess.run(
        [*command, "--out", tmp_path / "whole"],
        env=environment,
        check=True,
        capture_output=True,
    )
    assert losses(killed) == pytest.approx(losses(tmp_path / "whole"), rel=1e-5)
    # Once more: everything is there.
    done = subprocess.run(
        [*command, "--out", killed],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "is there already" in done.stderr


def test_early_stopping(models: Path, data: Path, tmp_path: Path) -> None:
    # Nothing is learnt at this rate, so no epoch is better than the first by any amount.
    still = plan(
        models, data, tmp_path, learning_rate=1e-30, epochs=9.0, early_stopping=2
    )
    finetune.finetune(still)
    epochs = [row for row in run_card(tmp_path)["log"] if "eval_loss" in row]
    assert len(epochs) == 3


def test_cross_validation(models: Path, data: Path, tmp_path: Path) -> None:
    folded = plan(models, data, tmp_path, folds=3, epochs=1.0)
    finetune.finetune(folded)
    told = run_card(tmp_path)["folds"]
    assert len(told) == 3
    mean, deviation = card.spread(told)
    assert deviation > 0
    parts = [
        json.loads((tmp_path / "folds" / str(number) / "fold.json").read_text("utf-8"))
        for number in (1, 2, 3)
    ]
    assert run_card(tmp_path)["seconds"] > sum(part["seconds"] for part in parts) > 0
    assert f"3-fold validation loss | {mean:.4f} ± {deviation:.4f}" in (
        tmp_path / "run.md"
    ).read_text("utf-8")


def test_folds_are_whole_groups_and_each_row_is_held_out_once() -> None:
    made = [
        rows.Row([1], [1], dataclasses.replace(talk(number), group=f"g{number // 3}"))
        for number in range(21)
    ]
    parts = finetune._parts(made, 3, seed=7)
    assert sorted(id(row) for part in parts for row in part) == sorted(
        id(row) for row in made
    )
    groups = [{row.dialogue.group for row in part} for part in parts]
    assert not groups[0] & groups[1]
    assert not groups[1] & groups[2]
    assert not groups[0] & groups[2]
    assert max(len(part) for part in parts) - min(len(part) for part in parts) <= 3
    with pytest.raises(Problem, match="needs at least 9 groups and train.jsonl has 7"):
        finetune._parts(made, 9, seed=7)


def test_spread_is_the_samples() -> None:
    assert card.spread([1.0, 2.0, 3.0]) == (2.0, 1.0)


def test_gradient_checkpointing_changes_no_number(
    models: Path, data: Path, tmp_path: Path
) -> None:
    finetune.finetune(plan(models, data, tmp_path / "without", epochs=1.0))
    finetune.finetune(
        plan(models, data, tmp_path / "with", epochs=1.0, gradient_checkpointing=True)
    )
    assert losses(tmp_path / "with") == pytest.approx(
        losses(tmp_path / "without"), rel=1e-5
    )


def test_rows_that_are_too_long_are_named(
    models: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(Problem) as raised:
        finetune.finetune(plan(models, data, tmp_path, max_length=20))
    said = str(raised.value)
    assert "16 of 16 rows are longer than max_length = 20 tokens" in said
    assert "talks.txt:3: " in said
    assert "set max_length = " in said


def refused(wanted: finetune.Plan) -> str:
    with pytest.raises(Problem) as raised:
        finetune.finetune(wanted)
    return str(raised.value)


def test_what_cannot_work_is_said_before_it_begins(
    models: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    ordinary = plan(models, data, tmp_path / "ordinary")

    def other(**changes: Any) -> finetune.Plan:
        return dataclasses.replace(ordinary, **changes)

    def settings(**changes: Any) -> finetune.Plan:
        return other(
            preset=dataclasses.replace(ordinary.preset, **changes),
            out=tmp_path / str(changes),
        )

    assert "names no base model; give one with --base" in refused(
        other(base="", out=tmp_path / "a")
    )
    missing = refused(other(base="nobody/nothing", out=tmp_path / "b"))
    assert (
        "huggingface-cli download nobody/nothing --local-dir models/nothing" in missing
    )
    assert "has no config.json" in refused(other(base=str(data), out=tmp_path / "c"))
    assert "is no folder" in refused(
        other(base="models/nothing.gguf", out=tmp_path / "d")
    )
    assert "has no module query_key_value; it has down_proj" in refused(
        settings(targets=("query_key_value",))
    )
    if not torch.cuda.is_available():
        assert "QLoRA needs an NVIDIA GPU" in refused(settings(method="qlora"))
    assert "sees 512 tokens" in refused(settings(max_length=1024))
    assert "of memory and" in refused(settings(batch=10**7))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "train.jsonl is not there" in refused(other(data=empty))
    write(empty / "train.jsonl", [talk(1)])
    (empty / "validation.jsonl").write_bytes(b"")
    assert "validation.jsonl is empty" in refused(other(data=empty))
    write(empty / "validation.jsonl", [talk(1)])
    assert "the groups g1 stand in train.jsonl and in validation.jsonl" in refused(
        other(data=empty, out=tmp_path / "e")
    )


def test_a_folder_of_another_run_is_left_alone(
    models: Path, data: Path, tmp_path: Path
) -> None:
    finetune.finetune(plan(models, data, tmp_path, epochs=1.0))
    before = (tmp_path / "adapter" / "adapter_model.safetensors").read_bytes()
    assert "holds a run with another preset" in refused(
        plan(models, data, tmp_path, epochs=2.0)
    )
    assert (tmp_path / "adapter" / "adapter_model.safetensors").read_bytes() == before


def test_a_run_of_another_persona_is_left_alone(
    models: Path, data: Path, tmp_path: Path
) -> None:
    """The text above every dialogue was changed, and the same command said that all was there already."""
    ordinary = plan(models, data, tmp_path, epochs=1.0)
    finetune.finetune(ordinary)
    unlike = Persona("nari", "Nari is rude.", NARI.examples)
    said = refused(dataclasses.replace(ordinary, find_persona=lambda _: unlike))
    assert "holds a run with another persona; give another --out" in said
    informed = dataclasses.replace(NARI, facts=("Nari is a cat.",), folder=tmp_path)
    said = refused(dataclasses.replace(ordinary, find_persona=lambda _: informed))
    assert "holds a run with another persona" in said
    other = tiny.make("qwen2", tmp_path / "other", seed=7)
    said = refused(dataclasses.replace(ordinary, base=str(other)))
    assert "holds a run with another base" in said
    # The same one in another place.
    moved = (tmp_path / "moved") / "qwen2"
    shutil.copytree(models / "qwen2", moved)
    finetune.finetune(dataclasses.replace(ordinary, base=str(moved)))


def test_a_run_that_could_not_begin_is_in_nobodys_way(
    models: Path, data: Path, tmp_path: Path
) -> None:
    """Its remedy is another setting, which was then refused as another run's."""
    out = tmp_path / "out"
    assert "set max_length = " in refused(plan(models, data, out, max_length=20))
    assert not out.exists()
    assert "set learning_rate lower" in refused(
        plan(models, data, out, learning_rate=3.0)
    )
    finetune.finetune(plan(models, data, out, epochs=1.0))


def test_a_folder_of_something_else_is_left_alone(
    models: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "letter").write_text("dear")
    assert "holds something else" in refused(plan(models, data, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_a_gpu_that_is_too_small_after_all(
    models: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(finetune, "_adapted", full)
    assert "make `batch` smaller" in refused(plan(models, data, tmp_path))


def test_a_base_that_was_fetched_in_part_is_gone_on_with(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's cache calls a snapshot its own that Ctrl-C had ended after the first of its files."""
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    shutil.copy(models / "qwen2" / "config.json", snapshot)
    asked: list[bool] = []

    def fetch(_: str, *, local_files_only: bool = False, **__: Any) -> str:
        asked.append(local_files_only)
        if not local_files_only:
            shutil.copytree(models / "qwen2", snapshot, dirs_exist_ok=True)
        return str(snapshot)

    monkeypatch.setattr(base.huggingface_hub, "snapshot_download", fetch)
    assert base.folder("some/model") == snapshot
    assert base.folder("some/model") == snapshot
    assert asked == [True, False, True]
    (snapshot / "model.safetensors").unlink()
    monkeypatch.setattr(
        base.huggingface_hub, "snapshot_download", lambda *_, **__: str(snapshot)
    )
    with pytest.raises(
        Problem, match="weights are missing.*huggingface-cli download some/model"
    ):
        base.folder("some/model")


def test_another_starter_is_another_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = base.folder("starter")
    assert base.folder("starter") == first
    other = tmp_path / "other.gguf"
    # What stands behind a file's last tensor is read by nobody, and makes it another file.
    other.write_bytes(from_gguf.STARTER.read_bytes() + b"\0" * 32)
    monkeypatch.setattr(from_gguf, "STARTER", other)
    assert base.folder("starter") != first


def test_what_the_starter_rehearses_is_on_record(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    settings = dataclasses.replace(
        preset.load("starter"), rehearsal=0.5, epochs=1.0, max_steps=1
    )
    wanted = finetune.Plan(
        "mine", settings, data, tmp_path / "out", "starter", lambda _: NARI
    )
    finetune.finetune(wanted)
    figures = run_card(tmp_path / "out")["data"]["the starter's own dialogues"]
    assert figures["rows"] == 6
    monkeypatch.setattr(rehearsal, "fingerprint", lambda *_: "another corpus")
    assert "holds a run with another rehearsal" in refused(wanted)


def test_a_disk_that_is_full_is_noticed(
    models: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = argparse.Namespace(total=1, used=1, free=1)
    monkeypatch.setattr(resources.shutil, "disk_usage", lambda _: usage)
    assert "0 kB free and" in refused(plan(models, data, tmp_path))


def test_memory_grows_with_what_takes_it() -> None:
    shape = base.Shape(7_200_000_000, 32, 4096, 32_768, 32_768, 20_000_000)
    ordinary = preset.load("friends")
    gib = base.memory_needed(shape, ordinary, 1024, on_gpu=True) / base.GIB
    # 7B in 4 bits is 3.6 GiB, and people train it on cards of 12 GB.
    assert 4 < gib < 12
    # Embeddings and head are none of what is held in 4 bits, and are made f32.
    assert gib * base.GIB > 4 * 2 * 32_768 * 4096 + 0.5 * 6_900_000_000
    for change in ({"batch": 8}, {"method": "lora"}, {"gradient_checkpointing": False}):
        more = dataclasses.replace(ordinary, **change)
        assert base.memory_needed(shape, more, 1024, on_gpu=True) > gib * base.GIB


def test_the_starter_is_read_back_from_what_ships(tmp_path: Path) -> None:
    """Its own program for measuring is the witness."""
    from starter import gguf_file

    folder = from_gguf.write(from_gguf.STARTER, tmp_path / "base")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    witness, words = gguf_file.read(from_gguf.STARTER)
    prompt = "<|im_start|>system\nYou are Joey.<|im_end|>\n<|im_start|>user\n배고파 12 😀 hello<|im_end|>\n<|im_start|>assistant\n"
    tokens = tokenizer(prompt).input_ids
    assert tokens == words.encode(prompt).ids
    with torch.no_grad():
        ours = model(torch.tensor([tokens])).logits[0]
        theirs = witness.logits(witness.hidden(torch.tensor([tokens])))[0]
    assert (ours - theirs).abs().max() < 1e-3
