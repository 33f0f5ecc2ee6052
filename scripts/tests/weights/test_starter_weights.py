"""The starter's own torch code: growing, training weights, adapters, and the file that is measured."""

import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

SCRIPTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SCRIPTS))

from starter import gguf_file, grow, tokenizer, train  # noqa: E402
from starter.model import _PIECE, Shape, Starter  # noqa: E402

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
