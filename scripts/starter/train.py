"""Training: rows of one window each, loss on the persona's turns and a little on the person's, small steps, one process a core."""

import itertools
import math
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from . import induction, lookup
from .data import Source
from .model import Starter
from .prompt import END, chatml, opening

# Rows are padded to one of these lengths (tokens), so that only a few shapes are ever compiled.
LENGTHS = (80, 112, 144, 176, 208, 256, 304, 368, 448, 560, 704, 1024)
# Steps between two means of the processes' weights.
ROUND = 16
# Weight of the person's own words in the loss: what people say is worth knowing for understanding it, and half of the text.
PERSONS_SHARE = 0.25

_BLOCKS = re.compile(r"(?:.*</(?:memory|summary|recall|facts)>\n)?", re.S)


@dataclass(frozen=True)
class Recipe:
    """How to train."""

    minutes: float = 60
    # Tokens of one step, padding included.
    step_tokens: int = 4032
    # Learning rates of AdamW (embedding and norms) and of Muon (the layers' matrices).
    peak_rate: float = 3e-3
    matrix_rate: float = 2e-2
    # Share of both; less than 1 to go on with trained weights without losing what they have settled to.
    pace: float = 1.0
    # Shares of the time: until the peak, and until the rate begins to fall.
    warm_up: float = 0.01
    level_until: float = 0.4
    weight_decay: float = 0.05
    # How much of the moving average of weights one step keeps.
    averaging: float = 0.998
    # Look-up rows for each dialogue (see lookup.py).
    lookups: float = 0.25
    seed: int = 7


# With trained weights: a lower rate that falls from the beginning. They have long learnt to copy, so that few look-ups do.
GOING_ON = Recipe(pace=0.25, level_until=0.1, lookups=0.05)


@dataclass(frozen=True)
class Row:
    """One dialogue as tokens; `learn[i]` is the weight of token i in the loss."""

    tokens: list[int]
    learn: list[float]


def encode(tokenizer: Tokenizer, messages: list[tuple[str, str]]) -> Row:
    """Tokens of messages as ChatML. The persona's words count whole, the person's `PERSONS_SHARE`, blocks and system texts nothing."""
    head = len(tokenizer.encode(opening()).ids)
    tokens: list[int] = []
    learn: list[float] = []
    for role, content in messages:
        ids = tokenizer.encode(chatml(role, content)).ids
        tokens += ids
        match role:
            case "assistant":
                begins, weight = head, 1.0
            case "user":
                # Up to the end of the last block. The text before the words ends in a line break, so that the tokens part there.
                words = content[_BLOCKS.match(content).end() :]
                begins, weight = len(ids) - len(tokenizer.encode(f"{words}{END}\n").ids), PERSONS_SHARE
            case _:
                begins, weight = len(ids), 0.0
        # The line break after the end token is nobody's.
        learn += [weight if begins <= place < len(ids) - 1 else 0.0 for place in range(len(ids))]
    return Row(tokens, learn)


def rows(source: Source, tokenizer: Tokenizer, lookups: float) -> Iterator[Row]:
    """Encodes dialogues one after another, and a share of look-ups between them. Too long ones are left out."""
    for made in source.dialogues():
        row = encode(tokenizer, made.messages(source.personas[made.persona]))
        if len(row.tokens) <= LENGTHS[-1]:
            yield row
        if source.random.random() < lookups:
            yield encode(tokenizer, lookup.messages(source.random))


@dataclass(frozen=True)
class Batch:
    """Tokens [rows, length]; scores are needed at `positions` of the flattened batch only, each target with its weight."""

    tokens: Tensor
    positions: Tensor
    targets: Tensor
    weights: Tensor


def batch(chosen: list[Row], length: int) -> Batch:
    """Pads rows to one length."""
    tokens = torch.zeros(len(chosen), length, dtype=torch.long)
    positions: list[int] = []
    targets: list[int] = []
    weights: list[float] = []
    for number, row in enumerate(chosen):
        tokens[number, : len(row.tokens)] = torch.tensor(row.tokens)
        for place in range(1, len(row.tokens)):
            if row.learn[place]:
                positions.append(number * length + place - 1)
                targets.append(row.tokens[place])
                weights.append(row.learn[place])
    # The matrix library keeps a kernel for every size that it meets, so there had better be few.
    spare = -len(positions) % 128
    return Batch(tokens, torch.tensor(positions + [0] * spare), torch.tensor(targets + [0] * spare), torch.tensor(weights + [0.0] * spare))


