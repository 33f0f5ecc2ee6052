"""What `make` does without torch: stages that are skipped or gone on with, what is left alone, and persona files that get a model."""

import re
import shutil
import stat
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Never

import pytest

SCRIPTS = Path(__file__).parents[1]
sys.path.insert(0, str(SCRIPTS))

from chatfriends_train import daemon, make, persona, prepare  # noqa: E402
from chatfriends_train.files import refuse_foreign  # noqa: E402
from chatfriends_train.problems import Problem  # noqa: E402
from chatfriends_train.stamp import Stamps  # noqa: E402


class Chain:
    """A stage that copies a file, and counts how often it works."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source.write_text("one")
        self.worked = 0
        self.found: list[bool] = []

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def run(self, setting: int = 1, *, dies: bool = False) -> None:
        """Once more, as by a new process."""
        Stamps(self.folder / "stamps").stage(
            "copy",
            {"text": self.source},
            {"setting": setting},
            self.out,
            lambda: self.work(setting, dies),
        )

    def work(self, setting: int, dies: bool) -> None:
        self.worked += 1
        self.found.append(self.out.exists())
        self.out.write_text(self.source.read_text() * setting)
        if dies:
            raise KeyboardInterrupt


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    folder = tmp_path / "work"
    folder.mkdir()
    made = Chain(folder)
    made.run()
    assert made.worked == 1
    return made


def test_what_is_done_is_not_done_again(chain: Chain) -> None:
    chain.run()
    assert chain.worked == 1


def test_work_that_was_moved_is_still_done(chain: Chain) -> None:
    chain.folder = chain.folder.rename(chain.folder.with_name("elsewhere"))
    chain.run()
    assert chain.worked == 1


def test_another_input_is_worked_on_anew(chain: Chain) -> None:
    chain.source.write_text("two")
    chain.run()
    assert (chain.worked, chain.out.read_text()) == (2, "two")
    # What the former input had left was out of the way, and is gone now that the new output is whole.
    assert chain.found == [False, False]
    assert not [*(chain.folder / "stamps" / "former").glob("out*")]


def test_another_setting_is_worked_on_anew(chain: Chain) -> None:
    chain.run(setting=2)
    assert (chain.worked, chain.found[-1]) == (2, False)


def test_an_output_that_is_gone_is_made_again(chain: Chain) -> None:
    chain.out.unlink()
    chain.run()
    assert (chain.worked, chain.out.read_text()) == (2, "one")


def test_what_was_changed_by_hand_counts(
    chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody takes a row with a telephone number out of the training data: it must not come back."""
    chain.out.write_text("mine")
    chain.run()
    assert (chain.worked, chain.out.read_text()) == (1, "mine")
    assert "was changed by hand and is taken as it is" in capsys.readouterr().err
    # It would have to be made anew, which would lose the change.
    chain.source.write_text("two")
    with pytest.raises(Problem, match="was changed by hand, and since then"):
        chain.run()
    assert (chain.worked, chain.out.read_text()) == (1, "mine")


def test_what_make_has_not_made_is_left(tmp_path: Path) -> None:
    """`make --out .` in a clone met the daemon's store under the name of its training data."""
    chain = Chain(tmp_path)
    chain.out.write_text("the store")
    with pytest.raises(Problem, match="is there, and `make` has not made it"):
        chain.run()
    assert (chain.worked, chain.out.read_text()) == (0, "the store")


def test_a_finished_training_outlives_a_try_of_other_settings(chain: Chain) -> None:
    with pytest.raises(KeyboardInterrupt):
        chain.run(setting=2, dies=True)
    with pytest.raises(KeyboardInterrupt):
        chain.run(setting=3, dies=True)
    worked = chain.worked
    chain.run()
    assert (chain.worked, chain.out.read_text()) == (worked, "one")
    chain.run(setting=2)
    assert (chain.worked, chain.out.read_text()) == (worked + 1, "oneone")


