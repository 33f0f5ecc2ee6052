"""The starter's own torch code: growing, training weights, adapters, and the file that is measured."""

import sys
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

SCRIPTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SCRIPTS))

from starter import evaluate, gguf_file, grow, tokenizer, train  # noqa: E402
from starter.heldout import Item  # noqa: E402
from starter.model import _PIECE, Shape, Starter  # noqa: E402
from starter.prompt import User  # noqa: E402

TEXTS = [
    "Hey, how are you?",
    "오늘 점심 뭐 먹지? 김치찌개요!",
    "I like cold noodles.",
] * 40


@pytest.fixture(scope="module")
def words() -> Tokenizer:
    return tokenizer.train(TEXTS, 400)


def model(words: Tokenizer, layers: int = 2) -> Starter:
    torch.manual_seed(1)
    shape = Shape(
        words.get_vocab_size(), width=64, layers=layers, heads=4, feed_forward=96
    )
    return Starter(shape).eval()


@torch.no_grad()
def scores(one: Starter, words: Tokenizer, text: str) -> torch.Tensor:
    return one.logits(one.hidden(torch.tensor([words.encode(text).ids])))


def test_a_grown_model_says_at_first_what_the_old_one_said(words: Tokenizer) -> None:
    old, grown = model(words), model(words, layers=5)
    grow.carry(old, words, grown, words)
    for text in TEXTS[:3]:
        assert torch.allclose(
            scores(grown, words, text), scores(old, words, text), atol=1e-5
        )


def test_a_new_token_begins_as_the_mean_of_what_spells_it(words: Tokenizer) -> None:
    larger = tokenizer.train([*TEXTS, *["noodlesnoodles"] * 50], 500)
    old, grown = model(words), model(larger)
    grow.carry(old, words, grown, larger)
    fresh = [text for text in larger.get_vocab() if words.token_to_id(text) is None]
    assert fresh
    for text in fresh:
        pieces = [piece.id for piece in words.model.tokenize(text)]
        expected = old.embedding.weight[pieces].mean(0)
        assert torch.allclose(
            grown.embedding.weight[larger.token_to_id(text)], expected
        )


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [(4, 8, [0, 1, 3, 5]), (4, 5, [0, 1, 3, 4]), (4, 4, [0, 1, 2, 3]), (2, 3, [0, 1])],
)
def test_old_layers_keep_their_order(old: int, new: int, places: list[int]) -> None:
    assert grow.layers_of_old(old, new) == places


@torch.no_grad()
def test_attention_in_pieces_sees_all_that_came_before(words: Tokenizer) -> None:
    one = model(words)
    tokens = torch.randint(0, words.get_vocab_size(), (1, 2 * _PIECE + 5))
    whole = one.logits(one.hidden(tokens))[0]
    cache: list[tuple[torch.Tensor, torch.Tensor]] = []
    for place in (0, _PIECE - 1, _PIECE, 2 * _PIECE + 4):
        cache.clear()
        assert torch.allclose(
            one.advance(tokens[:, : place + 1], cache), whole[place], atol=1e-4
        )


def test_the_persons_words_count_less_and_blocks_nothing(words: Tokenizer) -> None:
    said = "<memory>\nname: Yun\n</memory>\nhow are you?"
    row = train.encode(
        words, [("system", "You are Joey."), ("user", said), ("assistant", "Hey!")]
    )
    by_weight = {
        weight: words.decode(
            [
                token
                for token, own in zip(row.tokens, row.learn, strict=True)
                if own == weight
            ]
        )
        for weight in (train.PERSONS_SHARE, 1.0)
    }
    assert by_weight[train.PERSONS_SHARE].removesuffix("<|im_end|>") == "how are you?"
    assert by_weight[1.0].removesuffix("<|im_end|>") == "Hey!"


