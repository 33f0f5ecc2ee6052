"""Where the starter's inputs and outputs stand, relative to the repository."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
REPOSITORY = PACKAGE.parent.parent
CORPUS = PACKAGE / "corpus"
LIBRARY = REPOSITORY / "personas" / "library"
HELDOUT = PACKAGE / "heldout.jsonl"
HELDOUT_LOCK = PACKAGE / "heldout.sha256"
STARTER = REPOSITORY / "personas" / "starter" / "starter.gguf"
