"""The byte-level BPE tokenizer: training, and encoding of dialogues into token rows."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from .prompt import SPECIALS

# llama.cpp's `qwen2` pre-tokenizer. It must be this very expression, since llama.cpp splits by the name alone.
SPLIT = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train(texts: Iterable[str], size: int) -> Tokenizer:
    """Learns at most `size` tokens from the texts. The special tokens are the first three ids."""
    tokenizer = Tokenizer(models.BPE())
    _set_up(tokenizer)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=3,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load(path: Path) -> Tokenizer:
    """Reads a tokenizer written by `Tokenizer.save`."""
    return Tokenizer.from_file(str(path))


def from_parts(tokens: list[str], merges: list[str]) -> Tokenizer:
    """Rebuilds the tokenizer from the lists that a GGUF stores."""
    tokenizer = Tokenizer(models.BPE(vocab={token: identity for identity, token in enumerate(tokens)}, merges=[tuple(merge.split(" ")) for merge in merges]))
    _set_up(tokenizer)
    return tokenizer


def _set_up(tokenizer: Tokenizer) -> None:
    """Splitting and decoding are no part of what is learnt; both ways of making a tokenizer share them."""
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    if tokenizer.token_to_id(SPECIALS[0]) is not None:
        tokenizer.add_special_tokens(list(SPECIALS))
