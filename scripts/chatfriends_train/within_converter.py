"""Runs inside the converter's process: teaches llama.cpp's script what it does not know, then lets it run.

Not imported by the package. `python within_converter.py LLAMA_CPP SCRIPT SETTINGS ARGUMENTS…`; converter.py starts it.
"""

import json
import runpy
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Patches three places and runs the script as if it had been called."""
    llama_cpp, script, settings, *arguments = sys.argv[1:]
    known = json.loads(settings)
    # This folder's own modules must not hide theirs.
    sys.path[0] = str(Path(llama_cpp) / "gguf-py")
    sys.path.insert(0, llama_cpp)
    know_splitting(known["pre"])
    know_configuration()
    know_metadata(known["metadata"])
    sys.argv = [str(Path(llama_cpp) / script), *arguments]
    runpy.run_path(sys.argv[0], run_name="__main__")


def know_splitting(pre: str | None) -> None:
    """A vocabulary of one's own is never recognised: llama.cpp hashes the ids that a sample text becomes."""
    from conversion.base import TextModel

    recognise = TextModel.get_vocab_base_pre

    def recognise_or_know(self: Any, tokenizer: Any) -> str:
        try:
            return str(recognise(self, tokenizer))
        except NotImplementedError:
            if pre is None:
                raise
            return pre

    TextModel.get_vocab_base_pre = recognise_or_know


def know_configuration() -> None:
    """Keys that the converter asks for and newer versions of transformers no longer write, or call otherwise."""
    from conversion.base import ModelBase

    load = ModelBase.load_hparams

    def load_all(dir_model: Path, is_mistral_format: bool) -> dict[str, Any]:
        hparams: dict[str, Any] = load(dir_model, is_mistral_format)
        written = json.loads((Path(dir_model) / "config.json").read_text("utf-8"))
        if hparams.get("model_type") == "gpt_neox":
            rope = written.get("rope_parameters") or {}
            # transformers 5 keeps it among the rope parameters; GPT-NeoX's own default is a quarter.
            rotated = written.get("rotary_pct", rope.get("partial_rotary_factor", 0.25))
            hparams["rotary_pct"] = rotated
        if hparams.get("model_type") == "gpt2":
            hparams.setdefault("n_ctx", hparams["n_positions"])
        return hparams

    ModelBase.load_hparams = staticmethod(load_all)


def know_metadata(metadata: dict[str, Any]) -> None:
    """What the file shall say of the model, put in just before it is written."""
    import gguf

    write_header = gguf.GGUFWriter.write_header_to_file

    def write(self: Any, path: Path | None = None) -> None:
        for key, value in metadata.items():
            if value is None:
                self.remove_key(key)
            elif isinstance(value, bool):
                self.add_bool(key, value)
            elif isinstance(value, int):
                self.add_uint32(key, value)
            elif isinstance(value, float):
                self.add_float32(key, value)
            else:
                self.add_string(key, value)
        write_header(self, path)

    gguf.GGUFWriter.write_header_to_file = write


if __name__ == "__main__":
    main()
