"""Where the starter's inputs and outputs stand, relative to the repository."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
REPOSITORY = PACKAGE.parent.parent
CORPUS = PACKAGE / "corpus"
LIBRARY = REPOSITORY / "personas" / "library"
# Held-out questions, `<set>.jsonl`, each locked by `<set>.sha256`.
HELDOUT = PACKAGE / "questions"
STARTER = REPOSITORY / "personas" / "starter" / "starter.gguf"
