"""What the starter's training data must always be. Needs no torch: `python -m pytest scripts/tests/test_starter.py`."""

import hashlib
import itertools
import re
import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatfriends_train.dialogue import Dialogue as TrainingDialogue  # noqa: E402
from starter import (
    chat,
    corpus,
    export,
    facts,
    heldout,
    lexicon,
    memory,
    menu,
    paths,
    talk,
)  # noqa: E402
from starter.data import SHARES, Source  # noqa: E402
from starter.dialogue import Dialogue, repeats_the_person, spoken, squeezed  # noqa: E402
from starter.prompt import MEMORY_KEYS, User, is_korean, language_of  # noqa: E402

COUNT = 4000


@pytest.fixture(scope="module")
def source() -> Source:
    return Source(seed=11)


@pytest.fixture(scope="module")
def dialogues(source: Source) -> list[Dialogue]:
    return list(itertools.islice(source.dialogues(), COUNT))


def words_of(user: User) -> str:
    return re.sub(r"^.{1,40}#[0-9a-f]{4}: ", "", user.text)


def test_a_user_message_is_laid_out_as_the_prompt_page_shows() -> None:
    page = (paths.REPOSITORY / "docs" / "PROMPT.md").read_text("utf-8")
    block = page.split("then the person's words on a new line:\n\n")[1].split(
        "\n\n- `<memory>`"
    )[0]
    shown = "\n".join(line.removeprefix("    ") for line in block.splitlines())
    made = User(
        "What's my job and my name?",
        memory={"name": "Yun", "likes": "jazz, cold noodles", "job": "bartender"},
        summary=["Yun: I moved to Busan last spring."],
        recall=["Yun: My interview is on Friday."],
        facts=[
            "Building 1 stands beside the sports field.",
            "It is connected to Building 2.",
        ],
    )
    assert made.render("en") == shown


def test_the_memory_keys_are_those_of_the_prompt_page() -> None:
    page = (paths.REPOSITORY / "docs" / "PROMPT.md").read_text("utf-8")
    rows = re.findall(r"^  \| (\w+) \| `([^`]+)` \| `([^`]+)` \|$", page, re.M)
    assert [(key, (english, korean)) for key, english, korean in rows] == list(
        MEMORY_KEYS.items()
    )


def test_korean_words_get_korean_keys_and_empty_facts_say_none() -> None:
    assert (
        User("내 이름 뭐야?", memory={"name": "은호"}, facts=[]).render("ko")
        == "<memory>\n이름: 은호\n</memory>\n<facts>\nnone\n</facts>\n내 이름 뭐야?"
    )


def test_a_dialogue_is_chatml_from_the_system_message_on(source: Source) -> None:
    persona = source.personas["joey"]
    made = Dialogue("joey", [User("hi"), "Hey!"], "chat").text(persona)
    assert (
        made
        == f"<|im_start|>system\n{persona.system}<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nHey!<|im_end|>\n"
    )


# A changed question needs a changed test, too.
LOCKED = {
    "first": "198c7e15f484d612eaf6be8bad6cbf64495469b9e990073165b6870e036436dd",
    "second": "5f189ee5e9c9c8d29d8077e98b501fe1cab88a67a68c919cb5125e0e5652c27a",
}


def test_the_held_out_questions_are_those_that_were_locked() -> None:
    found = {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths.HELDOUT.glob("*.jsonl")
    }
    assert found == LOCKED
    for name in LOCKED:
        asked = [item for item in heldout.items() if item.set == name]
        assert len(asked) > 150
        assert {item.persona for item in asked} == set(SHARES)


def test_no_held_out_question_is_trained_on(dialogues: list[Dialogue]) -> None:
    """However it is typed: its letters stand nowhere in what a person says."""
    asked = {
        squeezed(line): line
        for item in heldout.items()
        if item.kind != "seed"
        for turn in item.turns
        if isinstance(turn, User)
        for line in spoken(turn.text)
    }
    # What two or three short words say, everybody says.
    long = {letters for letters, line in asked.items() if len(line) >= 20}
    assert len(long) > 350
    for made in dialogues:
        for user in made.users():
            letters = squeezed(user.text)
            assert not [one for one in long if one in letters], user.text


@pytest.mark.parametrize(
    "words",
    [
        "강아지가 죽었어",
        "강아지가죽었어ㅠㅠ",
        "아 맞다, 강아지가 죽었어",
        "i failed my driving test lol",
        "Mina#12ab: hey, I failed my driving test",
    ],
)
def test_a_held_out_question_is_known_in_disguise(words: str) -> None:
    assert any(map(heldout.holds, spoken(words)))


def test_what_everybody_says_is_not_held_out() -> None:
    for words in ("고마워!", "hi", "hm", "omg", "뭐해"):
        assert not heldout.holds(words)


