"""`chatfriends-train` itself: help without packages, the usage of the right step, and reasons in place of tracebacks."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Never

import pytest

SCRIPTS = Path(__file__).parents[1]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import cli, quantise  # noqa: E402


@pytest.mark.parametrize("step", cli.STEPS)
def test_help_needs_no_package(step: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody fetches six gigabytes to read what a step takes."""
    with pytest.raises(SystemExit) as ended:
        cli.main([step, "--help"])
    assert ended.value.code == 0
    assert f"usage: chatfriends-train {step} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: STEP"),
        (["mrege"], "invalid choice: 'mrege'"),
        (["merge", "--bsae", "x"], "usage: chatfriends-train merge "),
        (["quantise", "x.gguf", "q9"], "usage: chatfriends-train quantise "),
    ],
)
def test_a_mistake_gets_the_usage_of_its_step(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def failing(error: BaseException) -> Callable[..., Never]:
    """A step that ends so."""

    def run(*_: object) -> Never:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (
            ModuleNotFoundError(name="docx"),
            1,
            "the Python package python-docx is missing; install it with `pip install -r scripts/requirements-data.txt`",
        ),
        (ModuleNotFoundError(name="torch"), 1, "scripts/requirements-weights.txt"),
        (KeyboardInterrupt(), 130, "stopped; the same command goes on from here"),
        (PermissionError(13, "Permission denied", "/root/x"), 1, "/root/x: Permission"),
        # What a write to a full disk raises names no file.
        (
            OSError(errno.ENOSPC, "No space left on device"),
            1,
            "quantise: No space left on device; make room or write elsewhere, then the same command goes on from here",
        ),
        (
            OSError(errno.EDQUOT, "Disk quota exceeded", "x.part"),
            1,
            "x.part: Disk quota exceeded; make room",
        ),
    ],
    ids=["data", "weights", "stopped", "path", "disk", "quota"],
)
def test_what_ends_a_step_is_said(
    error: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(quantise, "run", failing(error))
    assert cli.main(["quantise", "x.gguf", "Q8_0"]) == status
    assert said in capsys.readouterr().err


def test_a_fault_of_ours_is_shown_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantise, "run", failing(OSError(errno.EBADF, "Bad file")))
    with pytest.raises(OSError, match="Bad file"):
        cli.main(["quantise", "x.gguf", "Q8_0"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["make", "nari", "--from", "campus", "https://example.com/a.csv", "--preset", "starter", "--as", "adapter", "--out", "work"],
        ["quantise", "https://example.com/a.gguf", "Q8_0"],
        ["merge", "--base", "b", "--adapter", "https://example.com/a", "--out", "work"],
    ],
    ids=lambda arguments: arguments[0],
)  # fmt: skip
def test_an_address_is_no_path(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """It was called "https:/example.com/a.csv", and not there."""
    with pytest.raises(SystemExit):
        cli.main(arguments)
    error = capsys.readouterr().err
    assert "'https://example.com/a" in error
    assert "is an address; download it and give the file" in error


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "nothing is named that could be measured; give --merged FILE, or"),
        (["--quantised", "x.gguf"], "nothing is named that could be measured"),
        (["--adapter-gguf", "x.gguf"], "give --base-gguf and --adapter-gguf together"),
        (["--merged", "x", "--base-gguf", "x"], "together, or neither"),
    ],
)
def test_what_is_proved_must_be_named(
    files: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["prove", "--base", str(tmp_path), "--data", "d", "--out", "o", *files]
    assert cli.main(command) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "files", [["--merged", "x"], ["--base-gguf", "x", "--adapter-gguf", "x"]]
)
def test_an_adapter_can_be_proved_without_a_merged_file(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make --as adapter` makes none, and told people with too little memory to run `prove` elsewhere."""
    command = ["prove", "--base", str(tmp_path), "--data", "d", "--out", "o", *files]
    # Only the packages are missing, or the base.
    assert cli.main(command) == 1
    assert "give --" not in capsys.readouterr().err


def test_a_file_in_place_of_a_folder_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "x.F16.gguf"
    model.write_text("weights")
    for out in (model, model / "within"):
        assert cli.main(["quantise", str(model), "Q8_0", "--out", str(out)]) == 1
        assert f"quantise: {out}" in capsys.readouterr().err
    end = ["--preset", "starter", "--as", "adapter", "--out", str(model)]
    assert cli.main(["make", "nari", "--from", "campus", str(model), *end]) == 1


def test_a_step_that_cannot_go_on_does_not_say_so() -> None:
    assert cli.STEPS["convert"].stopped == "the same command begins anew"
