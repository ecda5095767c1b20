"""The learning rate of each step: a linear warm-up, then a cosine decay to zero."""

import math

from se_nas.training.recipe import Recipe


def learning_rate_at(recipe: Recipe, step: int, *, steps: int, steps_per_epoch: int, batch_size: int) -> float:
    """The learning rate of step `step`, counted from 0, in a training of `steps` steps."""
    peak = peak_learning_rate(recipe, batch_size)
    warmup = min(recipe.warmup_epochs * steps_per_epoch, steps / 4)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def peak_learning_rate(recipe: Recipe, batch_size: int) -> float:
    """The learning rate after the warm-up.

    The rate of a recipe is for a batch of 128 images and scales with the square root of the batch size (Krizhevsky,
    arXiv 1404.5997, section 5).
    """
    return recipe.learning_rate * math.sqrt(batch_size / 128)
