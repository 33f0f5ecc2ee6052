"""Gives a model the two attention patterns that copying needs, before training would find them by itself.

A small model learns to copy late: one head must look at the previous token, another, a layer later, for the place where the present token
stood before, and only both together help. Here one head of the first layer and two of the second are set to that by hand; training keeps and
refines them. No text goes into it.
"""

import torch
from torch import Tensor

from .model import Block, Starter

PREVIOUS_HEAD, SELF_HEAD, MATCHING_HEAD = 3, 2, 3
# How sharply the heads look: score of the right place above that of its neighbours, in nats.
SHARPNESS_OF_PLACE = 6.0
SHARPNESS_OF_MATCH = 14.0
# Length of the marks, and of what is copied, as shares of the state that they are added to.
MARK = 1.0
GAIN = 1.5
FAST_PAIRS = 5


@torch.no_grad()
def wire(model: Starter, tokens: Tensor) -> None:
    """Sets the heads, for any state of the model. `tokens` [rows, length] is a sample by which the strengths are chosen."""
    shape = model.shape
    each, half = shape.head_width, shape.head_width // 2
    length = tokens.shape[1]
    table = model.embedding.weight
    centred = table - table.mean(0)
    # Directions of the embedding by how much they tell tokens apart, most first.
    directions = torch.linalg.eigh(centred.T @ centred)[1].flip(-1).T
    shown, own, before, constant = directions[:half], directions[-1 - 2 * half : -1 - half], directions[-1 - half : -1], directions[-1]
    size = float(centred.norm(dim=1).mean())

    # One direction holds the same value for every token, so that a head can attend by place alone. It shifts all scores of the next token
    # alike. The marks get directions of their own, which nothing else reads or writes at first.
    for kept in (own, before, constant[None]):
        table -= (table @ kept.T) @ kept
        for block in model.blocks:
            for matrix in (block.output, block.down):
                matrix.weight -= kept.T @ (kept @ matrix.weight)
            for norm, matrix in ((block.attention_norm, block.qkv), (block.feed_norm, block.gate_up)):
                matrix.weight -= (matrix.weight @ (norm.weight * kept).T) @ (kept / norm.weight)
    table += 0.5 * size * constant
    first, second = model.blocks[0], model.blocks[1]

    # What the first layer is without marks tells how long these have to be.
    embedded = model.embedding(tokens)
    normed = first.attention_norm(embedded) / first.attention_norm.weight
    plain = float(first(embedded, model.cosines[:length], model.sines[:length]).norm(dim=-1).mean())
    held = float((normed @ constant).mean())
    write = MARK * plain / float((normed @ shown.T).norm(dim=-1).mean())
    pairs = shape.rope_base ** -(torch.arange(half) / half)
    value = torch.cat((shown, torch.zeros_like(shown)))
    for head, back, mark in ((PREVIOUS_HEAD, 1, before), (SELF_HEAD, 0, own)):
        key, query = torch.zeros(each), torch.zeros(each)
        key[0 : 2 * FAST_PAIRS : 2] = 1.0
        query[0 : 2 * FAST_PAIRS : 2] = (back * pairs[:FAST_PAIRS]).cos()
        query[1 : 2 * FAST_PAIRS : 2] = -(back * pairs[:FAST_PAIRS]).sin()
        contrast = float((1 - pairs[:FAST_PAIRS].cos()).sum())
        strength = (SHARPNESS_OF_PLACE * each**0.5 / contrast) ** 0.5 / held
        output = torch.cat((write * mark.T, torch.zeros_like(mark.T)), 1)
        _set(first, head, strength * torch.outer(query, constant), strength * torch.outer(key, constant), value, output)

    state = first(embedded, model.cosines[:length], model.sines[:length])
    normed = second.attention_norm(state) / second.attention_norm.weight
    agreement = float(((normed[:, :-1] @ own.T) * (normed[:, 1:] @ before.T)).sum(-1).mean())
    match = (SHARPNESS_OF_MATCH * each**0.5 / agreement) ** 0.5
    # Marks stand where RoPE turns slowly, so that a match far away still counts.
    blank = torch.zeros_like(own)
    told = directions[:each]
    gain = GAIN * float(state.norm(dim=-1).mean()) / float((normed @ told.T).norm(dim=-1).mean())
    _set(second, MATCHING_HEAD, match * torch.cat((blank, own)), match * torch.cat((blank, before)), told, gain * told.T)


def wired(model: Starter, matrix: Tensor) -> list[tuple[slice, slice]]:
    """The parts of a matrix that `wire` sets."""
    width, each = model.shape.width, model.shape.head_width
    parts = []
    for layer, heads in ((0, (PREVIOUS_HEAD, SELF_HEAD)), (1, (MATCHING_HEAD,))):
        for head in heads:
            rows = slice(head * each, (head + 1) * each)
            if matrix is model.blocks[layer].qkv.weight:
                parts += [(slice(number * width + rows.start, number * width + rows.stop), slice(None)) for number in range(3)]
            elif matrix is model.blocks[layer].output.weight:
                parts.append((slice(None), rows))
    return parts


def _set(block: Block, head: int, query: Tensor, key: Tensor, value: Tensor, output: Tensor) -> None:
    """Writes one head; what reads a normed state takes the norm's scale out first."""
    width, each = block.shape.width, block.shape.head_width
    for number, matrix in enumerate((query, key, value)):
        block.qkv.weight[number * width + head * each : number * width + (head + 1) * each] = matrix / block.attention_norm.weight
    block.output.weight[:, head * each : (head + 1) * each] = output
