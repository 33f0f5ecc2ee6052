"""Presets load, and a mistake in one of your own is named. No torch is needed."""

import dataclasses
import math
import re
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import preset  # noqa: E402
from chatfriends_train.problems import Problem  # noqa: E402
from chatfriends_train.template import Marks, Message, Template  # noqa: E402


@pytest.mark.parametrize("name", preset.names())
def test_a_shipped_preset_loads(name: str) -> None:
    loaded = preset.load(name)
    assert loaded.base or name == "tiny"
    if loaded.template:
        # The daemon checks a persona's template in the same way.
        assert Template(loaded.template, Marks("<s>", "</s>")).turn_end.startswith(
            "</s>"
        )


def test_the_seeds_have_their_figures() -> None:
    mechuri, campus = preset.load("mechuri"), preset.load("campus")
    assert (mechuri.method, mechuri.targets, mechuri.batch, mechuri.max_steps) == (
        "qlora",
        ("query_key_value",),
        8,
        1372,
    )
    assert (campus.epochs, campus.warm_up, campus.scheduler, campus.early_stopping) == (
        25,
        0.06,
        "cosine",
        3,
    )
    # 14.7 MB was the adapter's size: 28 layers, 4,096 in and three times that out, 4 bytes each.
    assert round(28 * mechuri.rank * (4096 + 3 * 4096) * 4 / 1e6, 1) == 14.7


def test_alpacas_headings_stand_as_its_models_learnt_them() -> None:
    template = Template(preset.load("helper").template, Marks("<s>", "</s>"))
    prompt = template.render([Message("system", "Be brief."), Message("user", "Hi")])
    assert "".join(piece.text for piece in prompt) == (
        "Be brief.\n\n### Instruction:\nHi\n\n### Response:\n"
    )


def document(**changes: object) -> dict[str, object]:
    """A preset as a file has it, with changes; None leaves a key out."""
    whole = {
        "base": "some/model",
        "targets": ["q_proj"],
        "rank": 8,
        "alpha": 16,
        "learning_rate": 1e-4,
        "epochs": 3,
        "batch": 4,
        "max_length": 512,
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def test_numbers_without_a_point_are_numbers() -> None:
    loaded = preset.of_document(document(epochs=3), "mine.toml")
    assert (loaded.epochs, type(loaded.epochs)) == (3.0, float)
    assert dataclasses.is_dataclass(loaded)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"learning_rat": 1e-4},
            "mine.toml: unknown key 'learning_rat' (did you mean 'learning_rate'?)",
        ),
        ({"zebra": 1}, "mine.toml: unknown key 'zebra'"),
        ({"rank": None}, "mine.toml: 'rank' is missing"),
        ({"rank": 0}, "mine.toml: rank is 0; it must be above 0"),
        ({"batch": True}, "mine.toml: batch is True; it must be a whole number"),
        (
            {"method": "dora"},
            "mine.toml: method is 'dora'; it must be one of lora, qlora",
        ),
        (
            {"targets": "q_proj"},
            "mine.toml: targets is 'q_proj'; it must be a list of texts",
        ),
        (
            {"learning_rate": math.nan},
            "mine.toml: learning_rate is nan; it must be a finite number",
        ),
        ({"epochs": math.inf}, "mine.toml: epochs is inf; it must be a finite number"),
        (
            {"group_by_length": True, "epochs": 2.0},
            "mine.toml: group_by_length is on and epochs is 2; it must be off above 1",
        ),
        ({"targets": []}, "mine.toml: targets is empty"),
        ({"folds": 1}, "mine.toml: folds is 1; it must be 0 or at least 2"),
        (
            {"keep": "last", "early_stopping": 3},
            "mine.toml: early_stopping is 3; it must be 0 where keep is last",
        ),
        (
            {"warm_up": 1.0},
            "mine.toml: warm_up is 1.0; it must be at least 0 and below 1",
        ),
    ],
)
def test_a_mistake_is_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(Problem, match=f"^{re.escape(said)}"):
        preset.of_document(document(**changes), "mine.toml")


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(Problem) as raised:
        preset.of_document(document(rank=None, ranks=8, batch="4"), "mine.toml")
    assert len(str(raised.value).splitlines()) == 3


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(
        Problem, match=r"unknown preset 'mechury' \(did you mean 'mechuri'\?\)"
    ):
        preset.load("mechury")


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        (preset.SHIPPED / "campus.toml").read_text("utf-8") + "\nseed = 11\n", "utf-8"
    )
    assert preset.load(str(path)).seed == 11
    path.write_text("base = [", "utf-8")
    with pytest.raises(Problem, match="mine.toml"):
        preset.load(str(path))
