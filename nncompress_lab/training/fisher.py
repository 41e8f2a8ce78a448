"""How much each kernel weight matters to what a model says: the Fisher information."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from nncompress_lab.data.datasets import Data
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.training.gradients import Arrays, KernelGradients
from nncompress_lab.training.output_scale import Scale, output_scale

BATCH_SIZE: Final = 16  # a batch is one look at the squares: many small ones see more
LEAST: Final = 1e-6  # of a probability that is divided by
LOOKED_AT: Final = 256  # examples of which numbers show how much they vary

Array = npt.NDArray[Any]


def kernel_fisher(
    model: keras.Model,
    layers: Sequence[KernelLayer],
    data: Data,
    *,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
) -> dict[str, Arrays]:
    """The diagonal of the Fisher information of kernels.

    Half of it times the square of a small change of a weight is by how much the model's
    outputs diverge: in nats for probabilities, in units of half their variance for real
    numbers. No labels are needed: they are drawn as the model itself predicts them.

    Args:
        model: A built model, with outputs that are logits of several classes,
            probabilities, or real numbers. It is not changed.
        layers: Layers of that model with float kernels.
        data: Inputs; labels are not looked at.
        seed: Of the labels that are drawn.
        batch_size: Examples whose gradients are added before they are squared, which is
            right on average, because labels are drawn for each by itself.

    Returns:
        By path: for each kernel, in the order of `KernelLayer.arrays()`, the mean over the
        examples, float64 of its shape.

    References:
        Kunstner, Balles, Hennig, "Limitations of the empirical Fisher approximation for
        natural gradient descent", NeurIPS 2019, section 2 (why labels are drawn).
        https://arxiv.org/abs/1905.12558
    """
    gradients = KernelGradients(model, layers, loss=_along)
    sums: dict[str, Arrays] = {
        one.path: [np.zeros(array.shape) for array in one.arrays()] for one in layers
    }
    examples = 0
    drawers = _drawers(model, data, np.random.default_rng(seed))
    for x, *_ in data.batches(batch_size):
        outputs = _outputs(model, x)
        drawn = [
            draw(output).astype(np.float32)
            for draw, output in zip(drawers, outputs, strict=True)
        ]
        count = len(outputs[0])
        for path, found in gradients(x, drawn).items():
            for sum_, gradient in zip(sums[path], found, strict=True):
                np.add(sum_, (count * gradient.astype(np.float64)) ** 2, out=sum_)
        examples += count
    return {
        path: [one / max(examples, 1) for one in arrays]
        for path, arrays in sums.items()
    }


def _along(_model: Any, drawn: Any, outputs: Any, *_weight: Any) -> Any:
    """For each example, what its outputs have in the direction that was drawn."""
    parts = []
    for output, direction in zip(keras.tree.flatten(outputs), drawn, strict=True):
        product = ops.multiply(ops.cast(output, "float32"), direction)
        rows = ops.reshape(product, (ops.shape(product)[0], -1))  # maybe of any number
        parts.append(ops.sum(rows, axis=-1))
    return sum(parts[1:], parts[0])


def _outputs(model: keras.Model, x: Any) -> list[Array]:
    outputs = keras.tree.flatten(model(x, training=False))
    return [ops.convert_to_numpy(one).astype(np.float64) for one in outputs]


def _drawers(
    model: keras.Model, data: Data, rng: np.random.Generator
) -> list[Callable[[Array], Array]]:
    """For each output: the gradients of a loss by it, for labels drawn as it predicts."""
    (x, *_) = next(data.take(LOOKED_AT).batches(LOOKED_AT))
    drawers: list[Callable[[Array], Array]] = []
    for place, outputs in enumerate(_outputs(model, x)):
        scale = output_scale(model, place)
        if scale == "logits" and outputs.shape[-1] == 1:
            spread = float(outputs.std()) or 1.0
            drawers.append(partial(_of_numbers, rng=rng, spread=spread))
        elif scale == "sigmoid":
            drawers.append(partial(_of_probabilities, rng=rng))
        else:
            drawers.append(partial(_of_classes, rng=rng, scale=scale))
    return drawers


def _of_numbers(outputs: Array, *, rng: np.random.Generator, spread: float) -> Array:
    """In units of how much they vary, with errors as a normal distribution has them."""
    return rng.standard_normal(outputs.shape) / spread


def _of_probabilities(outputs: Array, *, rng: np.random.Generator) -> Array:
    likely = np.clip(outputs, LEAST, 1 - LEAST)
    yes = rng.random(outputs.shape) < likely
    drawn: Array = np.where(yes, -1 / likely, 1 / (1 - likely))
    return drawn


def _of_classes(outputs: Array, *, rng: np.random.Generator, scale: Scale) -> Array:
    likely = outputs if scale == "softmax" else _softmax(outputs)
    likely = np.clip(likely, LEAST, None)
    shares = np.cumsum(likely / likely.sum(axis=-1, keepdims=True), axis=-1)
    place = (rng.random((*outputs.shape[:-1], 1)) > shares[..., :-1]).sum(axis=-1)
    label = np.eye(outputs.shape[-1])[place]
    drawn: Array = -label / likely if scale == "softmax" else likely - label
    return drawn


def _softmax(logits: Array) -> Array:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return found
