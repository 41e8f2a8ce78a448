"""Lesson 10: a training that prunes meanwhile, by hand."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import keras
import numpy as np

from nncompress_lab.course.exercise import Exercise, require
from nncompress_lab.course.exercises.lesson_10_schedules import (
    examples,
    sparsity_at,
    two_layers,
    with_kernels,
)
from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.pruning.arrays.masks import magnitude_mask

BATCHES: Final = 8
FAST: Final = 0.25  # so that an update can make a weight that was dropped a large one
SPARSITIES: Final = (0.7, 0.8)  # 25.2 and 28.8 of 36 weights


def _prune_while_training(model: keras.Model, batches: Any, sparsity: float) -> None:
    masks = [np.ones(layer.kernel.shape, bool) for layer in with_kernels(model)]
    for number, (x, y) in enumerate(batches, start=1):
        model.train_on_batch(x, y)
        now = sparsity_at.reference(number, 0, 0.75 * len(batches), sparsity)
        for place, layer in enumerate(with_kernels(model)):
            kernel = to_numpy(layer.kernel)
            ranked = np.where(masks[place], np.abs(kernel) + 1, 0)
            masks[place] &= magnitude_mask(ranked, sparsity=now)
            layer.kernel.assign(np.where(masks[place], kernel, 0))


prune_while_training = Exercise(
    "prune_while_training",
    title="★ Prune while it trains",
    points=2,
    hints=(
        "For each batch three steps: train, ask the schedule, drop. What must be "
        "remembered from batch to batch?",
        "A weight that was dropped is moved by the next update, and then it is no longer "
        "the smallest: let the masks, and not the weights, say what is gone.",
    ),
    reference=_prune_while_training,
)


class _Watched(Sequence[tuple[Any, Any]]):
    """Batches that look at the kernels each time that one of them is asked for."""

    def __init__(self, model: keras.Model) -> None:
        x, y = examples(8 * BATCHES, seed=6)
        self._batches = list(
            zip(np.split(x, BATCHES), np.split(y, BATCHES), strict=True)
        )
        self._model = model
        self.seen: list[list[Any]] = []

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, place: Any) -> Any:
        batch = self._batches[place]  # raises at the end
        self.look()
        return batch

    def look(self) -> None:
        """Note what the kernels hold now."""
        self.seen.append(
            [to_numpy(layer.kernel) for layer in with_kernels(self._model)]
        )


@lru_cache(maxsize=2)
def _run(answer: Any, sparsity: float) -> tuple[list[list[Any]], Any]:
    """The kernels before each batch and in the end; the biases in the end."""
    require(
        callable(answer),
        f"This must be a function. Received: {type(answer).__name__}.",
    )
    model = two_layers(seed=7)
    model.run_eagerly = True  # a few steps, with nothing to compile for them
    model.optimizer.learning_rate = FAST
    batches = _Watched(model)
    answer(model, batches, sparsity)
    batches.look()
    return batches.seen, np.stack([to_numpy(one.bias) for one in with_kernels(model)])


@prune_while_training.check
def trains_on_each_batch_once(answer):
    _run.cache_clear()
    seen, biases = _run(answer, SPARSITIES[0])
    require(
        len(seen) == BATCHES + 1,
        f"Of {BATCHES} batches {len(seen) - 1} were taken: train on each of them once, "
        "in their order.",
    )
    changes = [
        not np.array_equal(before[0], after[0]) for before, after in pairwise(seen)
    ]
    require(
        biases.any(axis=1).all() and all(changes),
        "Between two batches nothing was trained: `model.train_on_batch(x, y)` does one "
        "step.",
    )


@prune_while_training.check
def ends_with_all_zeros(answer):
    for sparsity in SPARSITIES:
        seen, _ = _run(answer, sparsity)
        zeros = [int(np.sum(kernel == 0)) for kernel in seen[-1]]
        wanted = round(36 * sparsity)
        require(
            zeros == [wanted, wanted],
            f"Asked for a sparsity of {sparsity:g}, each of the two kernels of 36 weights "
            f"should have {wanted} zeros in the end. They have {zeros[0]} and {zeros[1]}.",
        )


@prune_while_training.check
def prunes_kernels_alone(answer):
    _, biases = _run(answer, SPARSITIES[0])
    zeros = int(np.sum(biases[-1] == 0))  # those before have no gradient if cut off
    require(
        zeros == 0,
        f"{zeros} of the last layer's 6 biases are 0 in the end. Prune kernels alone: "
        "there are few biases, and each moves a whole channel.",
    )


@prune_while_training.check
def never_lets_a_weight_return(answer):
    for sparsity in SPARSITIES:
        seen, _ = _run(answer, sparsity)
        for place in range(1, BATCHES + 1):
            returned = sum(
                int(np.sum((before == 0) & (after != 0)))
                for before, after in zip(seen[place - 1], seen[place], strict=True)
            )
            require(
                returned == 0,
                f"After batch {place}, {returned} weights are back that were 0 before it. "
                "What was dropped once stays dropped: remember the masks.",
            )


@prune_while_training.check
def follows_the_cubic_schedule(answer):
    for sparsity in SPARSITIES:
        seen, _ = _run(answer, sparsity)
        for place, kernels in enumerate(seen):
            least, most = (
                round(36 * sparsity_at.reference(at, 0, 0.75 * BATCHES, sparsity))
                for at in (place - 1, place + 1)
            )
            zeros = int(np.sum(kernels[0] == 0))
            require(
                least <= zeros <= most,
                f"After {place} of {BATCHES} batches, on the way to a sparsity of "
                f"{sparsity:g} that is reached at three quarters of them, a kernel of 36 "
                f"weights has {zeros} zeros; the cubic schedule says {least} to {most}, "
                "if one batch more or less is forgiven.",
            )


@prune_while_training.check
def drops_the_smallest(answer):
    for sparsity in SPARSITIES:
        kernels = _one_step(answer, sparsity)
        for before, after in kernels:
            dropped, kept = np.abs(before[after == 0]), np.abs(before[after != 0])
            require(
                dropped.max(initial=0.0) <= kept.min() + 0.05,
                "A large weight was dropped and a smaller one kept: the smallest "
                "magnitudes go first, whatever their sign.",
            )


def _one_step(answer: Any, sparsity: float) -> list[tuple[Any, Any]]:
    """Kernels before a training that hardly moves them, and after it."""
    model = two_layers(seed=8)
    model.run_eagerly = True
    model.optimizer.learning_rate = 1e-6
    before = [to_numpy(layer.kernel) for layer in with_kernels(model)]
    answer(model, _Watched(model), sparsity)
    return list(
        zip(
            before,
            [to_numpy(layer.kernel) for layer in with_kernels(model)],
            strict=True,
        )
    )
