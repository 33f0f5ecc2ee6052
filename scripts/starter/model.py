"""A small Llama in torch: grouped heads are not used, embeddings are tied, RoPE turns neighbouring pairs as llama.cpp's `llama` does."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Rows of attention that are scored at once.
_PIECE = 224


@dataclass(frozen=True)
class Shape:
    """The model's measures. Widths are multiples of 32, which Q8_0 blocks need."""

    vocabulary: int
    width: int = 256
    layers: int = 8
    heads: int = 4
    feed_forward: int = 704
    context: int = 1024
    rope_base: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class Norm(nn.Module):
    """RMS norm with a learned scale."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.epsilon)).to(x.dtype) * self.weight.to(x.dtype)


def rotations(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of RoPE's angles, each [length, head_width / 2]."""
    steps = torch.arange(0, shape.head_width, 2, dtype=torch.float64) / shape.head_width
    angles = torch.outer(torch.arange(length, dtype=torch.float64), shape.rope_base**-steps)
    return angles.cos().float(), angles.sin().float()


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turns neighbouring pairs of the last dimension of [batch, heads, length, head_width]."""
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack((even * cosines - odd * sines, even * sines + odd * cosines), -1)
    return turned.flatten(-2)


class Block(nn.Module):
    """One layer: attention, then a gated feed-forward."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.attention_norm = Norm(shape.width, shape.epsilon)
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.output = nn.Linear(shape.width, shape.width, bias=False)
        self.feed_norm = Norm(shape.width, shape.epsilon)
        self.gate_up = nn.Linear(shape.width, 2 * shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        batch, length, width = x.shape
        heads = self.qkv(self.attention_norm(x)).view(batch, length, 3, self.shape.heads, self.shape.head_width)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        query, key = rotate(query, cosines, sines), rotate(key, cosines, sines)
        # Written out, since the fused kernel's backward pass takes half of a step's time on a processor; in pieces, since what lies after
        # the last row of a piece need not be scored.
        pieces = []
        for start in range(0, length, _PIECE):
            end = min(start + _PIECE, length)
            scores = query[:, :, start:end] @ key[:, :, :end].transpose(-1, -2) * self.shape.head_width**-0.5
            later = torch.ones(end - start, end, dtype=torch.bool, device=x.device).triu(start + 1)
            pieces.append(scores.masked_fill(later, float("-inf")).float().softmax(-1).to(value.dtype) @ value[:, :, :end])
        attended = self.output(torch.cat(pieces, 2).transpose(1, 2).reshape(batch, length, width))
        x = x + attended
        gate, up = self.gate_up(self.feed_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Starter(nn.Module):
    """The whole model."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width, shape.epsilon)
        cosines, sines = rotations(shape, shape.context)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                deep = name.endswith(("output.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * shape.layers) ** 0.5 if deep else 0.02)
        # Tokens begin as long as they will be in the end (see induction.py), and scores as flat as usual.
        nn.init.normal_(self.embedding.weight, std=0.1)
        nn.init.constant_(self.norm.weight, 0.2)

    def hidden(self, tokens: Tensor) -> Tensor:
        """The last layer's normed state, [batch, length, width]."""
        length = tokens.shape[1]
        x = self.embedding(tokens)
        cosines, sines = self.cosines[:length].to(x.dtype), self.sines[:length].to(x.dtype)
        for block in self.blocks:
            x = block(x, cosines, sines)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary for any states of shape [..., width]."""
        return F.linear(hidden, self.embedding.weight)

    @torch.no_grad()
    def advance(self, tokens: Tensor, cache: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Scores after the last of `tokens` [1, length], for generating: `cache` holds each layer's keys and values so far and grows."""
        before = cache[0][0].shape[2] if cache else 0
        length = tokens.shape[1]
        cosines, sines = self.cosines[before : before + length], self.sines[before : before + length]
        later = torch.ones(length, before + length, dtype=torch.bool).triu(before + 1)
        x = self.embedding(tokens)
        for layer, block in enumerate(self.blocks):
            heads = block.qkv(block.attention_norm(x)).view(1, length, 3, self.shape.heads, self.shape.head_width)
            query, key, value = heads.permute(2, 0, 3, 1, 4)
            query, key = rotate(query, cosines, sines), rotate(key, cosines, sines)
            if before:
                key, value = torch.cat((cache[layer][0], key), 2), torch.cat((cache[layer][1], value), 2)
                cache[layer] = (key, value)
            else:
                cache.append((key, value))
            scores = (query @ key.transpose(-1, -2) * self.shape.head_width**-0.5).masked_fill(later, float("-inf"))
            attended = scores.softmax(-1) @ value
            x = x + block.output(attended.transpose(1, 2).reshape(1, length, self.shape.width))
            gate, up = block.gate_up(block.feed_norm(x)).chunk(2, -1)
            x = x + block.down(F.silu(gate) * up)
        return self.logits(self.norm(x)[0, -1])
