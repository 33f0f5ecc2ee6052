"""How a byte-level BPE tokenizer splits text before merging, under the name by which llama.cpp knows it.

llama.cpp's converter recognises tokenizers by what they make of one sample text, so a vocabulary of one's own is always
"not recognized", however ordinary its splitting. Here the splitting itself is read from tokenizer.json.
"""

from collections.abc import Iterable
from typing import Any

import tokenizers
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from .problems import Problem

# GPT-2's, built into `ByteLevel`. https://github.com/openai/gpt-2/blob/master/src/encoder.py
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
_ENDING = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = _CONTRACTIONS + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _ENDING
LLAMA3 = _CONTRACTIONS + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _ENDING
QWEN35 = (
    _CONTRACTIONS + r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# What llama.cpp's names stand for, from `llm_tokenizer_bpe` in its llama-vocab.cpp: the expression, whether single
# digits are cut off first, and whether a whole word that is a token needs no merges.
KNOWN: dict[str, tuple[str, bool, bool]] = {
    "gpt-2": (GPT2, False, False),
    "starcoder": (GPT2, True, False),
    "qwen2": (QWEN2, False, False),
    "qwen35": (QWEN35, False, False),
    "llama-bpe": (LLAMA3, False, True),
    "smaug-bpe": (LLAMA3, False, False),
}

# Texts that tell splittings apart: both languages, particles, digits, spaces, contractions, emoji, line ends.
SAMPLES = (
    "안녕하세요? 오늘은 뭐 먹을까요 ㅋㅋㅋ ㅠㅠ",
    "1호관은 2호관이랑 연결돼 있어요. 10:30에 봐, 12345678!",
    "I've been there, you'll see.  Don't   you think so?\n\nYES, IT'S FINE\r\n\tok…  ",
    "떡볶이 3,500원 (매운맛)~~ good👍🏽 👩‍👩‍👧 café naïve",
    "한국어English섞기 e-mail: a_b@c.d #tag 50% ½ ²",
    "   \n \n\n  끝   ",
)


def name(document: dict[str, Any]) -> str | None:
    """llama.cpp's name for the splitting of a tokenizer.json; none for a tokenizer that is no byte-level BPE.

    Raises `Problem` for a byte-level BPE whose splitting has no name in llama.cpp.
    """
    steps = document.get("pre_tokenizer") or {}
    steps = steps.get("pretokenizers", [steps])
    kinds = [step.get("type") for step in steps]
    if document["model"]["type"] != "BPE" or "ByteLevel" not in kinds:
        return None
    byte_level = steps[kinds.index("ByteLevel")]
    if byte_level.get("add_prefix_space"):
        raise Problem(
            "the tokenizer puts a space before each text (add_prefix_space), which llama.cpp does not; train it with "
            "add_prefix_space=False"
        )
    digits = [step for step in steps if step.get("type") == "Digits"]
    expressions = [_expression(step) for step in steps if step.get("type") == "Split"]
    if byte_level.get("use_regex", True):
        expressions.append(GPT2)
    known = set(kinds) <= {"ByteLevel", "Digits", "Split"} and len(expressions) == 1
    for found, (expression, cuts_digits, whole_words) in KNOWN.items():
        if (
            known
            and expressions == [expression]
            and cuts_digits
            == (bool(digits) and digits[0].get("individual_digits", False))
            and (cuts_digits or not digits)
            and whole_words == bool(document["model"].get("ignore_merges"))
        ):
            return found
    raise Problem(
        "the tokenizer splits text in a way that has no name in llama.cpp "
        f"({', '.join(map(str, kinds))}; {' '.join(expressions) or 'no expression'}); known are {', '.join(KNOWN)}: "
        "train the tokenizer with one of their expressions"
    )


def _expression(step: dict[str, Any]) -> str:
    pattern = step["pattern"].get("Regex")
    # A part of the text that matches must stand alone, and only then is it the same as in llama.cpp.
    if pattern is None or step.get("behavior") != "Isolated" or step.get("invert"):
        return f"{step}"
    return str(pattern)


def differing(
    pre: str, tokens: list[str], merges: Iterable[str], original: Tokenizer
) -> str | None:
    """A sample that the tokens and merges of a GGUF, split as llama.cpp does by the name, encode otherwise."""
    if pre not in KNOWN:
        # llama.cpp's converter has recognised the vocabulary itself.
        return None
    expression, cuts_digits, whole_words = KNOWN[pre]
    rebuilt = Tokenizer(
        models.BPE(
            vocab={token: identity for identity, token in enumerate(tokens)},
            merges=[tuple(merge.split(" ")) for merge in merges],
            ignore_merges=whole_words,
        )
    )
    splits = [pre_tokenizers.Split(Regex(expression), "isolated")]
    if cuts_digits:
        splits.insert(0, pre_tokenizers.Split(Regex(r"\p{N}"), "isolated"))
    rebuilt.pre_tokenizer = pre_tokenizers.Sequence(
        [*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    for sample in SAMPLES:
        # The daemon normalises what people write, since llama.cpp applies no normaliser.
        sample = tokenizers.normalizers.NFC().normalize_str(sample)
        if (
            rebuilt.encode(sample, add_special_tokens=False).ids
            != original.encode(sample, add_special_tokens=False).ids
        ):
            return sample
    return None