def batches(source: Source, tokenizer: Tokenizer, step_tokens: int, lookups: float = 0.0) -> Iterator[Batch]:
    """Fills one waiting list per length, and gives out each when it is full."""
    waiting: dict[int, list[Row]] = defaultdict(list)
    for row in rows(source, tokenizer, lookups):
        length = next(length for length in LENGTHS if len(row.tokens) <= length)
        waiting[length].append(row)
        if len(waiting[length]) == max(1, step_tokens // length):
            yield batch(waiting.pop(length), length)


def unseen(source: Source, tokenizer: Tokenizer) -> list[Batch]:
    """The dialogues that are held back, one a batch."""
    encoded = (encode(tokenizer, made.messages(source.personas[made.persona])) for made in source.unseen())
    return [batch([row], len(row.tokens)) for row in encoded if len(row.tokens) <= LENGTHS[-1]]


@torch.no_grad()
def surprise(model: Starter, held_back: list[Batch]) -> float:
    """Mean loss of the persona's tokens in dialogues that are not trained on, in nats."""
    model.eval()
    lost, count = 0.0, 0
    for one in held_back:
        states = model.hidden(one.tokens).flatten(0, 1)[one.positions]
        each = F.cross_entropy(model.logits(states), one.targets, reduction="none")[one.weights == 1]
        lost, count = lost + float(each.sum()), count + len(each)
    model.train()
    return lost / count


def rate(done: float, recipe: Recipe) -> float:
    """The share of the peak rates when a share of the time (0 to 1) has passed: a short rise, level, and a cosine down to a hundredth."""
    if done < recipe.warm_up:
        return recipe.pace * (done + 1e-4) / recipe.warm_up
    along = min(1.0, max(0.0, (done - recipe.level_until) / (1 - recipe.level_until)))
    return recipe.pace * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * along)))


class Muon:
    """Momentum whose update is made orthogonal, for the matrices of the layers (K. Jordan's method). On this data a step of it is worth about two of AdamW's."""

    def __init__(self, model: Starter) -> None:
        self.matrices = [parameter for name, parameter in model.named_parameters() if parameter.dim() == 2 and name.startswith("blocks.")]
        self.momentum = [torch.zeros_like(matrix) for matrix in self.matrices]
        # Stacked projections are orthogonalised one by one.
        self.parts = {3 * model.shape.width: model.shape.width, 2 * model.shape.feed_forward: model.shape.feed_forward}
        # The heads that were set by hand move little, or the first hundred steps would undo them.
        self.pace = [torch.ones_like(matrix) for matrix in self.matrices]
        for matrix, pace in zip(self.matrices, self.pace, strict=True):
            for part in induction.wired(model, matrix):
                pace[part] = 0.03

    @torch.no_grad()
    def step(self, size: float, decay: float) -> None:
        """One update of every matrix."""
        for matrix, momentum, pace in zip(self.matrices, self.momentum, self.pace, strict=True):
            momentum.lerp_(matrix.grad, 0.05)
            direction = matrix.grad.lerp(momentum, 0.95)
            rows_each = self.parts.get(matrix.shape[0], matrix.shape[0])
            update = torch.cat([orthogonal(part) for part in direction.split(rows_each)])
            matrix.mul_(1 - size * decay * pace).add_(update * pace, alpha=-size * max(1.0, rows_each / matrix.shape[1]) ** 0.5)


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """The nearest matrix whose singular values are about one, by Newton and Schulz's iteration in bfloat16."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.mT if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.mT if tall else x).float()


class Together:
    """The processes that train one model, each on its own dialogues: `torchrun` starts them; without it there is one. On a processor
    two processes of one thread each do almost twice the work of one, and two threads in one process do less than one. Each makes its own
    steps, and now and then all take the mean of their weights (local SGD): with a mean of the gradients at every step, a third of the
    time went into waiting for the slower one."""

    def __init__(self) -> None:
        self.rank, self.count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        if self.count > 1:
            dist.init_process_group("gloo")

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            dist.barrier()

    @torch.no_grad()
    def mean(self, weights: list[Tensor], moment: float) -> float:
        """Makes every process's weights the mean of all; gives the mean of their clocks, by which all end together."""
        if self.count == 1:
            return moment
        flat = torch.cat([weight.flatten() for weight in weights] + [torch.tensor([moment])])
        dist.all_reduce(flat)
        flat /= self.count
        parts = flat.split([weight.numel() for weight in weights] + [1])
        for weight, part in zip(weights, parts[:-1], strict=True):
            weight.copy_(part.view_as(weight))
        return float(parts[-1])


