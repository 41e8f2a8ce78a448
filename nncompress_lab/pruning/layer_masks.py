"""From layers to masks and back: scores of kernels, one ranking, and zeros."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import keras
import numpy as np

from nncompress_lab.models.kernels import KernelLayer, Skip, channel_axes
from nncompress_lab.models.layer_inputs import has_input_rows, input_norms
from nncompress_lab.models.patches import as_matrix, from_matrix
from nncompress_lab.passes import Context
from nncompress_lab.pruning.arrays.layer_adaptive import layer_adaptive_masks
from nncompress_lab.pruning.arrays.masks import (
    Mask,
    Weights,
    masks_by_output,
    masks_by_score,
)
from nncompress_lab.pruning.arrays.scores import taylor_scores, wanda_scores
from nncompress_lab.training.gradients import kernel_gradients
from nncompress_lab.training.known_task import task_of
from nncompress_lab.training.loop import given

Score = Literal["magnitude", "taylor", "wanda"]
Scope = Literal["output", "layer", "global", "adaptive"]
Scores = list[list[Weights]]
Masks = list[list[Mask]]

GRADIENT_EXAMPLES = 1024
NEEDS: dict[str, frozenset[str]] = {
    "magnitude": frozenset(),
    "taylor": frozenset({"train"}),
    "wanda": frozenset({"calibration"}),
}


def score_kernels(
    model: keras.Model,
    layers: Sequence[KernelLayer],
    score: Score,
    context: Context,
    *,
    loss: str = "auto",
) -> Scores:
    """How much each kernel weight of some layers matters.

    Args:
        model: A built model. It is not changed.
        layers: Layers of that model; for "wanda" not `unscored`.
        score: "magnitude", "taylor" (the mean over batches of the first training
            examples, `GRADIENT_EXAMPLES` of them) or "wanda" (of all calibration data).
        context: Holds what `NEEDS` names for the score.
        loss: For "taylor", as in `FineTune`.

    Returns:
        For each layer, scores of the shapes of its kernels. What is zero has the lowest,
        also beside weights that no gradient and no input reaches.
    """
    weights = [layer.arrays() for layer in layers]
    if score == "magnitude":
        return [[np.abs(array) for array in arrays] for arrays in weights]
    if score == "taylor":
        scores = _taylor(model, layers, context, loss)
    else:
        scores = _wanda(model, layers, context)
    return [
        [np.where(array == 0, -1, one) for array, one in zip(*layer, strict=True)]
        for layer in zip(weights, scores, strict=True)
    ]


def unscored(layer: KernelLayer, score: Score = "wanda") -> Skip | None:
    """Why a layer has no such score, or None."""
    weighed = score != "wanda" or all(
        has_input_rows(layer.layer, name) for name in layer.kernel_names
    )
    return None if weighed else Skip.NO_ROWS


def ranked_masks(
    layers: Sequence[KernelLayer], scores: Scores, *, sparsity: float, scope: Scope
) -> Masks:
    """Masks that drop a fraction of the weights.

    Args:
        layers: Where the scores come from.
        scores: As `score_kernels` returns them.
        sparsity: Fraction to drop, in `[0, 1)`.
        scope: What competes: the weights of an "output", a kernel ("layer"), or those of
            all layers together, by their scores ("global") or by their shares in what
            their layer would still hold ("adaptive").

    Returns:
        For each layer, masks of the shapes of its kernels.
    """
    flat = [array for arrays in scores for array in arrays]
    if scope == "global":
        return by_layer(layers, masks_by_score(flat, sparsity=sparsity))
    if scope == "adaptive":
        return by_layer(layers, layer_adaptive_masks(flat, sparsity=sparsity))
    if scope == "layer":
        return [
            [masks_by_score([array], sparsity=sparsity)[0] for array in arrays]
            for arrays in scores
        ]
    return [
        [
            _by_output(
                one, weights, channel_axes(layer.layer, name, one.ndim), sparsity
            )
            for name, one, weights in zip(
                layer.kernel_names, arrays, layer.arrays(), strict=True
            )
        ]
        for layer, arrays in zip(layers, scores, strict=True)
    ]


def add_scores(
    totals: Scores,
    score: Callable[[Weights, Weights], Weights],
    weights: Scores,
    gradients: Sequence[list[Weights]],
) -> None:
    """Add the scores of one batch to sums, in place.

    Args:
        totals: For each layer, sums of the shapes of its kernels.
        score: Of weights and gradients.
        weights: For each layer, its kernels.
        gradients: For each layer, those of its kernels.
    """
    for layer in zip(totals, weights, gradients, strict=True):
        for total, array, gradient in zip(*layer, strict=True):
            np.add(total, score(array, gradient), out=total)


def by_layer(layers: Sequence[KernelLayer], masks: Iterable[Mask]) -> Masks:
    """Masks of all kernels in one row, sorted by the layers that these belong to."""
    row = iter(masks)
    return [[next(row) for _ in layer.kernel_names] for layer in layers]


def keep_only(
    layers: Sequence[KernelLayer], masks: Masks, arrays: Scores | None = None
) -> None:
    """Set the kernel weights outside the masks to zero.

    Args:
        layers: Whose kernels to change.
        masks: For each layer, masks of the shapes of its kernels.
        arrays: For each layer, what its kernels hold inside the masks; by default what
            they hold now. They are not changed.
    """
    held: Iterable[list[Weights]] = (layer.arrays() for layer in layers)
    if arrays is not None:
        held = ([one.copy() for one in some] for some in arrays)
    for layer, kept, weights in zip(layers, masks, held, strict=True):
        for mask, one in zip(kept, weights, strict=True):
            # Not a product: it would leave -0.0, whose sign bit no coder gets rid of.
            np.putmask(one, ~mask, 0)
        layer.assign(weights)


def _by_output(
    scores: Weights, weights: Weights, channels: tuple[int, ...], sparsity: float
) -> Mask:
    kept = masks_by_output(
        as_matrix(scores, channels),
        sparsity=sparsity,
        gone=as_matrix(weights, channels) == 0,
    )
    return from_matrix(kept, scores.shape, channels)


def _taylor(
    model: keras.Model, layers: Sequence[KernelLayer], context: Context, loss: str
) -> Scores:
    weights = [layer.arrays() for layer in layers]
    sums = [[np.zeros(array.shape) for array in arrays] for arrays in weights]
    data = given(context.train).take(GRADIENT_EXAMPLES)
    task = task_of(model, data, context=context, loss=loss)
    for gradients in kernel_gradients(model, layers, data, loss=task.total):
        found = [gradients[layer.path] for layer in layers]
        add_scores(sums, taylor_scores, weights, found)
    return sums


def _wanda(
    model: keras.Model, layers: Sequence[KernelLayer], context: Context
) -> Scores:
    norms = input_norms(model, layers, given(context.calibration))
    scores = []
    for layer in layers:
        arrays = []
        for name, array in zip(layer.kernel_names, layer.arrays(), strict=True):
            channels = channel_axes(layer.layer, name, array.ndim)
            matrix = wanda_scores(as_matrix(array, channels), norms[layer.path][name])
            arrays.append(from_matrix(matrix, array.shape, channels))
        scores.append(arrays)
    return scores
