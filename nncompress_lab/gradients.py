"""The gradient of a model's loss by its kernels, on every backend."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy.typing as npt
from keras import ops

from nncompress_lab.data.datasets import Data
from nncompress_lab.kernels import KernelLayer, to_numpy
from nncompress_lab.training import Objective

BATCH_SIZE = 32
Arrays = list[npt.NDArray[Any]]
Gradient = Callable[[Sequence[Any], Any, Any], Sequence[Any]]


def kernel_gradients(
    model: keras.Model,
    layers: Sequence[KernelLayer],
    data: Data,
    *,
    loss: str = "auto",
    batch_size: int = BATCH_SIZE,
) -> Iterator[dict[str, Arrays]]:
    """The gradient of the mean loss of each batch, by the kernels of some layers.

    The model runs in inference mode: no dropout, stored statistics. Kernels that are
    frozen have gradients like all others; regularization is not part of the loss.

    Args:
        model: A built model. It is not changed.
        layers: Layers of that model with float kernels, as `select` returns them.
        data: Inputs and labels; they are taken in their order.
        loss: Name of a Keras loss; `"auto"` is the cross-entropy of class indices, from
            logits or probabilities as the model's last activation tells.
        batch_size: Examples a batch; the last one may be smaller.

    Yields:
        For each batch and by path: the gradients in the order of
        `KernelLayer.arrays()`, float arrays of the shapes of the kernels.
    """
    variables = [kernel for layer in layers for kernel in layer.kernels()]
    if not variables:
        return
    measure = loss_function(model, loss)

    def loss_of(values: Any, x: Any, y: Any) -> Any:
        with keras.StatelessScope(
            state_mapping=list(zip(variables, values, strict=True))
        ):
            return ops.mean(measure(y, model(x, training=False)))

    gradient = _GRADIENTS[keras.backend.backend()](loss_of)
    for start in range(0, len(data), batch_size):
        rows = slice(start, start + batch_size)
        values = gradient([one.value for one in variables], data.x[rows], data.y[rows])
        arrays = iter([to_numpy(value) for value in values])
        yield {
            layer.path: [next(arrays) for _ in layer.kernel_names] for layer in layers
        }


def loss_function(model: keras.Model, loss: str) -> Any:
    """The loss that a name stands for, as a function of labels and predictions.

    Args:
        model: Whose last activation tells what `"auto"` expects.
        loss: Name of a Keras loss, or `"auto"` for the cross-entropy of class indices.
    """
    if loss == "auto":
        return Objective.classification(model).loss
    return keras.losses.get(loss)


def _with_tensorflow(loss_of: Callable[..., Any]) -> Gradient:
    import tensorflow as tf

    def gradient(values: Sequence[Any], x: Any, y: Any) -> Sequence[Any]:
        tensors = [tf.convert_to_tensor(value) for value in values]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tensors)
            loss = loss_of(tensors, x, y)
        found: Sequence[Any] = tape.gradient(
            loss, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        # The gradient of an Embedding lists the rows that were looked up.
        return [tf.convert_to_tensor(one) for one in found]

    return gradient


def _with_jax(loss_of: Callable[..., Any]) -> Gradient:
    import jax

    gradient: Gradient = jax.jit(jax.grad(loss_of))
    return gradient


def _with_torch(loss_of: Callable[..., Any]) -> Gradient:
    import torch

    def gradient(values: Sequence[Any], x: Any, y: Any) -> Sequence[Any]:
        leaves = [value.detach().requires_grad_() for value in values]
        found = torch.autograd.grad(loss_of(leaves, x, y), leaves, allow_unused=True)
        return [
            torch.zeros_like(leaf) if one is None else one
            for one, leaf in zip(found, leaves, strict=True)
        ]

    return gradient


_GRADIENTS = {
    "tensorflow": _with_tensorflow,
    "jax": _with_jax,
    "torch": _with_torch,
}
