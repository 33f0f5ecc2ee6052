"""Carries what a trained starter knows into a model with another tokenizer and more layers, so that its tokens of training are not lost."""

import torch
from tokenizers import Tokenizer

from .model import Starter


def layers_of_old(old: int, new: int) -> list[int]:
    """Where the old layers stand among the new ones: the first two next to each other (they copy together, see induction.py), each later
    one after a fresh one, and the rest of the fresh ones last."""
    return [place if place < 2 else min(2 * place - 1, new - old + place) for place in range(old)]


@torch.no_grad()
def carry(old: Starter, old_words: Tokenizer, model: Starter, words: Tokenizer) -> None:
    """Sets the model's weights from an old one's of the same width. A token takes the mean of the old tokens that spell it; a fresh layer
    adds nothing at first."""
    for text, identity in words.get_vocab().items():
        known = old_words.token_to_id(text)
        pieces = [known] if known is not None else [piece.id for piece in old_words.model.tokenize(text)]
        model.embedding.weight[identity] = old.embedding.weight[pieces].mean(0)
    model.norm.load_state_dict(old.norm.state_dict())
    for block in model.blocks:
        block.output.weight.zero_()
        block.down.weight.zero_()
    for source, place in zip(old.blocks, layers_of_old(len(old.blocks), len(model.blocks)), strict=True):
        model.blocks[place].load_state_dict(source.state_dict())
