"""Reads the starter's GGUF back into a Hugging Face Llama, so that adapters can be trained for the very file that ships.

It knows what scripts/starter writes (a Llama with tied embeddings and Qwen2's way of splitting words) and refuses all else.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy
import torch
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from .daemon import CHECKOUT
from .files import give_name
from .gguf_file import opened
from .pretokenizer import QWEN2
from .problems import Problem

STARTER = CHECKOUT / "personas" / "starter" / "starter.gguf"


def write(source: Path, folder: Path) -> Path:
    """Writes the model (float32) and its tokenizer as a new folder, and gives the folder back."""
    reader = opened(source)

    def field(key: str) -> Any:
        return reader.fields[key].contents() if key in reader.fields else None

    kinds = (field("general.architecture"), field("tokenizer.ggml.pre"))
    if kinds != ("llama", "qwen2"):
        raise Problem(
            f"{source} is a {kinds[0]} whose words are split as {kinds[1]} does; only the starter's form can be read back. "
            "Give the model's Hugging Face folder or name with --base"
        )
    tensors = {
        tensor.name: torch.from_numpy(
            numpy.array(
                gguf.quants.dequantize(tensor.data, tensor.tensor_type), numpy.float32
            )
        )
        for tensor in reader.tensors
    }
    tokenizer = _tokenizer(field)
    heads = field("llama.attention.head_count")
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=field("llama.embedding_length"),
        intermediate_size=field("llama.feed_forward_length"),
        num_hidden_layers=field("llama.block_count"),
        num_attention_heads=heads,
        num_key_value_heads=field("llama.attention.head_count_kv"),
        max_position_embeddings=field("llama.context_length"),
        rope_theta=field("llama.rope.freq_base"),
        rms_norm_eps=field("llama.attention.layer_norm_rms_epsilon"),
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = transformers.LlamaForCausalLM(config)
    state = {
        "model.embed_tokens.weight": tensors["token_embd.weight"],
        "lm_head.weight": tensors["token_embd.weight"],
        "model.norm.weight": tensors["output_norm.weight"],
    }
    names = {
        "input_layernorm": "attn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    for layer in range(config.num_hidden_layers):
        for name, stored in names.items():
            values = tensors[f"blk.{layer}.{stored}.weight"]
            if stored in ("attn_q", "attn_k"):
                rotated = heads if stored == "attn_q" else config.num_key_value_heads
                values = _halves(values, rotated)
            state[f"model.layers.{layer}.{name}.weight"] = values
    model.load_state_dict(state)

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        partial = Path(temporary) / "model"
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        give_name(partial, folder)
    return folder


def _halves(values: torch.Tensor, heads: int) -> torch.Tensor:
    """From llama.cpp's order, which rotates neighbouring rows of a head, to Hugging Face's, which rotates its two halves."""
    pairs = values.reshape(heads, values.shape[0] // heads // 2, 2, values.shape[1])
    return pairs.transpose(1, 2).reshape(values.shape)


def _tokenizer(field: Callable[[str], Any]) -> transformers.PreTrainedTokenizerFast:
    """The tokenizer from the lists that the file holds."""
    tokens = field("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
    kinds = field("tokenizer.ggml.token_type")
    words = Tokenizer(
        models.BPE(
            vocab={token: number for number, token in enumerate(tokens)}, merges=merges
        )
    )
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    words.decoder = decoders.ByteLevel()
    control = [
        AddedToken(token, special=True, normalized=False)
        for token, kind in zip(tokens, kinds, strict=True)
        if kind == gguf.TokenType.CONTROL
    ]
    words.add_special_tokens(control)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words,
        bos_token=tokens[field("tokenizer.ggml.bos_token_id")],
        eos_token=tokens[field("tokenizer.ggml.eos_token_id")],
        pad_token=tokens[field("tokenizer.ggml.padding_token_id")],
        model_max_length=field("llama.context_length"),
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = field("tokenizer.chat_template")
    return tokenizer
