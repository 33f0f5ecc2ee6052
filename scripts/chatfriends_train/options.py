"""Types of options, for argparse: what cannot be meant is refused before anything is done."""

from argparse import ArgumentTypeError
from pathlib import Path


def path(text: str) -> Path:
    """A path of this machine."""
    if not text.strip():
        raise ArgumentTypeError("a path is missing: it is empty")
    if "://" in text:
        raise ArgumentTypeError(f"{text!r} is an address; download it and give the file")  # fmt: skip
    return Path(text)


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isascii() or not text.isdigit() or not int(text):
        raise ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def words(text: str) -> str:
    """Something that is not empty."""
    if not text.strip():
        raise ArgumentTypeError("it is empty")
    return text