def test_turns_alternate_and_end_with_a_reply(dialogues: list[Dialogue]) -> None:
    for made in dialogues:
        assert made.turns and len(made.turns) % 2 == 0
        assert all(isinstance(turn, User) for turn in made.turns[::2])
        assert all(isinstance(turn, str) and turn.strip() for turn in made.turns[1::2])


def test_a_reply_never_opens_with_the_persons_words(dialogues: list[Dialogue]) -> None:
    for made in dialogues:
        for user, reply in zip(made.turns[::2], made.turns[1::2], strict=True):
            assert not repeats_the_person(words_of(user), reply), (user.text, reply)


def test_no_slot_is_left_open_and_no_tag_is_broken(
    dialogues: list[Dialogue], source: Source
) -> None:
    for made in dialogues:
        text = made.text(source.personas[made.persona])
        assert not re.search(r"\{[a-zA-Z_0-9|/:가-힣]*\}", text), text
        for tag in ("memory", "summary", "recall", "facts"):
            assert text.count(f"<{tag}>") == text.count(f"</{tag}>")


def test_english_personas_answer_in_english(
    dialogues: list[Dialogue], source: Source
) -> None:
    for made in dialogues:
        if source.personas[made.persona].languages == ["en"]:
            assert not any(is_korean(reply) for reply in made.turns[1::2]), made


def test_a_reply_is_in_the_language_of_the_question(dialogues: list[Dialogue]) -> None:
    for made in dialogues:
        if made.persona == "campus":
            for user, reply in zip(made.turns[::2], made.turns[1::2], strict=True):
                # What is typed at random has no language.
                if is_korean(words_of(user)) or " " in words_of(user):
                    assert is_korean(words_of(user)) == is_korean(reply), (
                        user.text,
                        reply,
                    )


def test_an_answer_from_memory_stands_in_the_prompt() -> None:
    random = Random(5)
    for _ in range(400):
        made = memory.from_block(random, "joey", "en")
        user, reply = made.turns[0], made.turns[1]
        known = [
            value for value in user.memory.values() if value.lower() in reply.lower()
        ]
        assert (
            known or "yet" in reply or "haven't told" in reply or "never told" in reply
        ), (user, reply)


def test_an_answer_about_the_campus_is_one_of_its_facts() -> None:
    random = Random(6)
    for korean in (True, False):
        for _ in range(300):
            user, reply = facts.exchange(random, korean)
            if user.facts:
                assert any(facts.polite(fact) in reply for fact in user.facts)
            else:
                assert ("학생지원센터" if korean else "student service centre") in reply


def test_another_dish_is_another_dish() -> None:
    random = Random(7)
    for _ in range(400):
        made = menu.dialogue(random)
        offered = [
            dish
            for dish in (
                menu.names_in(reply.split("?")[0])
                for reply in made.turns[1::2]
                if "어떠" in reply or "어때" in reply
            )
        ]
        flat = [frozenset(names) for names in offered if names]
        assert len(flat) == len(set(flat)), made


def test_no_dish_with_an_allergen_is_offered(dialogues: list[Dialogue]) -> None:
    for made in dialogues:
        if made.persona == "mechuri":
            for user in made.users():
                assert menu.harmless(
                    user.memory.get("allergy", ""), made.turns[1::2]
                ), made


def test_particles_follow_the_last_sound() -> None:
    assert lexicon.particle("은호", "이라고/라고") == "은호라고"
    assert lexicon.particle("소방관", "이에요/예요") == "소방관이에요"
    assert lexicon.particle("서울", "으로/로") == "서울로"


def test_corpus_slots_are_filled_with_their_particles() -> None:
    assert (
        corpus.fill("저는 {ko_name:이에요}", {"ko_name": "수현"}) == "저는 수현이에요"
    )
    assert corpus.fill("{ko_pet:은} 귀엽죠", {"ko_pet": "고양이"}) == "고양이는 귀엽죠"
    assert (
        corpus.fill("i am a {job}. {job}!", {"job": "editor"})
        == "i am an editor. Editor!"
    )


def test_the_data_is_the_same_for_the_same_seed() -> None:
    first, second = (
        list(itertools.islice(Source(seed=3).texts(), 50)) for _ in range(2)
    )
    assert first == second


def parsed(
    tmp_path: Path, text: str, name: str = "joey.en.test.txt"
) -> list[talk.Talk]:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return talk.parse(path)


