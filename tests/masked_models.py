"""The model that channel pruning must equal: the same one with channels set to zero."""

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab.models.kernels import keras_classes, weighted_layers


def masked(model: keras.Model, kept: dict[str, np.ndarray]) -> keras.Model:
    """A copy in which the weights that make the channels not kept are zero."""
    copy = ncl.copy_model(model)
    for path, layer in weighted_layers(copy):
        if path in kept:
            for variable, axis in made_weights(layer, path):
                zero_out(variable, axis, kept[path])
    return copy


def made_weights(layer, path: str) -> list[tuple[keras.Variable, int]]:
    """The weights behind the outputs of a layer, each with the axis of the outputs."""
    names = keras_classes(layer)
    if "BatchNormalization" in names:
        return [(layer.gamma, 0), (layer.beta, 0), (layer.moving_mean, 0)]
    if "GroupNormalization" in names:
        return [(layer.gamma, 0), (layer.beta, 0)]
    if "PReLU" in names:
        return []
    if path.endswith(("/query", "/key", "/value", "/gate")):
        return [(layer.kernel, 1), (layer.bias, 0)]
    if "Embedding" in names:
        return [(layer.embeddings, 1)]
    kernel = getattr(layer, "pointwise_kernel", None)
    kernel = layer.kernel if kernel is None else kernel
    turned = {"BaseConvTranspose", "BaseDepthwiseConv"} & set(names)
    axis = kernel.ndim - (2 if turned else 1)
    return (
        [(kernel, axis), (layer.bias, 0)]
        if getattr(layer, "bias", None) is not None
        else [(kernel, axis)]
    )


def zero_out(variable, axis: int, kept: np.ndarray) -> None:
    if variable is None:  # no bias, no gamma
        return
    array = np.array(keras.ops.convert_to_numpy(variable))
    mask = np.repeat(kept, array.shape[axis] // len(kept))
    shape = [1] * array.ndim
    shape[axis] = -1
    variable.assign(np.where(mask.reshape(shape), array, 0))


def outputs(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(x, training=False))


def assert_equals_masked(model, step, x, context=None, *, tolerance=1e-5):
    """Prune `model`; the outputs must be those of the masked model.

    The numbers that are added up are the same, but zeros are left out, so float32 sums
    round otherwise: the tolerance is relative to the largest output.
    """
    kept = step.kept_outputs(model, context)
    assert any(not mask.all() for mask in kept.values())
    narrow = step(model, context)
    expected = outputs(masked(model, kept), x)
    atol = tolerance * np.abs(expected).max()
    np.testing.assert_allclose(outputs(narrow, x), expected, rtol=0, atol=atol)
    return narrow
