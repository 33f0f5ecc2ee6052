"""Whether the machine has what a step will need, asked before the step begins rather than after an hour."""

import shutil
from pathlib import Path

from .problems import Problem

# What a disk should still have when a step is done; full disks break other programs.
SPARE_DISK = 64 * 2**20


class NotEnoughMemory(Problem):
    """What is asked for does not fit into the machine's memory."""


def need_disk(folder: Path, amount: int) -> None:
    """Raises `Problem` unless `amount` bytes fit into the file system of the folder, which need not exist yet."""
    while not folder.exists():
        folder = folder.absolute().parent
    free = shutil.disk_usage(folder).free
    if free < amount + SPARE_DISK:
        raise Problem(
            f"{folder} has {size(free)} free and {size(amount + SPARE_DISK)} are needed; make room or write elsewhere"
        )


def need_memory(
    amount: int,
    what: str,
    *,
    free: int | None = None,
    remedy: str = "close other programs",
) -> None:
    """Raises `NotEnoughMemory` unless `amount` bytes can be had: of the machine's memory, or of another that has `free` bytes left."""
    # Here, since the commands' options are told apart without it.
    import psutil

    left = psutil.virtual_memory().available if free is None else free
    if left < amount:
        kind = "memory" if free is None else "the GPU's memory"
        raise NotEnoughMemory(
            f"{what} needs {size(amount)} of {kind} and {size(left)} are free; {remedy}"
        )


def size(amount: int) -> str:
    """Bytes for people."""
    if amount < 1_000_000:
        return f"{amount / 1e3:.0f} kB"
    if amount < 1_000_000_000:
        return f"{amount / 1e6:.1f} MB"
    return f"{amount / 1e9:.1f} GB"