def test_a_talk_is_read_with_its_alternatives_and_blocks(tmp_path: Path) -> None:
    [first, second] = parsed(
        tmp_path,
        "# how they say hello\n> hi | hello there\n< Hey! | Hi, you.\n\n@name {name}\n@summary {name}: I moved.\n"
        "{name}> what's my name?\nMina> and mine?\n< {name} and Mina.\n",
    )
    assert first.turns == [
        talk.Said(lines=[("", ["hi", "hello there"])]),
        ["Hey!", "Hi, you."],
    ]
    made = talk.dialogue(Random(1), second)
    user, reply = made.turns
    assert isinstance(user, User)
    name = user.memory["name"]
    assert user.summary == [f"{name}: I moved."] and reply == f"{name} and Mina."
    assert re.fullmatch(
        rf"{name}#[0-9a-f]{{4}}: .*name.*\nMina#[0-9a-f]{{4}}: .*mine.*",
        user.text,
        re.I,
    )


def test_every_alternative_is_drawn(tmp_path: Path) -> None:
    [one] = parsed(tmp_path, "> a | b\n< C. | D.\n")
    random = Random(2)
    drawn = {
        (made.turns[0].text, made.turns[1])
        for made in (talk.dialogue(random, one) for _ in range(100))
    }
    assert drawn == {("a", "C."), ("a", "D."), ("b", "C."), ("b", "D.")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("> hi\n", "2: the dialogue does not end with a reply"),
        ("> hi\n< Hey\n", "2: the reply `Hey` does not end its sentence"),
        ("< Hey.\n", "1: a reply without words before it"),
        ("hi\n", "1: a line begins with"),
        ("> hi |  | ho\n< Hey.\n", "1: a line begins with"),
        ("> hi\n< **Hey.**\n", "2: markup or a pictogram"),
        ("@colour red\n> hi\n< Hey.\n", "1: `@colour` is none of"),
        ("> hi\n@name Yun\n< Hey.\n", "2: `@name` stands after the words"),
        (f"> {'a' * 221}\n< Hey.\n", "1: 221 characters; at most 220"),
        ("> hi {job}\n< Hey.\n", "1: `{job}` is none of name, name2"),
    ],
)
def test_a_bad_line_of_a_talk_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(talk.Fault, match=re.escape(f"joey.en.test.txt:{said}")):
        parsed(tmp_path, text)


def test_a_made_up_persona_brings_its_system_text(tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    [one] = parsed(
        tmp_path, "system: You are Mina.\n> hi\n< Hello.\n", "others/mina.en.all.txt"
    )
    assert (one.persona, one.system) == ("mina", "You are Mina.")
    for text in ("> hi\n< Hello.\n", "system: \n> hi\n< Hello.\n"):
        with pytest.raises(talk.Fault, match="mina.en.all.txt:1: it begins with"):
            parsed(tmp_path, text, "others/mina.en.all.txt")


def test_friends_answer_in_english_and_the_rest_in_the_language_of_the_file() -> None:
    for one in talk.read():
        # The helper is asked for words of the other language.
        if one.persona == "helper" and one.language == "en":
            continue
        for turn in one.turns:
            if isinstance(turn, list):
                korean = one.language == "ko"
                assert all(is_korean(reply) == korean for reply in turn), one.place


@pytest.mark.parametrize("persona", ["mechuri", "campus"])
def test_a_persona_s_dialogues_become_training_data(
    source: Source, persona: str
) -> None:
    shown = set()
    for made in itertools.islice(source.dialogues_of(persona), 200):
        found = TrainingDialogue.from_json(export.row(made, 1))
        assert found.persona == persona
        prompt = "".join(turn.shown or "" for turn in found.turns)
        shown |= {tag for tag in ("memory", "summary", "facts") if f"<{tag}>" in prompt}
        asked = [turn for turn in found.turns if turn.role == "user"]
        for turn, user in zip(asked, made.users(), strict=True):
            assert (turn.shown or "") + turn.content == user.render(
                language_of(user.text)
            )
    assert {"memory", "facts" if persona == "campus" else "summary"} <= shown


def test_what_is_held_back_is_never_drawn(source: Source) -> None:
    drawn = {one.place for talks in source.talks.values() for one in talks}
    kept = {one.place for one in source.held_back}
    assert len(kept) > 100 and not kept & drawn
    first, again = (
        [made.turns for made in Source(seed=seed).unseen()] for seed in (1, 2)
    )
    assert first == again and len(first) == len(kept)


def test_who_answers_a_kind_answers_all_and_details_go_on_from_something(
    source: Source,
) -> None:
    kinds = chat.KINDS | chat.DETAILS
    for voice in source.corpus.voices.values():
        answered = kinds & set(voice.replies)
        assert answered in (set(), kinds), (voice.persona, kinds - answered)
        for kind in answered:
            assert len(voice.phrasings[kind]) > 100 and len(voice.replies[kind]) > 10
    voice, random = source.corpus.voices["joey", "en"], Random(4)
    details = {words for kind in chat.DETAILS for words in voice.phrasings[kind]}
    made = [
        chat.dialogue(random, source.corpus, voice, "Joey").users() for _ in range(2000)
    ]
    assert not any(users[0].text in details for users in made)
    assert sum(user.text in details for users in made for user in users) > 200
