"""Proving, on tiny random models of every architecture with the real engine; and that what is wrong does not pass."""

import dataclasses
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

SCRIPTS = Path(__file__).parents[2]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import (  # noqa: E402
    cli,
    parity,
    prove,
    references,
    scores,
    tiny,
)
from chatfriends_train.dialogue import Dialogue, Source, Turn, write  # noqa: E402
from chatfriends_train.prove import Measured, Proof, Tokenizers  # noqa: E402
from chatfriends_train.scores import Passage  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proved")


@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
def test_the_whole_chain_is_within_its_limits(name: str, folder: Path) -> None:
    proof = parity.prove_architecture(name, folder / name, ("Q8_0", "Q4_K_M"))
    assert proof.faults() == []
    # GPT-2 has no adapter file.
    assert len(proof.files) == (3 if name == "gpt2" else 4)
    assert proof.places > 100 and proof.reply_tokens > 100


def test_a_model_that_is_not_what_was_trained_does_not_pass(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = folder / "qwen2"
    parity.prove_architecture("qwen2", made, ("Q8_0", "Q4_K_M"))
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "test.jsonl").write_bytes((made / "test.jsonl").read_bytes())
    command = [
        "prove",
        "--base",
        str(made / "base"),
        "--adapter",
        str(made / "adapter"),
    ]
    command += ["--data", str(folder / "data"), "--out", str(folder / "wrong")]
    # The base without its adapter.
    assert cli.main([*command, "--merged", str(made / "base.F32.gguf")]) == 1
    said = capsys.readouterr().err
    for part in ("base.F32.gguf: the largest difference", "the mean divergence"):
        assert part in said
    # The table is there all the same.
    assert "| qwen2 | base.F32.gguf |" in (folder / "wrong" / "PROOF.md").read_text()
    # Another architecture's tokens.
    other = str(folder / "gpt2" / "merged.F32.gguf")
    parity.prove_architecture("gpt2", folder / "gpt2", ("Q8_0", "Q4_K_M"))
    assert cli.main([*command, "--merged", other]) == 1
    assert "tokens differ" in capsys.readouterr().err


def test_what_was_measured_is_not_measured_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = parity.prove_architecture(
        "gpt-neox", folder / "gpt-neox", ("Q8_0", "Q4_K_M")
    )

    def never(*_: object) -> None:
        raise AssertionError("it is known already")

    with monkeypatch.context() as patch:
        patch.setattr(prove, "transformers_scores", never)
        patch.setattr(prove, "measure", never)
        again = parity.prove_architecture(
            "gpt-neox", folder / "gpt-neox", ("Q8_0", "Q4_K_M")
        )
        assert again == first
    # Killed in the middle: what is missing is measured, and nothing else.
    kept = json.loads((folder / "gpt-neox" / "measured.json").read_text())
    kept["files"].popitem()
    (folder / "gpt-neox" / "measured.json").write_text(json.dumps(kept))
    measured = []
    real = prove.measure
    monkeypatch.setattr(
        prove, "measure", lambda *given: measured.append(given) or real(*given)
    )
    assert (
        parity.prove_architecture("gpt-neox", folder / "gpt-neox", ("Q8_0", "Q4_K_M"))
        == first
    )
    assert len(measured) == 1


def test_figures_that_are_no_numbers_do_not_pass() -> None:
    sound = Measured("x.gguf", "Q4_K_M", 1.0, 0.1, 0.01, 1e-3, 0.9, 10.0)
    assert sound.faults(10.0) == []
    for change in ({"maximum": math.nan}, {"kl": math.inf}, {"perplexity": math.nan}):
        assert dataclasses.replace(sound, **change).faults(10.0)


def test_what_may_be_chance_is_no_fault() -> None:
    worse = Measured("x.gguf", "Q8_0", 1.0, 0.1, 0.01, 1e-3, 0.9, 10.2)
    assert worse.faults(10.0)
    assert dataclasses.replace(worse, doubt=0.001).faults(10.0)
    assert not dataclasses.replace(worse, doubt=0.01).faults(10.0)
    assert dataclasses.replace(worse, doubt=math.nan).faults(10.0)
    assert prove.doubt(np.array([1.0])) == 0.0
    assert abs(prove.doubt(np.array([0.0, 2.0, 0.0, 2.0])) - 0.57735) < 1e-4


def test_the_committed_figures_are_within_the_limits_and_in_the_table() -> None:
    entries = json.loads(parity.FIGURES.read_text("utf-8"))
    assert list(entries) == list(tiny.ARCHITECTURES)
    document = parity.DOCUMENT.read_text("utf-8")
    for name, entry in entries.items():
        files = tuple(Measured(**file) for file in entry.pop("files"))
        tokens = entry.pop("tokenizers")
        tokens["faults"] = tuple(tokens["faults"])
        proof = Proof(files=files, tokenizers=Tokenizers(**tokens), **entry)
        assert proof.faults() == []
        for row in parity.rows(name, proof):
            assert row in document