def test_a_second_training_outlives_a_try_of_other_settings(chain: Chain) -> None:
    """Killed between its last stamp and the removal of the first, it was taken for half of one and deleted."""
    former = chain.folder / "stamps" / "former"
    kept = chain.folder / "kept"
    with pytest.raises(KeyboardInterrupt):
        chain.run(setting=2, dies=True)
    shutil.copytree(former, kept)
    chain.run(setting=2)
    assert not [*former.glob("out*")]
    # As it is where the kill came before the removal.
    shutil.copytree(kept, former, dirs_exist_ok=True)
    with pytest.raises(KeyboardInterrupt):
        chain.run(setting=3, dies=True)
    worked = chain.worked
    chain.run(setting=2)
    assert (chain.worked, chain.out.read_text()) == (worked, "oneone")
    shutil.copytree(kept, former, dirs_exist_ok=True)
    chain.run(setting=2)
    assert chain.worked == worked
    assert not [*former.glob("out*")]


def test_half_of_a_folder_is_not_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What other settings had made was killed while it was removed; its rest came back as what somebody had changed by hand."""
    out = tmp_path / "out"

    def run(setting: str) -> None:
        def work() -> None:
            out.mkdir(exist_ok=True)
            for name in ("a", "b"):
                (out / name).write_text(setting)

        Stamps(tmp_path / "stamps").stage("write", {}, setting, out, work)

    def dying(folder: Path) -> Never:
        min(folder.iterdir()).unlink()
        raise KeyboardInterrupt

    run("one")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", dying)
        run("two")
    run("one")
    assert {path.name: path.read_text() for path in out.iterdir()} == {
        "a": "one",
        "b": "one",
    }
    # What was half removed is gone, too.
    assert not [*tmp_path.glob("stamps/going"), *tmp_path.glob("stamps/former/out")]


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
    with pytest.raises(Problem, match="has not made it"):
        chain.run()


def test_a_folder_is_its_files(tmp_path: Path) -> None:
    stamps, folder = Stamps(tmp_path / "stamps"), tmp_path / "folder"
    folder.mkdir()
    assert stamps.fingerprint(folder) == ""
    (folder / "a").write_text("1")
    first = stamps.fingerprint(folder)
    (folder / "a").rename(folder / "b")
    assert stamps.fingerprint(folder) != first


def test_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    refuse_foreign(tmp_path / "none", "mark")
    refuse_foreign(tmp_path, "mark")
    (tmp_path / "photo").write_text("")
    with pytest.raises(Problem, match="holds something else"):
        refuse_foreign(tmp_path, "mark")
    with pytest.raises(Problem, match="is a file where a folder belongs"):
        refuse_foreign(tmp_path / "photo", "mark")
    (tmp_path / "mark").write_text("")
    refuse_foreign(tmp_path, "mark")


def order(folder: Path, **changes: Any) -> make.Order:
    """An adapter over the starter."""
    ordinary = {
        "persona": "nari",
        "kind": "friends",
        "inputs": (folder / "talk.txt",),
        "preset": "starter",
        "form": "adapter",
        "out": folder / "work",
    }
    return make.Order(**ordinary | changes)


def test_a_folder_is_for_one_persona(tmp_path: Path) -> None:
    make._claimed(order(tmp_path))
    make._claimed(order(tmp_path))
    with pytest.raises(Problem, match="holds the work on nari; give bap a folder"):
        make._claimed(order(tmp_path, persona="bap"))
    with pytest.raises(Problem, match="holds something else"):
        make._claimed(order(tmp_path, out=tmp_path))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("Nari", False)),
        ({"speaker": "나리", "mask": True}, ("나리", True)),
        ({"persona": "joey"}, ("Joey", False)),
    ],
)
def test_who_the_persona_is_in_a_transcript(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    expected: tuple[str, bool],
) -> None:
    asked: list[prepare.Preparation] = []
    told = SimpleNamespace(short=lambda out: f"{out} is written")
    monkeypatch.setattr(prepare, "prepare", lambda work: asked.append(work) or told)
    wanted = order(tmp_path, **changes)
    make._prepared(wanted, make._claimed(wanted), 512)
    assert (asked[0].speaker, asked[0].mask) == expected
    assert (asked[0].limit, asked[0].out) == (512, tmp_path / "work" / "data")


@pytest.mark.parametrize(
    ("kind", "prepared"), [("friends", [512, 256]), ("campus", [512])]
)
def test_talk_is_parted_anew_for_a_preset_of_other_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, prepared: list[int]
) -> None:
    """What had been parted for 1,024 tokens was taken for 256, and the training refused it as too long."""
    limits: list[int] = []

    def written(work: prepare.Preparation) -> SimpleNamespace:
        limits.append(work.limit)
        work.out.mkdir()
        (work.out / "train.jsonl").write_text(f"parted at {work.limit}")
        return SimpleNamespace(short=lambda out: f"{out} is written")

    monkeypatch.setattr(prepare, "prepare", written)
    wanted = order(tmp_path, kind=kind)
    for limit in (512, 512, 256):
        make._prepared(wanted, make._claimed(wanted), limit)
    assert limits == prepared


def test_only_transcripts_have_a_speaker(tmp_path: Path) -> None:
    wanted = order(tmp_path, kind="campus", speaker="나리")
    with pytest.raises(Problem, match="--speaker is a name in transcripts"):
        make._prepared(wanted, make._claimed(wanted), 512)


@pytest.mark.parametrize(
    ("choices", "template", "named"),
    [
        (
            [("starter.gguf", "nari lora.gguf")],
            "",
            "--base-gguf starter.gguf --adapter-gguf 'nari lora.gguf'",
        ),
        (
            [("nari.Q8_0.gguf", None), ("nari.F16.gguf", None)],
            "chatml",
            "--merged nari.F16.gguf --quantised nari.Q8_0.gguf --template chatml",
        ),
    ],
    ids=["adapter", "merged"],
)
def test_what_does_not_fit_into_memory_can_be_proved_elsewhere(
    choices: list[tuple[str, str | None]], template: str, named: str
) -> None:
    """The command was to be found out by whoever read that there was too little, and for an adapter there was none."""
    plan = SimpleNamespace(
        base="starter", data=Path("data"), preset=SimpleNamespace(template=template)
    )
    files = [
        make.Files(Path(model), Path(adapter) if adapter else None)
        for model, adapter in choices
    ]
    assert make._by_hand(plan, Path("tuned"), files, Path("proof")) == (
        f"chatfriends-train prove --base starter --adapter tuned {named} --data data --out proof"
    )


@pytest.mark.parametrize(
    ("said", "status", "fault"),
    [
        ("ok      persona nari: 0 facts", 0, None),
        # Somebody else's fault is not this persona's.
        ("ok      persona nari: 0 facts\nFAULT   persona joey: no model", 1, None),
        ("FAULT   persona nari: its adapter is not there", 1, "its adapter is not"),
        ("FAULT   persona file: nari.toml: unknown key", 1, "is not content with it"),
        # The daemon looks for personas in another folder.
        ("ok      persona nari2: 0 facts", 0, "does not know nari"),
    ],
)
def test_the_daemon_has_the_last_word(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    status: int,
    fault: str | None,
) -> None:
    program = tmp_path / "chatfriends"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\nexit {status}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CHATFRIENDS", str(program))
    if fault is None:
        make._check(tmp_path / "nari.toml")
        return
    with pytest.raises(Problem, match=fault):
        make._check(tmp_path / "nari.toml")


def test_the_daemon_is_asked_where_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths on the command line are relative to there."""
    program = tmp_path / "chatfriends"
    program.write_text(
        '#!/bin/sh\nwhile read -r line; do printf \'{"facts": ["%s", "%s"]}\\n\' "$PWD" "$CHATFRIENDS__PERSONAS__PATH"; done\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CHATFRIENDS", str(program))
    monkeypatch.chdir(tmp_path)
    found = daemon.facts("nari", Path("work"), ["Hi", "Where?"])
    assert found == [(str(tmp_path), "work")] * 2


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
    with pytest.raises(Problem, match="n.toml: model cannot be set there line by line"):
        persona.with_model(text, {"model": "m.gguf"}, "n.toml")


def test_a_line_of_a_text_that_looks_like_a_table_is_none() -> None:
    text = 'name = "N"\nsystem = """\n[Rules]\nBe kind.\n"""\n[sampling]\ntop_p = 0.9\n'
    changed = persona.with_model(text, {"model": "m.gguf"}, "n.toml")
    assert tomllib.loads(changed) == tomllib.loads(text) | {"model": "m.gguf"}


def test_a_persona_that_cannot_get_a_model_is_refused_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was found out when the model was there, and then nothing was installed."""
    personas = tmp_path / "personas"
    personas.mkdir()
    (personas / "nari.toml").write_text(
        'name = "Nari"\nsystem = """\ntemplate = of kindness\n"""\n', "utf-8"
    )
    monkeypatch.setenv("CHATFRIENDS__PERSONAS__PATH", str(personas))
    monkeypatch.setenv("CHATFRIENDS", sys.executable)
    monkeypatch.setattr(make, "_prepared", lambda *_: tmp_path)

    def trained(*_: object) -> Never:
        raise AssertionError("the training began")

    monkeypatch.setattr(make, "_tuned", trained)
    with pytest.raises(Problem, match="nari.toml: model, adapter, template cannot be"):
        make.make(order(tmp_path))


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
def test_a_draft_is_a_persona(
    tmp_path: Path, kind: str, languages: list[persona.Language]
) -> None:
    path = tmp_path / "my_friend.toml"
    facts = ["Where? Here.", 'Who? "Me".']
    path.write_text(persona.draft("my_friend", kind, languages, facts), "utf-8")
    document = tomllib.loads(path.read_text("utf-8"))
    assert document["name"] == "My Friend"
    assert document["languages"] == languages
    made = persona.of_file("my_friend", path)
    assert "My Friend" in made.system
    assert made.facts == tuple(facts)
    assert bool(re.search("[가-힣]", made.system)) == (languages[0] == "ko")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[example]]\nperson = "Hi"\n', '[[example]] number 1 has no text "reply"'),
        (
            '[[fact]]\ntext = "A."\n[[fact]]\nlang = "ko"\n',
            '[[fact]] number 2 has no text "text"',
        ),
        ("[[fact]]\ntext = 5\n", '[[fact]] number 1 has no text "text"'),
        ('fact = ["A."]\n', '[[fact]] number 1 has no text "text"'),
        ('[example]\nperson = "Hi"\n', "'example' is no array of tables"),
        ("[[fact]\n", "Expected"),
    ],
)
def test_a_mistake_in_a_persona_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "nari.toml"
    path.write_text(f'system = "Nari."\n{text}', "utf-8")
    with pytest.raises(Problem, match=re.escape(f"{path}: {said}")):
        persona.of_file("nari", path)


def test_a_persona_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nari.toml"
    path.write_bytes('name = "N"\nsystem = "너는 나리."\n'.encode("cp949"))
    with pytest.raises(Problem, match=re.escape(f"{path}:2: not UTF-8; save the")):
        persona.of_file("nari", path)


def test_own_personas_come_before_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATFRIENDS__PERSONAS__PATH", str(tmp_path))
    assert persona.find("joey").system.startswith("You are Joey")
    (tmp_path / "joey.toml").write_text('system = " Mine. "\n', "utf-8")
    mine = persona.Persona("joey", "Mine.", folder=tmp_path)
    assert persona.find("joey") == mine
    with pytest.raises(Problem, match="there is no persona 'nobody'"):
        persona.find("nobody")


def test_personas_are_where_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHATFRIENDS__PERSONAS__PATH", raising=False)
    assert persona.own_folder() == persona.CHECKOUT / "config/personas"
    monkeypatch.setattr(persona, "CHECKOUT", tmp_path)
    (tmp_path / "config").mkdir()
    settings = tmp_path / "config" / "local.toml"
    settings.write_text('[personas]\npath = "friends"\n', "utf-8")
    assert persona.own_folder() == tmp_path / "friends"
    monkeypatch.setenv("CHATFRIENDS__PERSONAS__PATH", "/others")
    assert persona.own_folder() == Path("/others")
