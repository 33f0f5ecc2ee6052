"""What `make` does without torch: stages that are skipped or gone on with, and persona files that get a model."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import persona  # noqa: E402
from chatfriends_train.problems import Problem  # noqa: E402
from chatfriends_train.stamp import Stamps  # noqa: E402


class Chain:
    """A stage that copies a file, and counts how often it works."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source, self.out = folder / "source", folder / "out"
        self.source.write_text("one")
        self.worked = 0
        self.found: list[bool] = []

    def run(self, setting: int = 1, *, dies: bool = False) -> None:
        """Once more, as by a new process."""
        Stamps(self.folder / "stamps").stage(
            "copy",
            [self.source],
            {"setting": setting},
            [self.out],
            lambda: self.work(dies),
        )

    def work(self, dies: bool) -> None:
        self.worked += 1
        self.found.append(self.out.exists())
        self.out.write_text(self.source.read_text())
        if dies:
            raise KeyboardInterrupt


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    made = Chain(tmp_path)
    made.run()
    assert made.worked == 1
    return made


def test_what_is_done_is_not_done_again(chain: Chain) -> None:
    chain.run()
    assert chain.worked == 1


def test_another_input_is_worked_on_anew(chain: Chain) -> None:
    chain.source.write_text("two")
    chain.run()
    assert (chain.worked, chain.out.read_text()) == (2, "two")
    # What the former input had left was out of the way.
    assert chain.found == [False, False]


def test_another_setting_is_worked_on_anew(chain: Chain) -> None:
    chain.run(setting=2)
    assert (chain.worked, chain.found[-1]) == (2, False)


@pytest.mark.parametrize("change", ["changed", None])
def test_an_output_that_is_not_whole_is_made_again(
    chain: Chain, change: str | None
) -> None:
    chain.out.write_text(change) if change else chain.out.unlink()
    chain.run()
    assert (chain.worked, chain.out.read_text()) == (2, "one")


def test_a_killed_stage_finds_what_it_had(chain: Chain) -> None:
    chain.source.write_text("two")
    with pytest.raises(KeyboardInterrupt):
        chain.run(dies=True)
    chain.run()
    assert (chain.worked, chain.found[-1]) == (3, True)
    chain.run()
    assert chain.worked == 3


def test_half_a_stamp_is_no_stamp(chain: Chain) -> None:
    (chain.folder / "stamps" / "copy.json").write_text('{"needed"')
    chain.run()
    assert chain.worked == 2


def test_a_folder_is_its_files(tmp_path: Path) -> None:
    stamps, folder = Stamps(tmp_path / "stamps"), tmp_path / "folder"
    folder.mkdir()
    assert stamps.fingerprint(folder) == ""
    (folder / "a").write_text("1")
    first = stamps.fingerprint(folder)
    (folder / "a").rename(folder / "b")
    assert stamps.fingerprint(folder) != first


MODEL = {
    "model": "models/nari.gguf",
    "adapter": "models/nari-lora.gguf",
    "template": None,
}


@pytest.mark.parametrize(
    "path", sorted(persona.LIBRARY.glob("*.toml")), ids=lambda path: path.stem
)
def test_a_shipped_persona_gets_a_model(path: Path) -> None:
    text = path.read_text("utf-8")
    changed = persona.with_model(text, MODEL, str(path))
    assert tomllib.loads(changed) == tomllib.loads(text) | {
        "model": MODEL["model"],
        "adapter": MODEL["adapter"],
    }
    # Comments stay.
    assert text.count("#") == changed.count("#")
    # Once more changes nothing, and without an adapter the old one goes.
    assert persona.with_model(changed, MODEL, str(path)) == changed
    merged = persona.with_model(changed, MODEL | {"adapter": None}, str(path))
    assert "adapter" not in tomllib.loads(merged)


def test_a_file_that_cannot_be_changed_by_lines_is_left() -> None:
    text = 'name = "N"\nsystem = """\nmodel = of kindness\n"""\n'
    with pytest.raises(Problem, match=re.escape('put in by hand: model = "m.gguf"')):
        persona.with_model(text, {"model": "m.gguf"}, "n.toml")


def test_a_template_of_several_lines_is_carried() -> None:
    jinja = '{% for m in messages %}"{{ m.content }}"\n{% endfor %}\\n'
    changed = persona.with_model(
        'name = "N"\n[sampling]\ntop_p = 0.9\n', {"template": jinja}, "n.toml"
    )
    assert tomllib.loads(changed) == {
        "name": "N",
        "template": jinja,
        "sampling": {"top_p": 0.9},
    }


@pytest.mark.parametrize("kind", persona.SYSTEMS)
@pytest.mark.parametrize(
    "languages", [["ko"], ["en"], ["ko", "en"], ["en", "ko"]], ids="-".join
)
def test_a_draft_is_a_persona(kind: str, languages: list[persona.Language]) -> None:
    document = tomllib.loads(persona.draft("my_friend", kind, languages))
    assert document["name"] == "My Friend"
    assert document["languages"] == languages
    made = persona.of_document("my_friend", document, "draft")
    assert "My Friend" in made.system
    assert bool(re.search("[가-힣]", made.system)) == (languages[0] == "ko")


def test_own_personas_come_before_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATFRIENDS__PERSONAS__PATH", str(tmp_path))
    assert persona.find("joey").system.startswith("You are Joey")
    (tmp_path / "joey.toml").write_text('system = " Mine. "\n', "utf-8")
    assert persona.find("joey") == persona.Persona("joey", "Mine.")
    with pytest.raises(Problem, match="there is no persona 'nobody'"):
        persona.find("nobody")
