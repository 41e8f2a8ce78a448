"""The gradient of a model's loss by its kernels, on every backend."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy.typing as npt
from keras import ops

from nncompress_lab.data.datasets import Data
from nncompress_lab.models.kernels import KernelLayer, to_numpy

BATCH_SIZE = 32
Arrays = list[npt.NDArray[Any]]
Gradient = Callable[..., Sequence[Any]]  # of kernels, inputs, labels and weights
Loss = Callable[..., Any]


def kernel_gradients(
    model: keras.Model,
    layers: Sequence[KernelLayer],
    data: Data,
    *,
    loss: Loss,
    batch_size: int = BATCH_SIZE,
) -> Iterator[dict[str, Arrays]]:
    """The gradient of the mean loss of each batch, by the kernels of some layers.

    The model runs in inference mode: no dropout, stored statistics. Kernels that are
    frozen have gradients like all others; regularization is not part of the loss.

    Args:
        model: A built model. It is not changed.
        layers: Layers of that model with float kernels, as `select` returns them.
        data: Inputs, labels and how much each example counts; taken in their order.
        loss: As in `KernelGradients`.
        batch_size: Examples a batch; the last one may be smaller.

    Yields:
        For each batch and by path: the gradients in the order of
        `KernelLayer.arrays()`, float arrays of the shapes of the kernels.
    """
    gradients = KernelGradients(model, layers, loss=loss)
    for batch in data.batches(batch_size):
        yield gradients(*batch)


class KernelGradients:
    """The gradient of a model's mean loss by its kernels, as a function of a batch.

    Keep one and call it often: it is traced once for each size of batch.

    Args:
        model: A built model. It is not changed; its weights are read at each call.
        layers: Layers of that model with float kernels.
        loss: A function of the model, labels, outputs and, where there are any, sample
            weights, such as `Task.total`.
    """

    def __init__(
        self, model: keras.Model, layers: Sequence[KernelLayer], *, loss: Loss
    ) -> None:
        self.layers = layers
        self.kernels = [kernel for layer in layers for kernel in layer.kernels()]

        def loss_of(values: Any, x: Any, y: Any, *weight: Any) -> Any:
            state = list(zip(self.kernels, values, strict=True))
            with keras.StatelessScope(state_mapping=state):
                return ops.mean(loss(model, y, model(x, training=False), *weight))

        self._gradient = _GRADIENTS[keras.backend.backend()](loss_of)

    def __call__(self, x: Any, y: Any, sample_weight: Any = None) -> dict[str, Arrays]:
        """Gradients by path, in the order and of the shapes of `KernelLayer.arrays()`."""
        weight = () if sample_weight is None else (sample_weight,)
        if not self.kernels:
            return {}
        found = self._gradient([one.value for one in self.kernels], x, y, *weight)
        arrays = iter([to_numpy(value) for value in found])
        return {
            layer.path: [next(arrays) for _ in layer.kernel_names]
            for layer in self.layers
        }


def gradient_of(function: Callable[[Any], Any], array: npt.ArrayLike) -> Any:
    """The gradient of a number that a function computes from an array, on every backend.

    Args:
        function: From a tensor to a tensor of one number.
        array: Where the gradient is taken.

    Returns:
        An array of the shape of `array`; zeros if the number does not depend on it.

    Example:
        >>> gradient_of(lambda x: ops.sum(x * x), [1.0, -3.0]).tolist()
        [2.0, -6.0]
    """
    backend = keras.backend.backend()
    make = _taped if backend == "tensorflow" else _GRADIENTS[backend]
    gradient = make(lambda values, _x, _y: function(values[0]))
    (found,) = gradient([ops.convert_to_tensor(array, "float32")], None, None)
    return to_numpy(found)


def _taped(loss_of: Callable[..., Any]) -> Gradient:
    import tensorflow as tf

    def gradient(values: Sequence[Any], *batch: Any) -> Sequence[Any]:
        tensors = [tf.convert_to_tensor(value) for value in values]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tensors)
            loss = loss_of(tensors, *batch)
        found: Sequence[Any] = tape.gradient(
            loss, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        # The gradient of an Embedding lists the rows that were looked up.
        return [tf.convert_to_tensor(one) for one in found]

    return gradient


def _with_tensorflow(loss_of: Callable[..., Any]) -> Gradient:
    import tensorflow as tf

    graph: Gradient = tf.function(_taped(loss_of), reduce_retracing=True)
    return graph


def _with_jax(loss_of: Callable[..., Any]) -> Gradient:
    import jax

    gradient: Gradient = jax.jit(jax.grad(loss_of))
    return gradient


def _with_torch(loss_of: Callable[..., Any]) -> Gradient:
    import torch

    def gradient(values: Sequence[Any], *batch: Any) -> Sequence[Any]:
        leaves = [value.detach().requires_grad_() for value in values]
        loss = loss_of(leaves, *batch)
        if not loss.requires_grad:  # it depends on none of them
            return [torch.zeros_like(leaf) for leaf in leaves]
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
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
