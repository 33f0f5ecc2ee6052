"""Asking the daemon to make a file smaller. Needs no torch; the program is a stand-in that notes what it was asked."""

import os
import re
import stat
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import cli, daemon, quantise  # noqa: E402
from chatfriends_train.problems import Problem  # noqa: E402


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the stand-in notes its arguments. It writes what it is told to, and fails on files called bad."""
    program, note = tmp_path / "chatfriends", tmp_path / "asked"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {note}\ncase "$3" in *bad*) echo "bad: a sentence" >&2; exit 1;; esac\ncp "$3" "$4"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CHATFRIENDS", str(program))
    return note


def test_types_are_those_of_the_daemon() -> None:
    source = (SCRIPTS.parent / "engine/src/worker/quantize.rs").read_text("utf-8")
    names = re.search(r"const NAMES.*?\];", source, re.DOTALL)
    assert names is not None
    assert set(re.findall(r'\("(\w+)"', names[0])) == set(quantise.TYPES)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("joey.F16.gguf", "joey.Q8_0.gguf"),
        ("joey.bf16.gguf", "joey.Q8_0.gguf"),
        ("joey.gguf", "joey.Q8_0.gguf"),
        ("v1.5.gguf", "v1.5.Q8_0.gguf"),
    ],
)
def test_names(source: str, expected: str) -> None:
    assert quantise.target(Path(source), Path("out"), "Q8_0") == Path("out") / expected


def test_each_type_once_and_again_only_when_the_source_is_newer(
    asked: Path, tmp_path: Path
) -> None:
    model = tmp_path / "조이.F16.gguf"
    model.write_text("weights")
    command = ["quantise", str(model), "q8_0", "Q4_K_M", "--out", str(tmp_path / "out")]
    assert cli.main(command) == 0
    assert cli.main(command) == 0
    written = tmp_path / "out" / "조이.Q8_0.gguf"
    assert written.read_text() == "weights"
    assert len(asked.read_text("utf-8").splitlines()) == 2
    later = written.stat().st_mtime + 10
    os.utime(model, (later, later))
    assert cli.main(command) == 0
    lines = asked.read_text("utf-8").splitlines()
    assert len(lines) == 4
    assert lines[0] == f"model quantize {model} {written} Q8_0"


def test_another_models_file_is_not_taken_for_what_was_made(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was copied with its time, which was before that of the file that stood there."""
    out = tmp_path / "out"
    written = out / "joey.Q8_0.gguf"
    for number, name in enumerate(("first", "other")):
        model = tmp_path / name / "joey.F16.gguf"
        model.parent.mkdir()
        model.write_text(name)
        os.utime(model, (10**9 - number, 10**9 - number))
        assert cli.main(["quantise", str(model), "Q8_0", "--out", str(out)]) == 0
        assert written.read_text() == name
    # Nor is what somebody else has put there.
    written.with_name("joey.Q8_0.gguf.source").unlink()
    assert cli.main(["quantise", str(model), "Q8_0", "--out", str(out)]) == 1
    assert f"{written} is there already, and" in capsys.readouterr().err
    assert len(asked.read_text("utf-8").splitlines()) == 2


def test_the_source_itself_is_left_to_the_daemon(asked: Path, tmp_path: Path) -> None:
    """It refuses to write a file over itself; that nobody has made it is no reason to remove it."""
    model = tmp_path / "joey.Q8_0.gguf"
    model.write_text("weights")
    cli.main(["quantise", str(model), "Q8_0"])
    assert asked.read_text("utf-8") == f"model quantize {model} {model} Q8_0\n"


def test_what_fails_ends_the_step(
    asked: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "bad.gguf"
    model.write_text("weights")
    assert cli.main(["quantise", str(model), "Q8_0"]) == 1
    said = capfd.readouterr().err
    assert "bad: a sentence" in said and "its reason stands above" in said
    assert cli.main(["quantise", str(tmp_path / "none.gguf"), "Q8_0"]) == 1
    assert "none.gguf is not there" in capfd.readouterr().err


def test_a_program_that_is_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHATFRIENDS", str(tmp_path / "none"))
    with pytest.raises(Problem, match="is no program"):
        daemon.program()
    monkeypatch.delenv("CHATFRIENDS")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(daemon, "CHECKOUT", tmp_path)
    with pytest.raises(Problem, match="cargo build"):
        daemon.program()