def test_an_adapter_is_added_to_the_matrices_that_it_names(
    words: Tokenizer, tmp_path: Path
) -> None:
    one = model(words)
    before = {name: value.clone() for name, value in one.state_dict().items()}
    rank, alpha, width = 2, 4.0, one.shape.width
    random = np.random.default_rng(3)
    writer = gguf.GGUFWriter(tmp_path / "lora.gguf", "llama")
    writer.add_float32("adapter.lora.alpha", alpha)
    deltas = {}
    for part, outputs in (("attn_k", width), ("ffn_up", one.shape.feed_forward)):
        down = random.normal(size=(rank, width)).astype(np.float32)
        up = random.normal(size=(outputs, rank)).astype(np.float32)
        writer.add_tensor(f"blk.1.{part}.weight.lora_a", down)
        writer.add_tensor(f"blk.1.{part}.weight.lora_b", up)
        deltas[part] = torch.from_numpy(alpha / rank * up @ down)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    gguf_file.adapt(one, tmp_path / "lora.gguf")
    changed = {
        name: value - before[name]
        for name, value in one.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert set(changed) == {"blocks.1.qkv.weight", "blocks.1.gate_up.weight"}
    expected = torch.zeros(3 * width, width)
    expected[width : 2 * width] = deltas["attn_k"]
    assert torch.allclose(changed["blocks.1.qkv.weight"], expected, atol=1e-5)
    expected = torch.zeros(2 * one.shape.feed_forward, width)
    expected[one.shape.feed_forward :] = deltas["ffn_up"]
    assert torch.allclose(changed["blocks.1.gate_up.weight"], expected, atol=1e-5)


def test_what_is_written_is_what_is_read(words: Tokenizer, tmp_path: Path) -> None:
    one, path = model(words), tmp_path / "starter.gguf"
    gguf_file.write(one, words, path)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    read, its_words = gguf_file.read(path)
    # Its epsilon has 32 bits.
    assert replace(read.shape, epsilon=one.shape.epsilon) == one.shape
    for text in TEXTS[:3]:
        assert its_words.encode(text).ids == words.encode(text).ids
        # Eight bits a weight.
        found, expected = scores(read, words, text), scores(one, words, text)
        assert torch.allclose(found, expected, atol=0.02)
        assert not torch.equal(found, expected)


def asked(words: str, language: str = "en", **expected: tuple[str, ...]) -> Item:
    wanted = {"any": (), "all": (), "none": ()} | expected
    return Item(
        "test", "joey", "smalltalk", (User(words),), **wanted, language=language
    )


@pytest.mark.parametrize(
    ("item", "reply", "ended", "amiss"),
    [
        (asked("Lunch?", any=("soup",)), "Soup, always.", True, set()),
        (asked("Lunch?", any=("soup",)), "Bread, always.", True, {"content"}),
        (asked("Lunch?", all=("a", "soup")), "Soup!", True, {"content"}),
        (asked("Lunch?", none=("soup",)), "Soup!", True, {"content"}),
        # Nothing certain is expected, so nothing is counted.
        (asked("Hm"), "Hm what?", True, set()),
        (asked("점심?", "ko"), "I like soup, 국.", True, {"language"}),
        (asked("점심?", "ko"), "Pizza 어때요? 좋아요.", True, set()),
        (asked("Lunch?"), "I like soup", True, {"complete"}),
        (asked("Lunch?"), "I like soup.", False, {"complete"}),
        (asked("a b c"), "a b c a b c a b c so.", True, {"copied", "loops"}),
        (asked("Mina#1a2b: I am sad"), "I am sad. Why?", True, {"copied"}),
        (asked("Lunch?"), "Soupsoupsoupsoup!", True, {"loops"}),
    ],
)
def test_what_is_amiss_with_a_reply(
    item: Item, reply: str, ended: bool, amiss: set[str]
) -> None:
    one = evaluate.Outcome(item, reply, ended)
    found = {
        name
        for name in ("content", "language", "complete")
        if getattr(one, name) is False
    } | {name for name in ("copied", "loops") if getattr(one, name)}
    assert found == amiss
    assert one.good == (not amiss)
    assert (one.content is None) == (not (item.any or item.all or item.none))


def test_shares_stand_beside_each_other() -> None:
    item = asked("Lunch?", any=("soup",))
    good, bad = (
        [
            evaluate.Outcome(item, reply, True),
            evaluate.Outcome(asked("Hm"), "Hm.", True),
        ]
        for reply in ("Soup.", "Bread.")
    )
    assert (
        "| all | 2 | 0% → 100% | 100% → 100% | 0% → 0% | 0% → 0% | 100% → 100% | 50% → 100% |"
        in evaluate.table(bad, good)
    )


def test_loss_of_what_is_held_back_is_its_replies_alone(words: Tokenizer) -> None:
    one = model(words).train()
    said = [
        ("system", "S"),
        ("user", "hello there"),
        ("assistant", "Hey, how are you?"),
    ]
    rows = [
        train.encode(words, said),
        train.encode(words, [*said[:2], ("assistant", "x")]),
    ]
    found = train.surprise(one, [train.batch([row], len(row.tokens)) for row in rows])
    assert one.training
    one.eval()
    with torch.no_grad():
        tokens = [row.tokens for row in rows]
        likely = [
            one.logits(one.hidden(torch.tensor([ids])))[0].log_softmax(-1)
            for ids in tokens
        ]
    replies = [
        -float(likely[number][place - 1, row.tokens[place]])
        for number, row in enumerate(rows)
        for place in range(len(row.tokens))
        if row.learn[place] == 1
    ]
    assert found == pytest.approx(sum(replies) / len(replies), rel=1e-4)