def test_the_references_of_the_engine_are_those_of_transformers(tmp_path: Path) -> None:
    references.write("qwen2", tmp_path)
    made = json.loads((tmp_path / "qwen2.json").read_text("utf-8"))
    committed = json.loads((references.FOLDER / "qwen2.json").read_text("utf-8"))
    assert made["tokens"] == committed["tokens"]
    for part in ("base", "adapter"):
        assert made[part]["log_probabilities"] == pytest.approx(
            committed[part]["log_probabilities"], abs=1e-3
        )


def test_scores_are_of_what_was_asked(folder: Path) -> None:
    parity.prove_architecture("qwen2", folder / "qwen2", ("Q8_0", "Q4_K_M"))
    passage = Passage((5, 6, 7, 8), (0, 2))
    found = scores.score(folder / "qwen2" / "base.F32.gguf", [passage, Passage((5, 6))])
    assert found.rows.shape == (2, tiny.VOCABULARY)
    # The distribution after a place has what the next token got.
    assert found.rows[0, 6] == pytest.approx(found.tokens[0][0], abs=1e-5)
    assert found.rows[1, 8] == pytest.approx(found.tokens[0][2], abs=1e-5)
    assert found.tokens[1] == pytest.approx(found.tokens[0][:1], abs=1e-2)


def test_a_named_template_lays_the_dialogues_out(folder: Path) -> None:
    made = folder / "gpt-neox"
    parity.prove_architecture("gpt-neox", made, ("Q8_0", "Q4_K_M"))
    model, data = made / "merged.F32.gguf", made / "test.jsonl"
    own = prove.read(model, prove.HeldOut(data))
    named = prove.read(model, prove.HeldOut(data, "chatml"))
    assert named != own
    assert len(named.passages) == len(own.passages)


def test_dialogues_that_no_file_can_see_whole_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of three were left out without a word, and the table said nothing of it."""
    turns = (Turn("user", "Hi?"), Turn("assistant", "Hey."))
    one = Dialogue("nari", "g", turns, Source("talk.txt", 1), "You are Nari.")
    write(tmp_path / "test.jsonl", [one, one, one])
    prompts = [tuple(range(length)) for length in (20, 30, 40)]
    monkeypatch.setattr(scores, "prompts", lambda *_: prompts)
    seen = scores.Tokens((1, 2), (1, 2))
    monkeypatch.setattr(scores, "tokenize", lambda *_: [seen] * 3)
    monkeypatch.setattr(prove, "context", lambda _: 22)
    reading = prove.read(tmp_path / "x.gguf", prove.HeldOut(tmp_path / "test.jsonl"))
    assert [len(passage.tokens) for passage in reading.passages] == [22]
    said = capsys.readouterr().err
    assert "2 of 3 dialogues of" in said
    assert "are longer than the 22 tokens that" in said


def test_an_adapter_is_proved_on_its_base_alone(folder: Path) -> None:
    made = folder / "qwen2"
    parity.prove_architecture("qwen2", made, ("Q8_0", "Q4_K_M"))
    data = folder / "of-the-adapter"
    data.mkdir()
    (data / "test.jsonl").write_bytes((made / "test.jsonl").read_bytes())
    command = ["prove", "--base", made / "base", "--adapter", made / "adapter"]
    command += ["--base-gguf", made / "base.F32.gguf"]
    command += ["--adapter-gguf", made / "adapter.gguf"]
    command += ["--data", data, "--out", folder / "adapter-alone"]
    assert cli.main(list(map(str, command))) == 0
    table = (folder / "adapter-alone" / "PROOF.md").read_text("utf-8")
    assert "| qwen2 | base.F32.gguf + adapter.gguf |" in table
    assert "merged" not in table


def test_long_dialogues_need_memory_for_every_word_that_might_follow(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = folder / "qwen2"
    parity.prove_architecture("qwen2", made, ("Q8_0", "Q4_K_M"))
    asked: list[int] = []
    monkeypatch.setattr(prove, "need_memory", lambda amount, _: asked.append(amount))
    trained = prove.Trained(made / "base")
    # Longer than a slice, and the figures are those of the whole.
    long = tuple(range(5, 5 + prove.SLICE + 9))
    found = [
        prove.transformers_scores(
            trained, prove.Reading((Passage(tokens, (1,)),), (1,))
        )
        for tokens in (long[:9], long)
    ]
    assert asked[1] - asked[0] >= 4 * tiny.VOCABULARY * (len(long) - 9)
    assert len(found[1].tokens[0]) == len(long) - 1
    assert found[1].tokens[0][:8] == pytest.approx(found[0].tokens[0], abs=1e-4)
