"""Data in, a persona out that answers in the daemon: by an adapter over the starter that ships, and as a model of its own.

Needs the daemon's program, and llama.cpp's converter, which is fetched once.
"""

import csv
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import daemon, finetune, make, preset, prove, tiny  # noqa: E402
from chatfriends_train.dialogue import Dialogue, Source, Turn, write  # noqa: E402
from chatfriends_train.problems import Problem  # noqa: E402
from chatfriends_train.prove import Candidate, Measured, Proof, Tokenizers  # noqa: E402
from chatfriends_train.resources import NotEnoughMemory  # noqa: E402
from chatfriends_train.stamp import Stamps  # noqa: E402

PLACES = {
    ("도서관", "library"): ("4호관 2층", "Building 4, floor 2"),
    ("식당", "cafeteria"): ("3호관 1층", "Building 3, floor 1"),
    ("보건실", "health room"): ("5호관 3층", "Building 5, floor 3"),
    ("매점", "shop"): ("6호관 1층", "Building 6, floor 1"),
    ("체육관", "gym"): ("7호관 1층", "Building 7, floor 1"),
}
KOREAN = (
    "{}은 어디에 있어?",
    "{} 어디야?",
    "{} 가는 길 알려줘",
    "{}에 가려면 어떻게 해?",
    "{} 위치가 어디예요?",
)
ENGLISH = (
    "Where is the {}?",
    "How do I get to the {}?",
    "Where can I find the {}?",
    "Is there a {} here?",
)


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table about a school that nobody has heard of."""
    path = tmp_path_factory.mktemp("questions") / "school.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "answer"])
        for (korean, english), (there, where) in PLACES.items():
            writer.writerows(
                (form.format(korean), f"{korean}은 {there}에 있어요.")
                for form in KOREAN
            )
            writer.writerows(
                (form.format(english), f"The {english} is in {where}.")
                for form in ENGLISH
            )
    return path


def environment(tmp_path: Path) -> dict[str, str]:
    """Folders of the test's own, and a greedy reply."""
    return os.environ | {
        "PYTHONPATH": str(SCRIPTS),
        "OMP_NUM_THREADS": "1",
        "CHATFRIENDS": str(daemon.program()),
        "CHATFRIENDS__PERSONAS__PATH": str(tmp_path / "personas"),
        "CHATFRIENDS__STORE__PATH": str(tmp_path / "store"),
        # Whoever runs the tests may have a daemon running.
        "CHATFRIENDS__WEB__LISTEN": "127.0.0.1:0",
    }


def made_by(
    questions: Path, tmp_path: Path, form: str
) -> subprocess.CompletedProcess[str]:
    """The command as people give it."""
    command = [
        sys.executable,
        "-m",
        "chatfriends_train",
        "make",
        "hanbit",
        "--from",
        "campus",
        questions,
    ]
    command += ["--preset", "starter", "--as", form, "--out", tmp_path / "work"]
    return subprocess.run(
        command, env=environment(tmp_path), capture_output=True, text=True, check=False
    )


