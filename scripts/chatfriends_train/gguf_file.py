"""Looking into GGUF files: their header and their tensors. Not for writing them; llama.cpp does that."""

from pathlib import Path

import gguf

from .problems import Problem, readable

SOURCE = "chatfriends.source"
"""The key under which `convert` and `adapter` keep the fingerprint of what a file was made from."""


def opened(path: Path) -> gguf.GGUFReader:
    """The file, without its weights being read. Raises `Problem` where it is no GGUF file, or half of one."""
    readable(path, "the file")
    try:
        return gguf.GGUFReader(path)
    except (ValueError, LookupError) as error:
        raise Problem(
            f"{path} is no GGUF file, or was cut off ({error}); make or fetch it again"
        ) from error


def text(file: gguf.GGUFReader, key: str) -> str | None:
    """What the header says under a key."""
    field = file.fields.get(key)
    return None if field is None else str(field.contents())


def made_from(path: Path) -> str | None:
    """The fingerprint of what a file was made from; none where it is somebody else's."""
    try:
        return text(opened(path), SOURCE)
    except Problem:
        return None
