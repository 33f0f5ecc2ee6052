"""Tiny random models of every architecture, each with a tokenizer, a chat template and a LoRA adapter.

For tests and for measuring the chain of files, in which a real model says no more than a random one: hidden size 256,
2 layers, fixed seeds. They are not trained and say nothing sensible. The tokenizers learn from text of this project,
so this needs the repository, not only the package.

    python -m chatfriends_train.tiny FOLDER [ARCHITECTURE...]    # FOLDER/ARCHITECTURE/base and …/adapter
"""

import io
import json
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import peft
import sentencepiece
import torch
import transformers
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from .daemon import CHECKOUT
from .pretokenizer import GPT2, LLAMA3, QWEN2

VOCABULARY = 2048
HIDDEN = 256
CONTEXT = 512

INST_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %} {{ message['content'] }}"
    "{{ eos_token }}{% else %}[INST] {{ message['content'] }} [/INST]{% endif %}{% endfor %}"
)
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>{{ 'model' if message['role'] == 'assistant' else "
    "message['role'] }}\n{{ message['content'] }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
LLAMA3_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
CHATML_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# SEEDS.md 5: the form on which KoAlpaca was trained.
KOALPACA_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}### 답변: {{ message['content'] }}"
    "{{ eos_token }}{% else %}### 질문: {{ message['content'] }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### 답변:{% endif %}"
)
# Models without turns of their own: lines that begin with who speaks.
LINES_TEMPLATE = (
    "{% for message in messages %}{{ 'Assistant' if message['role'] == 'assistant' else 'User' }}: "
    "{{ message['content'] }}{{ eos_token if message['role'] == 'assistant' else '' }}\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)


Builder = Callable[[Path, int, Sequence[str]], transformers.PreTrainedTokenizerFast]
"""Makes a tokenizer of so many tokens from these lines; what belongs to it besides goes into the folder."""


@cache
def text() -> tuple[str, ...]:
    """What the project has written for its personas, Korean and English: about 1.4 million characters."""

    def strings(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        within = (
            value.values()
            if isinstance(value, dict)
            else value
            if isinstance(value, list)
            else ()
        )
        return [string for item in within for string in strings(item)]

    found: list[str] = []
    for path in sorted(
        [
            *CHECKOUT.glob("personas/library/*.toml"),
            *CHECKOUT.glob("scripts/starter/corpus/*"),
        ]
    ):
        if path.suffix == ".toml":
            found += strings(tomllib.loads(path.read_text("utf-8")))
        elif path.suffix == ".jsonl":
            for line in path.read_text("utf-8").splitlines():
                found += strings(json.loads(line))
    return tuple(string for string in found if string.strip())


def sentencepiece_tokenizer(
    kind: type[transformers.PreTrainedTokenizerFast],
    *,
    specials: dict[str, str],
    turns: tuple[str, ...],
    dummy_prefix: bool,
) -> Builder:
    """SentencePiece BPE with byte fallback, as LLaMA, Mistral and Gemma have it. `turns` are tokens of the template."""

    def build(
        folder: Path, vocabulary: int, lines: Sequence[str]
    ) -> transformers.PreTrainedTokenizerFast:
        model = io.BytesIO()
        order = {name: identity for identity, name in enumerate(specials)}
        sentencepiece.SentencePieceTrainer.train(
            # A small vocabulary has no room for syllables; bytes stand for them.
            sentence_iterator=(
                line for line in lines if vocabulary >= VOCABULARY or line.isascii()
            ),
            model_writer=model,
            model_type="bpe",
            vocab_size=vocabulary,
            byte_fallback=True,
            split_digits=True,
            add_dummy_prefix=dummy_prefix,
            remove_extra_whitespaces=False,
            normalization_rule_name="identity",
            character_coverage=0.995,
            unk_id=order["unk_token"],
            bos_id=order["bos_token"],
            eos_id=order["eos_token"],
            pad_id=order.get("pad_token", -1),
            unk_piece=specials["unk_token"],
            bos_piece=specials["bos_token"],
            eos_piece=specials["eos_token"],
            pad_piece=specials.get("pad_token", "<pad>"),
            control_symbols=list(turns),
            num_threads=1,
            minloglevel=2,
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.model").write_bytes(model.getvalue())
        tokenizer = kind(
            vocab_file=str(folder / "tokenizer.model"),
            legacy=False,
            # Left to itself it forgets the prefix that the SentencePiece model was trained with.
            add_prefix_space=dummy_prefix,
            extra_special_tokens={},
            **specials,
        )
        tokenizer.add_special_tokens({"additional_special_tokens": list(turns)})
        return tokenizer

    return build


def byte_level_tokenizer(
    split: str,
    *,
    specials: dict[str, str],
    turns: tuple[str, ...] = (),
    nfc: bool = False,
    begins_with: str | None = None,
    whole_words: bool = False,
) -> Builder:
    """Byte-level BPE. `nfc`: with the normaliser that GPT-NeoX and Qwen have; `begins_with`: put before each text."""

    def build(
        _: Path, vocabulary: int, lines: Sequence[str]
    ) -> transformers.PreTrainedTokenizerFast:
        tokenizer = Tokenizer(models.BPE())
        if nfc:
            tokenizer.normalizer = normalizers.NFC()
        if split == GPT2:
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        else:
            tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
                [
                    pre_tokenizers.Split(Regex(split), behavior="isolated"),
                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
                ]
            )
        tokenizer.decoder = decoders.ByteLevel()
        every = list(dict.fromkeys([*specials.values(), *turns]))
        tokenizer.train_from_iterator(
            lines,
            trainers.BpeTrainer(
                vocab_size=vocabulary,
                special_tokens=every,
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            ),
        )
        # A word that is a token needs no merges, as in Llama 3.
        tokenizer.model.ignore_merges = whole_words
        if begins_with:
            tokenizer.post_processor = processors.TemplateProcessing(
                single=f"{begins_with} $A",
                special_tokens=[(begins_with, tokenizer.token_to_id(begins_with))],
            )
        fast = transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, **specials
        )
        fast.add_special_tokens(
            {"additional_special_tokens": [token for token in turns]}
        )
        return fast

    return build


@dataclass(frozen=True, slots=True)
class Tiny:
    """One architecture: how its tiny model is made, and what its adapter adapts."""

    config: type[transformers.PretrainedConfig]
    shape: dict[str, Any]
    """What its configuration says besides the vocabulary and the special tokens."""
    tokenizer: Builder
    template: str
    targets: tuple[str, ...]
    """The modules that an adapter adapts, as in the preset of the architecture."""
    ends: str | None = None
    """The token that ends a turn, where it is not the end of the text."""
    fan_in_fan_out: bool = field(default=False)
    """Whether its linear layers are stored transposed (GPT-2's Conv1D)."""


DECODER = {
    "hidden_size": HIDDEN,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "tie_word_embeddings": False,
}
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
SENTENCE_SPECIALS = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
END_OF_TEXT = {
    "bos_token": "<|endoftext|>",
    "eos_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
}
QWEN_TOKENIZER = byte_level_tokenizer(
    QWEN2,
    specials={"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    turns=("<|endoftext|>", "<|im_start|>"),
    nfc=True,
)

ARCHITECTURES: dict[str, Tiny] = {
    "mistral": Tiny(
        transformers.MistralConfig,
        DECODER | {"head_dim": 32, "sliding_window": None},
        sentencepiece_tokenizer(
            transformers.LlamaTokenizerFast,
            specials=SENTENCE_SPECIALS,
            turns=("[INST]", "[/INST]"),
            dummy_prefix=True,
        ),
        INST_TEMPLATE,
        LINEAR,
    ),
    "llama": Tiny(
        transformers.LlamaConfig,
        DECODER | {"num_key_value_heads": 8},
        sentencepiece_tokenizer(
            transformers.LlamaTokenizerFast,
            specials=SENTENCE_SPECIALS,
            turns=(),
            dummy_prefix=True,
        ),
        INST_TEMPLATE,
        LINEAR,
    ),
    "llama3": Tiny(
        transformers.LlamaConfig,
        DECODER
        | {
            "tie_word_embeddings": True,
            "rope_theta": 500_000.0,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        },
        byte_level_tokenizer(
            LLAMA3,
            specials={"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
            turns=("<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
            begins_with="<|begin_of_text|>",
            whole_words=True,
        ),
        LLAMA3_TEMPLATE,
        LINEAR,
    ),
    "gemma": Tiny(
        transformers.GemmaConfig,
        DECODER
        | {"num_key_value_heads": 1, "head_dim": 64, "tie_word_embeddings": True},
        sentencepiece_tokenizer(
            transformers.GemmaTokenizerFast,
            specials={
                "pad_token": "<pad>",
                "eos_token": "<eos>",
                "bos_token": "<bos>",
                "unk_token": "<unk>",
            },
            turns=("<start_of_turn>", "<end_of_turn>"),
            dummy_prefix=False,
        ),
        GEMMA_TEMPLATE,
        LINEAR,
        ends="<end_of_turn>",
    ),
    "gpt-neox": Tiny(
        transformers.GPTNeoXConfig,
        {
            "hidden_size": HIDDEN,
            "intermediate_size": 1024,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": CONTEXT,
            "rotary_pct": 0.5,
            "tie_word_embeddings": False,
        },
        byte_level_tokenizer(GPT2, specials=END_OF_TEXT, turns=("<|sep|>",), nfc=True),
        KOALPACA_TEMPLATE,
        ("query_key_value",),
    ),
    "mamba": Tiny(
        transformers.MambaConfig,
        {"hidden_size": HIDDEN, "num_hidden_layers": 2, "state_size": 16},
        byte_level_tokenizer(
            GPT2, specials=END_OF_TEXT, turns=("<|padding|>",), nfc=True
        ),
        LINES_TEMPLATE,
        # PEFT refuses out_proj of Mamba, which its fast path multiplies by hand.
        ("in_proj", "x_proj", "dt_proj"),
    ),
    "gpt2": Tiny(
        transformers.GPT2Config,
        {"n_embd": HIDDEN, "n_layer": 2, "n_head": 4, "n_positions": CONTEXT},
        byte_level_tokenizer(GPT2, specials=END_OF_TEXT),
        LINES_TEMPLATE,
        ("c_attn", "c_proj", "c_fc"),
        fan_in_fan_out=True,
    ),
    "qwen2": Tiny(
        transformers.Qwen2Config,
        DECODER | {"tie_word_embeddings": True},
        QWEN_TOKENIZER,
        CHATML_TEMPLATE,
        LINEAR,
        ends="<|im_end|>",
    ),
    "qwen3": Tiny(
        transformers.Qwen3Config,
        DECODER | {"head_dim": 64, "tie_word_embeddings": True},
        QWEN_TOKENIZER,
        CHATML_TEMPLATE,
        LINEAR,
        ends="<|im_end|>",
    ),
}


def make(
    architecture: str,
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    seed: int = 1,
    vocabulary: int = VOCABULARY,
    lines: Sequence[str] | None = None,
    **changes: Any,
) -> Path:
    """Writes the model and its tokenizer in Hugging Face's form into the folder, and gives the folder back.

    The tokenizer learns from `lines`, or from all that the project has written. `changes` go to its configuration.
    """
    tiny = ARCHITECTURES[architecture]
    tokenizer = tiny.tokenizer(folder, vocabulary, lines or text())
    tokenizer.chat_template = tiny.template
    tokenizer.model_max_length = CONTEXT
    ends = (
        tokenizer.convert_tokens_to_ids(tiny.ends)
        if tiny.ends
        else tokenizer.eos_token_id
    )
    config = tiny.config(
        vocab_size=vocabulary,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        # 1/sqrt(hidden): answers differ from token to token, so that a wrong weight shows.
        **{"initializer_range": HIDDEN**-0.5} | tiny.shape | changes,
    )
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            # Norms begin at one and biases at zero, where mistakes with them would not show.
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    generation = transformers.GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=sorted({tokenizer.eos_token_id, ends}),
        pad_token_id=tokenizer.pad_token_id,
    )
    generation.save_pretrained(folder)
    return folder


def make_adapter(
    architecture: str, base: Path, folder: Path, *, seed: int = 2, **changes: Any
) -> Path:
    """Writes a LoRA adapter with random weights that `make`'s model in `base` heeds, and gives the folder back.

    `changes` go to `peft.LoraConfig`. Matrices B, which PEFT begins at zero, and what else is trained are random.
    """
    tiny = ARCHITECTURES[architecture]
    settings = {
        "task_type": "CAUSAL_LM",
        "r": 8,
        "lora_alpha": 16,
        "target_modules": list(tiny.targets),
        "fan_in_fan_out": tiny.fan_in_fan_out,
    }
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    torch.manual_seed(seed)
    adapted = peft.get_peft_model(model, peft.LoraConfig(**settings | changes))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_magnitude" in name:
                parameter.mul_(1 + 0.1 * torch.randn_like(parameter))
            elif (
                "lora_B" in name
                or "lora_embedding_B" in name
                or "modules_to_save" in name
            ):
                parameter.add_(torch.randn_like(parameter) * 0.02)
            elif "lora_embedding_A" in name:
                parameter.normal_(std=0.1)
    adapted.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def main() -> None:
    """Writes what was asked for."""
    out, *asked = sys.argv[1:]
    for architecture in asked or ARCHITECTURES:
        base = make(architecture, Path(out) / architecture / "base")
        make_adapter(architecture, base, Path(out) / architecture / "adapter")
        print(f"{Path(out) / architecture}", file=sys.stderr)


if __name__ == "__main__":
    main()
