"""Writing the model as GGUF, and reading it back: what is measured is what ships."""

import json
from pathlib import Path

import gguf
import numpy
import torch
from tokenizers import Tokenizer

from .model import Shape, Starter
from .prompt import CHAT_TEMPLATE, END, END_OF_TEXT, SPECIALS


def weights(model: Starter) -> dict[str, numpy.ndarray]:
    """The model's weights under llama.cpp's names, float32."""
    shape = model.shape
    plain = {name: value.detach().float().numpy() for name, value in model.state_dict().items()}
    named = {"token_embd.weight": plain["embedding.weight"], "output_norm.weight": plain["norm.weight"]}
    for layer in range(shape.layers):
        source, target = f"blocks.{layer}.", f"blk.{layer}."
        query, key, value = numpy.split(plain[source + "qkv.weight"], 3)
        gate, up = numpy.split(plain[source + "gate_up.weight"], 2)
        named |= {
            target + "attn_norm.weight": plain[source + "attention_norm.weight"],
            target + "attn_q.weight": query,
            target + "attn_k.weight": key,
            target + "attn_v.weight": value,
            target + "attn_output.weight": plain[source + "output.weight"],
            target + "ffn_norm.weight": plain[source + "feed_norm.weight"],
            target + "ffn_gate.weight": gate,
            target + "ffn_up.weight": up,
            target + "ffn_down.weight": plain[source + "down.weight"],
        }
    return named


def write(model: Starter, tokenizer: Tokenizer, path: Path) -> None:
    """Writes the model as Q8_0 (norms stay float32), whole or not at all. There is no output matrix: llama.cpp takes the tied embedding."""
    shape = model.shape
    document = json.loads(tokenizer.to_str())["model"]
    tokens = [""] * shape.vocabulary
    for token, identity in document["vocab"].items():
        tokens[identity] = token
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in document["merges"]]
    kinds = [gguf.TokenType.CONTROL if token in SPECIALS else gguf.TokenType.NORMAL for token in tokens]

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    writer = gguf.GGUFWriter(unfinished, "llama")
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name("chatfriends starter")
    writer.add_author("the chatfriends developers")
    writer.add_license("MIT OR Apache-2.0")
    writer.add_description("A very small model of the ten library personas, trained only on text written for chatfriends.")
    writer.add_languages(["en", "ko"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index(END_OF_TEXT))
    writer.add_eos_token_id(tokens.index(END))
    writer.add_eot_token_id(tokens.index(END))
    writer.add_pad_token_id(tokens.index(END_OF_TEXT))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    for name, values in weights(model).items():
        if values.ndim == 1:
            writer.add_tensor(name, numpy.ascontiguousarray(values, dtype=numpy.float32))
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            packed = gguf.quants.quantize(numpy.ascontiguousarray(values, dtype=numpy.float32), kind)
            writer.add_tensor(name, packed, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(path)


def read(path: Path) -> tuple[Starter, Tokenizer]:
    """Rebuilds the model (dequantised to float32) and its tokenizer from nothing but the GGUF."""
    from .tokenizer import from_parts

    reader = gguf.GGUFReader(path)

    def value(key: str):
        return reader.fields[key].contents()

    tokens = value("tokenizer.ggml.tokens")
    shape = Shape(
        vocabulary=len(tokens),
        width=value("llama.embedding_length"),
        layers=value("llama.block_count"),
        heads=value("llama.attention.head_count"),
        feed_forward=value("llama.feed_forward_length"),
        context=value("llama.context_length"),
        rope_base=value("llama.rope.freq_base"),
        epsilon=value("llama.attention.layer_norm_rms_epsilon"),
    )
    tensors = {tensor.name: torch.from_numpy(numpy.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=numpy.float32)) for tensor in reader.tensors}
    state = {"embedding.weight": tensors["token_embd.weight"], "norm.weight": tensors["output_norm.weight"]}
    for layer in range(shape.layers):
        source, target = f"blk.{layer}.", f"blocks.{layer}."
        state |= {
            target + "attention_norm.weight": tensors[source + "attn_norm.weight"],
            target + "qkv.weight": torch.cat([tensors[source + f"attn_{part}.weight"] for part in "qkv"]),
            target + "output.weight": tensors[source + "attn_output.weight"],
            target + "feed_norm.weight": tensors[source + "ffn_norm.weight"],
            target + "gate_up.weight": torch.cat([tensors[source + f"ffn_{part}.weight"] for part in ("gate", "up")]),
            target + "down.weight": tensors[source + "ffn_down.weight"],
        }
    model = Starter(shape)
    model.load_state_dict(state)
    return model.eval(), from_parts(tokens, value("tokenizer.ggml.merges"))


@torch.no_grad()
def adapt(model: Starter, path: Path) -> None:
    """Adds the LoRA adapter of a GGUF file to the weights that `read` gave."""
    reader = gguf.GGUFReader(path)
    alpha = reader.fields["adapter.lora.alpha"].contents()
    tensors = {tensor.name: torch.from_numpy(numpy.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=numpy.float32)) for tensor in reader.tensors}
    width, feed_forward = model.shape.width, model.shape.feed_forward
    for name in sorted({name.removesuffix(".lora_a") for name in tensors if name.endswith(".lora_a")}):
        down, up = tensors[f"{name}.lora_a"], tensors[f"{name}.lora_b"]
        _, layer, part, _ = name.split(".")
        block = model.blocks[int(layer)]
        targets = {f"attn_{letter}": (block.qkv, place * width) for place, letter in enumerate("qkv")}
        targets |= {"attn_output": (block.output, 0), "ffn_gate": (block.gate_up, 0), "ffn_up": (block.gate_up, feed_forward), "ffn_down": (block.down, 0)}
        matrix, first = targets[part]
        matrix.weight[first : first + up.shape[0]] += alpha / down.shape[0] * up @ down