def train(model: Starter, tokenizer: Tokenizer, recipe: Recipe, checkpoint: Path, together: Together) -> None:
    """Trains for the recipe's minutes of wall time. The model ends as the moving average of its weights. Every two minutes `checkpoint`
    gets the average, and the same name with `.last` the weights themselves, to go on from."""
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    muon = Muon(model)
    others = [parameter for parameter in model.parameters() if not any(parameter is matrix for matrix in muon.matrices)]
    adam = torch.optim.AdamW(others, lr=recipe.peak_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    # One compiled form a length; beyond the limit the rest would run uncompiled.
    torch._dynamo.config.recompile_limit = len(LENGTHS)
    hidden = torch.compile(model.hidden, dynamic=False)
    source = Source(1000 * recipe.seed + together.rank)
    held_back = unseen(source, tokenizer)
    stream = batches(source, tokenizer, recipe.step_tokens, recipe.lookups)
    started = saved = time.time()
    seen = learnt = 0
    loss_average = 0.0
    for step in itertools.count():
        one = next(stream)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = hidden(one.tokens).flatten(0, 1)[one.positions]
            scores = model.logits(states)
        each = F.cross_entropy(scores.float(), one.targets, reduction="none")
        loss = (each * one.weights).sum() / one.weights.sum()
        model.zero_grad(set_to_none=True)
        loss.backward()
        scale = rate((time.time() - started) / (60 * recipe.minutes), recipe)
        torch.nn.utils.clip_grad_norm_(others, 1.0, foreach=True)
        adam.param_groups[0]["lr"] = recipe.peak_rate * scale
        adam.step()
        muon.step(recipe.matrix_rate * scale, recipe.weight_decay)
        if step % ROUND == ROUND - 1:
            passed = together.mean(list(model.parameters()), time.time() - started)
            keep = min(recipe.averaging, step / (step + 50)) ** ROUND
            torch._foreach_lerp_(list(average.values()), [value.detach() for value in model.state_dict().values()], 1 - keep)
            if passed >= 60 * recipe.minutes:
                break
        seen += together.count * one.tokens.numel()
        learnt += together.count * int((one.weights == 1).sum())
        # What is told is the persona's loss alone.
        own = float(each.detach()[one.weights == 1].mean())
        loss_average = own if step == 0 else 0.98 * loss_average + 0.02 * own
        # All of them, or those that need not would wait at the next mean.
        unknown = surprise(model, held_back) if step % 1000 == 0 else None
        if together.rank:
            continue
        if unknown is not None:
            print(f"loss of dialogues that are held back: {unknown:.3f}", flush=True)
        if step % 200 == 0:
            passed = time.time() - started
            print(f"{passed:6.0f} s  step {step:6}  loss {loss_average:.3f}  {seen / 1e6:6.2f} M tokens ({learnt / 1e6:.2f} M learnt)  {seen / passed:6.0f} /s", flush=True)
        if time.time() - saved > 120:
            torch.save(average, checkpoint)
            torch.save(model.state_dict(), checkpoint.with_suffix(".last"))
            saved = time.time()
    if together.rank == 0:
        torch.save(model.state_dict(), checkpoint.with_suffix(".last"))
        torch.save(average, checkpoint)
    model.load_state_dict(average)
    print(f"trained {(time.time() - started) / 60:.1f} min, {step} steps, {seen / 1e6:.1f} M tokens, of which {learnt / 1e6:.1f} M learnt, loss {loss_average:.3f}", flush=True)