def ask(tmp_path: Path, lines: list[str]) -> list[str]:
    """The daemon's replies."""
    done = subprocess.run(
        [daemon.program(), "chat", "--persona", "hanbit"],
        env=environment(tmp_path),
        # Paths of shipped files are relative to where the daemon is started.
        cwd=SCRIPTS.parent,
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()


@pytest.mark.parametrize("form", ["adapter", "merged"])
def test_a_school_is_learnt_by_heart(
    questions: Path, tmp_path: Path, form: str
) -> None:
    made = made_by(questions, tmp_path, form)
    assert made.returncode == 0, made.stderr
    path = tmp_path / "personas" / "hanbit.toml"
    document = tomllib.loads(path.read_text("utf-8"))
    assert made.stdout.splitlines()[-1] == str(path)
    assert ("adapter" in document) == (form == "adapter")
    assert "ok      persona hanbit" in made.stderr
    # What was held out cannot be known; of what was learnt most must be.
    learnt = (tmp_path / "work" / "data" / "train.jsonl").read_text("utf-8")
    known = [
        (asked.format(place), answer)
        for names, answers in PLACES.items()
        for asked, place, answer in zip(
            (KOREAN[0], ENGLISH[0]), names, answers, strict=True
        )
        if f'"{asked.format(place)}"' in learnt
    ]
    assert len(known) >= 6
    replies = ask(tmp_path, [question for question, _ in known])
    right = [answer in reply for (_, answer), reply in zip(known, replies, strict=True)]
    assert sum(right) >= len(known) - 1, list(zip(known, replies, strict=True))

    again = made_by(questions, tmp_path, form)
    assert again.returncode == 0, again.stderr
    stages = {"adapter": 4, "merged": 6}[form]
    assert again.stderr.count(" is done already") == stages
    assert "training: step" not in again.stderr


def test_what_cannot_be_made_is_said_at_once(questions: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chatfriends_train", "make"]
    end = ["--preset", "starter", "--as", "adapter", "--out", str(tmp_path / "work")]

    def refused(*arguments: str | Path, **changes: str) -> str:
        done = subprocess.run(
            [*command, *arguments, *end],
            env=environment(tmp_path) | changes,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "'Han Bit' is no id of a persona" in refused(
        "Han Bit", "--from", "campus", questions
    )
    assert "nothing.csv is not there" in refused(
        "hanbit", "--from", "campus", tmp_path / "nothing.csv"
    )
    assert "is no program; correct the path" in refused(
        "hanbit", "--from", "campus", questions, CHATFRIENDS="/nowhere/chatfriends"
    )
    assert not (tmp_path / "work" / "tuned").exists()


def test_personas_share_the_file_of_their_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tiny.make("qwen2", tmp_path / "base")
    monkeypatch.setattr(make, "MODELS", tmp_path / "models")
    first = make._shared("Tiny/Qwen 2", base)
    # The file with 16 bits was only on the way.
    assert list((tmp_path / "models").iterdir()) == [first]
    assert re.fullmatch(r"Qwen-2-[0-9a-f]{12}\.Q8_0\.gguf", first.name)
    before = first.stat().st_mtime_ns
    assert make._shared("Tiny/Qwen 2", base) == first
    assert first.stat().st_mtime_ns == before
    assert "is there already" in capsys.readouterr().err
    other = tiny.make("qwen2", tmp_path / "other", seed=7)
    assert make._shared("Tiny/Qwen 2", other) != first


@pytest.mark.parametrize(
    ("divergences", "chosen"),
    [((1e-3, 0.0), "Q8_0"), ((1.0, 0.0), "F16"), ((1.0, 1.0), None), (None, "Q8_0")],
    ids=["fits", "loses too much", "is another model", "cannot be measured"],
)
def test_what_quantising_spoils_answers_with_the_larger_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    divergences: tuple[float, float] | None,
    chosen: str | None,
) -> None:
    """Of a small model that knows its rows by heart Q8_0 was too far from what was trained, and `make` ended with nothing."""
    kinds = ("Q8_0", "F16")
    choices = [make.Files(tmp_path / f"nari.{kind}.gguf", None) for kind in kinds]
    for number, one in enumerate(choices):
        one.model.write_text(str(number))
    turns = (Turn("user", "Hi?"), Turn("assistant", "Hey."))
    data = tmp_path / "data"
    data.mkdir()
    write(data / "test.jsonl", [Dialogue("nari", "g", turns, Source("talk.txt", 1))])
    asked: list[int] = []

    def measured(_: Any, __: Any, candidates: Sequence[Candidate], out: Path) -> Proof:
        asked.append(len(candidates))
        if divergences is None:
            raise NotEnoughMemory("this needs more")
        files = tuple(
            Measured(one.model.name, kind, 1.0, 0.0, 0.0, divergence, 1.0, 10.0)
            for one, kind, divergence in zip(
                candidates, kinds, divergences, strict=False
            )
        )
        proof = Proof("llama", 4, 4, 10.0, files, Tokenizers(1, (), 0, True))
        out.mkdir(exist_ok=True)
        (out / "proof.json").write_text(json.dumps(asdict(proof)))
        return proof

    monkeypatch.setattr(prove, "prove", measured)
    monkeypatch.setattr(finetune.Plan, "base_folder", lambda _: tmp_path)
    plan = finetune.Plan("x", preset.load("tiny"), data, tmp_path / "tuned", "base")
    order = make.Order(
        persona="nari",
        kind="friends",
        inputs=(),
        preset="tiny",
        form="merged",
        out=tmp_path,
    )
    stamps = Stamps(tmp_path / "stamps")
    if chosen is None:
        with pytest.raises(Problem, match="is not what was trained"):
            make._proven(order, plan, data, choices, stamps)
        return
    for _ in range(2):
        found = make._proven(order, plan, data, choices, stamps)
        assert found.model.name == f"nari.{chosen}.gguf"
    said = "run `chatfriends-train prove --base base"
    assert (said in capsys.readouterr().err) == (divergences is None)
    assert asked == {"Q8_0": [1], "F16": [1, 2]}[chosen] * (1 if divergences else 2)
