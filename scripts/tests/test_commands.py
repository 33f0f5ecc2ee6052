"""`chatfriends-train` itself: help without packages, the usage of the right step, and reasons in place of tracebacks."""

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
    ],
    ids=["data", "weights", "stopped", "path"],
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
