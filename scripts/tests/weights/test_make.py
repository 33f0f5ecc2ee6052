"""Data in, a persona out that answers in the daemon: by an adapter over the starter that ships, and as a model of its own.

Needs the daemon's program, and llama.cpp's converter, which is fetched once.
"""

import csv
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import daemon  # noqa: E402

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


def make(
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
    made = make(questions, tmp_path, form)
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

    again = make(questions, tmp_path, form)
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
