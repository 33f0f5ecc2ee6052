"""What Transformers says of very small models, for the engine's tests: engine/tests/references.

The tests let the engine read the same tokens, in the committed F16 file and in what it quantises from it, and compare. So a
new llama.cpp that computes an architecture otherwise is noticed without torch. The models are random and say nothing sensible;
they are made anew when an architecture joins or the converter changes, by

    python -m chatfriends_train.references [ARCHITECTURE...]
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import transformers

from . import adapter, convert, prove, tiny
from .daemon import CHECKOUT
from .files import write_whole
from .problems import Problem
from .scores import Passage

FOLDER = CHECKOUT / "engine" / "tests" / "references"
VOCABULARY = 384
"""Divisible by 8, as llama.cpp's converter wants it for Mamba; a byte-level alphabet has 256."""
TEXT = "안녕하세요? Hey, how you doin'? 오늘 점심은 칼국수 12,500원! 👋🏽"
PLACES = 4
"""Places with the whole distribution; the other tokens have their own log-probability."""

_DECODER = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_attention_heads": 4,
}
SMALL: dict[str, dict[str, Any]] = {
    "mistral": _DECODER | {"head_dim": 16},
    "llama": _DECODER | {"num_key_value_heads": 4},
    "llama3": _DECODER,
    # Wider heads than hidden size / heads, as Gemma has them.
    "gemma": _DECODER | {"head_dim": 32},
    "gpt-neox": _DECODER,
    "mamba": {"hidden_size": 64},
    "gpt2": {"n_embd": 64, "n_positions": 128},
    "qwen2": _DECODER,
    "qwen3": _DECODER | {"head_dim": 32},
}


def main() -> None:
    """Writes what was asked for, or every reference."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for architecture in sys.argv[1:] or SMALL:
        write(architecture, FOLDER)
        prove.progress(f"{FOLDER / architecture}.json")


def write(architecture: str, out: Path) -> None:
    """Makes the model and its adapter, converts both, and notes what Transformers says of them."""
    with tempfile.TemporaryDirectory(prefix="chatfriends-") as folder:
        base, trained = Path(folder) / "base", Path(folder) / "adapter"
        # Of a text that stays as it is, or the references would change with every persona.
        lines = (FOLDER / "text.txt").read_text("utf-8").splitlines()
        tiny.make(
            architecture,
            base,
            vocabulary=VOCABULARY,
            lines=lines,
            **SMALL[architecture],
        )
        tiny.make_adapter(architecture, base, trained, r=4)
        model, adapter_file = (
            out / f"{architecture}.gguf",
            out / f"{architecture}.adapter.gguf",
        )
        # What lies there may be of another form of the model, over which neither step would write.
        for old in (model, adapter_file):
            old.unlink(missing_ok=True)
        convert.convert(base, model, stored="f16")
        try:
            adapter.adapt(base, trained, adapter_file)
        except Problem as problem:
            prove.progress(f"{architecture} has no adapter file: {problem}")
        # The tokens of the words as they are, so that they do not depend on what they are compared with.
        tokens = transformers.AutoTokenizer.from_pretrained(base)(TEXT)["input_ids"]
        step = len(tokens) // PLACES
        passage = Passage(
            tuple(tokens), tuple(range(step - 1, len(tokens), step))[:PLACES]
        )
        note = {
            "text": TEXT,
            "tokens": tokens,
            "places": passage.rows,
            "base": _scores(base, None, passage),
        }
        if adapter_file.exists():
            note["adapter"] = _scores(base, trained, passage)
        write_whole(
            out / f"{architecture}.json", json.dumps(note, ensure_ascii=False) + "\n"
        )


def _scores(base: Path, adapter: Path | None, passage: Passage) -> dict[str, Any]:
    """Log-probabilities of the tokens from the second on, and whole distributions at the places, to five digits."""
    trained = prove.Trained(base, adapter)
    scores = prove.transformers_scores(trained, prove.Reading((passage,), (1,)))

    def rounded(numbers: Any) -> list[float]:
        return [round(float(number), 5) for number in numbers]

    return {
        "log_probabilities": rounded(scores.tokens[0]),
        "rows": [rounded(row) for row in scores.rows],
    }


if __name__ == "__main__":
    main()
