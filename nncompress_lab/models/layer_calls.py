"""What layers are called with when a model runs, taken down on its way in.

The model runs eagerly, batch by batch. That works on every backend, inside nested models,
wrappers and attention layers, and holds the activations of one batch at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import keras
import numpy as np

from nncompress_lab.data.data import Data
from nncompress_lab.models.kernels import KernelLayer, to_numpy
from nncompress_lab.models.padding import Mask, MaskOf, aligned, masks_in
from nncompress_lab.models.patches import Array

BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class LayerCall:
    """What a layer was called with.

    Args:
        layer: The layer.
        inputs: float32, as they are.
        mask: True for each position that is no padding, where that is known.
    """

    layer: KernelLayer
    inputs: Array
    mask: Mask | None

    @property
    def seen(self) -> Array:
        """The inputs without positions that are padding, which then are one axis."""
        return self.inputs if self.mask is None else self.inputs[self.mask]

    @property
    def zeroed(self) -> Array:
        """The inputs with zeros for padding, which add nothing to sums of products."""
        if self.mask is None:
            return self.inputs
        spread = self.mask.reshape(
            *self.mask.shape, *[1] * (self.inputs.ndim - self.mask.ndim)
        )
        return np.where(spread, self.inputs, np.float32(0))


def layer_calls(
    model: keras.Model,
    layers: Sequence[KernelLayer],
    x: Any,
    *,
    batch_size: int = BATCH_SIZE,
) -> Iterator[LayerCall]:
    """What some layers are called with, as it is, batch by batch.

    Args:
        model: A built model. It is not changed.
        layers: Layers of that model.
        x: Inputs of the model as `Data` takes them, or `Data`.
        batch_size: Examples whose activations are held at once.

    Yields:
        Each call, by batch, in the order in which the layers run.
    """
    data = x if isinstance(x, Data) else Data(x)
    for inputs, _labels, _weights in data.batches(batch_size):
        with _recording(model, layers) as calls:
            model(inputs, training=False)
        while calls:
            yield calls.pop(0)


@contextmanager
def _recording(
    model: keras.Model, layers: Sequence[KernelLayer]
) -> Iterator[list[LayerCall]]:
    """While the block runs, note each call of a layer with what it was called with."""
    calls: list[LayerCall] = []

    def recorder(layer: KernelLayer, mask_of: MaskOf) -> Callable[..., Any]:
        original = layer.layer.call

        @wraps(original)
        def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            array, mask = (
                to_numpy(inputs).astype(np.float32),
                mask_of(layer.layer, inputs),
            )
            calls.append(
                LayerCall(layer, array, mask if aligned(mask, array) else None)
            )
            return original(inputs, *args, **kwargs)

        return call

    # Past Keras's own attributes, which would track the function as a part of the layer.
    with masks_in(model) as mask_of:
        for layer in layers:
            layer.layer.__dict__["call"] = recorder(layer, mask_of)
        try:
            yield calls
        finally:
            for layer in layers:
                del layer.layer.__dict__["call"]
