"""Training, validation and test data, whole groups at a time."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from ..dialogue import Dialogue

HELD_OUT = {"test": 0.05, "validation": 0.05}
"""The share of the dialogues in each; training takes the others."""
SPLITS = ("train", "validation", "test")


def split(dialogues: Sequence[Dialogue]) -> dict[str, list[Dialogue]]:
    """The dialogues of each split, in their order.

    The groups are taken in the order of a hash of their names, so the same data are always split alike. A group that is
    larger than the share that is still free stays in training. From three groups on, each split has one.
    """
    chosen = choose(Counter(dialogue.group for dialogue in dialogues))
    splits: dict[str, list[Dialogue]] = {name: [] for name in SPLITS}
    for dialogue in dialogues:
        splits[chosen[dialogue.group]].append(dialogue)
    return splits


def choose(sizes: dict[str, int]) -> dict[str, str]:
    """The split of each group, from the number of its dialogues."""
    chosen: dict[str, str] = {}
    total = sum(sizes.values())
    ordered = sorted(sizes, key=lambda group: hashlib.sha256(group.encode()).digest())
    for name, share in HELD_OUT.items():
        free = round(total * share)
        for group in ordered:
            if group not in chosen and sizes[group] <= free:
                chosen[group] = name
                free -= sizes[group]
        if name not in chosen.values() and len(sizes) >= 3:
            left = [group for group in ordered if group not in chosen]
            chosen[min(left, key=sizes.__getitem__)] = name
    return {group: chosen.get(group, "train") for group in ordered}
