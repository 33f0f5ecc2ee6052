"""The work of `convert`: what llama.cpp's converter cannot know stands around it here, and what it wrote is read back and compared."""

import hashlib
import json
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import gguf
import jinja2
import tokenizers
import torch
import transformers

from . import converter, pretokenizer
from .checkpoint import Checkpoint
from .files import read_object
from .gguf_file import SOURCE, made_from, opened, text
from .merge import HEADS
from .problems import Problem, readable
from .resources import need_disk, size


def convert(
    model: Path, out: Path, *, stored: str = "auto", llama_cpp: Path | None = None
) -> None:
    """Writes `out`, whole and checked or not at all."""
    source = Source(model)
    fingerprint = source.fingerprint(stored)
    if out.exists():
        if made_from(out) == fingerprint:
            print(f"convert: {out} is already there, of this model", file=sys.stderr)
            return
        raise Problem(
            f"{out} is there already and is of another model; remove it or name another file"
        )
    pre = source.splitting()
    metadata = source.metadata() | {SOURCE: fingerprint}
    llama_cpp = converter.find(llama_cpp)
    weights = sum(tensor.bytes for tensor in source.weights.tensors.values())
    need_disk(out.parent, 2 * weights if stored == "f32" else weights)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".part")
    with tempfile.TemporaryDirectory() as folder:
        staged = source.stage(Path(folder) / model.absolute().name)
        arguments = ["--outtype", stored, "--outfile", partial, staged]
        print(f"convert: {model}, {size(weights)}", file=sys.stderr)
        converter.run(llama_cpp, converter.HF, arguments, pre=pre, metadata=metadata)
    try:
        source.check(opened(partial))
    except Problem:
        partial.unlink()
        raise
    partial.replace(out)
    stops = ", ".join(source.tokenizer.convert_ids_to_tokens(source.stops))
    print(
        f"convert: {out}, {size(out.stat().st_size)}; replies end at {stops}",
        file=sys.stderr,
    )
    if source.template is None:
        print(
            "convert: the model brings no chat template; a persona that uses it needs `template = …`",
            file=sys.stderr,
        )


@dataclass(frozen=True)
class Source:
    """The model that is converted."""

    folder: Path

    @cached_property
    def weights(self) -> Checkpoint:
        """Its tensors."""
        return Checkpoint(self.folder)

    @cached_property
    def config(self) -> dict[str, Any]:
        """Its config.json."""
        path = readable(self.folder / "config.json", "the model's configuration")
        config = read_object(path)
        if config.get("quantization_config"):
            raise Problem(
                f"{path}: the model is quantised; convert the one in F16 or BF16 from which it was made"
            )
        return config

    @cached_property
    def tokenizer(self) -> transformers.PreTrainedTokenizerBase:
        """Its tokenizer."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                return transformers.AutoTokenizer.from_pretrained(
                    self.stage(Path(folder) / "model")
                )
            except (ValueError, OSError) as error:
                raise Problem(
                    f"{self.folder}: the tokenizer cannot be read: {error}"
                ) from error

    @property
    def template(self) -> str | None:
        """Its chat template, in Jinja."""
        template = self.tokenizer.chat_template
        return template.get("default") if isinstance(template, dict) else template

    @cached_property
    def stops(self) -> list[int]:
        """The tokens at which a reply ends: the one that the template puts after the persona's words comes last."""
        after = self._after_reply()
        end = self.tokenizer.eos_token_id
        if end is None and after is None:
            raise Problem(
                f"{self.folder}: nothing says where a reply ends; set eos_token in tokenizer_config.json, "
                "or end the assistant's turn in the chat template with a special token"
            )
        return list(dict.fromkeys(token for token in (end, after) if token is not None))

    def _after_reply(self) -> int | None:
        if self.template is None:
            return None
        # A text that no template holds, so that its end can be found again.
        words = "Qzx7"
        turns = [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": words},
        ]
        try:
            shown = str(self.tokenizer.apply_chat_template(turns, tokenize=False))
        except jinja2.TemplateError as error:
            raise Problem(
                f"{self.folder}: the chat template fails on a question and its answer: {error}"
            ) from error
        if words not in shown:
            raise Problem(
                f"{self.folder}: the chat template leaves out what the assistant says; mend the template"
            )
        rest = shown.rpartition(words)[2]
        following = self.tokenizer.encode(rest.lstrip(), add_special_tokens=False)
        return (
            following[0]
            if following and following[0] in self.tokenizer.all_special_ids
            else None
        )

    def splitting(self) -> str | None:
        """llama.cpp's name of how a byte-level BPE splits text; none for the others."""
        path = self.folder / "tokenizer.json"
        if not path.exists():
            return None
        document = read_object(path)
        try:
            return pretokenizer.name(document)
        except Problem as problem:
            raise Problem(f"{path}: {problem}") from problem

    def metadata(self) -> dict[str, Any]:
        """What the file says besides the converter's own: template, stop tokens, first token, turning of positions."""
        end, *turn = self.stops
        begins = self.tokenizer.bos_token_id
        written = {
            gguf.Keys.Tokenizer.CHAT_TEMPLATE: self.template,
            gguf.Keys.Tokenizer.EOS_ID: end,
            # Gemma's converter writes 107 whatever the vocabulary.
            gguf.Keys.Tokenizer.EOT_ID: turn[0] if turn else None,
            gguf.Keys.Tokenizer.ADD_BOS: begins is not None
            and self.tokenizer.encode("a")[:1] == [begins],
        }
        first = self.tokenizer.tokenize("a")[0]
        if self.splitting() is None:
            # SentencePiece; the converter trusts a key that fast tokenizers leave empty.
            written[gguf.Keys.Tokenizer.ADD_PREFIX] = first.startswith("▁")
        base = self.config.get("rotary_emb_base")
        if self.config.get("model_type") == "gpt_neox" and base:
            # The converter leaves it out, and llama.cpp then takes 10000.
            written[gguf.Keys.Rope.FREQ_BASE.format(arch="gptneox")] = float(base)
        return written

    def stage(self, folder: Path) -> Path:
        """The model as the converter's version of transformers can read it: links, and one mended file."""
        folder.mkdir()
        for path in self.folder.iterdir():
            (folder / path.name).symlink_to(path.absolute())
        settings = folder / "tokenizer_config.json"
        if settings.exists():
            config = read_object(self.folder / settings.name)
            # What transformers 5 writes and 4.57, which the converter needs, cannot read.
            if config.get("tokenizer_class") == "TokenizersBackend":
                config["tokenizer_class"] = "PreTrainedTokenizerFast"
            if isinstance(config.get("extra_special_tokens"), list):
                config["additional_special_tokens"] = config.pop("extra_special_tokens")
            settings.unlink()
            settings.write_text(json.dumps(config, ensure_ascii=False), "utf-8")
        return folder

    def fingerprint(self, stored: str) -> str:
        """Of all that the file depends on."""
        digest = hashlib.sha256(
            f"{converter.VERSION} {stored} {self.weights.fingerprint}".encode()
        )
        for pattern in ("*.json", "*.model", "*.jinja"):
            for path in sorted(self.folder.glob(pattern)):
                # How a model was merged does not change what it is.
                if path.name not in ("merge.json", "model.safetensors.index.json"):
                    digest.update(path.read_bytes())
        return digest.hexdigest()

    def check(self, file: gguf.GGUFReader) -> None:
        """Raises `Problem` where the file that was written says something else than the model."""

        def wrong(what: str) -> Problem:
            return Problem(
                f"{self.folder}: the file that llama.cpp's converter wrote {what}; nothing was kept"
            )

        tokens: list[str] = file.fields[gguf.Keys.Tokenizer.LIST].contents()
        rows = next(
            tensor for tensor in file.tensors if tensor.name == "token_embd.weight"
        ).shape[1]
        if len(tokens) != rows:
            raise wrong(f"names {len(tokens)} tokens for {rows} rows of embeddings")
        if self.template != text(file, gguf.Keys.Tokenizer.CHAT_TEMPLATE):
            raise wrong("has another chat template")
        kinds = file.fields[gguf.Keys.Tokenizer.TOKEN_TYPE].contents()
        keys = (gguf.Keys.Tokenizer.EOS_ID, gguf.Keys.Tokenizer.EOT_ID)
        for key, token in zip(keys, self.stops, strict=False):
            if file.fields[key].contents() != token:
                raise wrong(
                    f"says {file.fields[key].contents()} for {key} where {token} belongs"
                )
            expected = self.tokenizer.convert_ids_to_tokens(token)
            if tokens[token] != expected or kinds[token] != gguf.TokenType.CONTROL:
                raise wrong(
                    f"has {tokens[token]!r} in place of the special token {expected!r}"
                )
        if text(file, gguf.Keys.Tokenizer.MODEL) == "gpt2":
            sample = pretokenizer.differing(
                text(file, gguf.Keys.Tokenizer.PRE) or "",
                tokens,
                file.fields[gguf.Keys.Tokenizer.MERGES].contents(),
                tokenizers.Tokenizer.from_file(str(self.folder / "tokenizer.json")),
            )
            if sample is not None:
                raise wrong(
                    f"splits {sample!r} into other tokens than the model's tokenizer"
                )
        self._check_output_layer(file)

    def _check_output_layer(self, file: gguf.GGUFReader) -> None:
        """Gemma's form in llama.cpp has none of its own: one that differs from the embeddings would be lost silently."""
        head = next(
            (
                f"{name}.weight"
                for name in HEADS
                if f"{name}.weight" in self.weights.tensors
            ),
            None,
        )
        tied = (
            transformers.AutoConfig.from_pretrained(self.folder)
            .get_text_config()
            .tie_word_embeddings
        )
        if (
            tied
            or head is None
            or any(tensor.name == "output.weight" for tensor in file.tensors)
        ):
            return
        table = next(
            name
            for name in self.weights.tensors
            if "embed" in name or name.endswith("wte.weight")
        )
        if not torch.equal(self.weights.read(head), self.weights.read(table)):
            raise Problem(
                f"{self.folder}: its output layer differs from its embeddings, which llama.cpp cannot express for "
                f"{self.config['model_type']}; train without lm_head and embeddings, or with ensure_weight_tying"
            )
