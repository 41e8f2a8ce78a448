"""What goes into the kernel layers of a model: rows, second moments and norms.

They are computed batch by batch from what each layer is called with.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from nncompress_lab.models.kernels import (
    KernelLayer,
    is_recurrent,
    keras_classes,
    to_numpy,
)
from nncompress_lab.models.layer_calls import BATCH_SIZE, layer_calls
from nncompress_lab.models.magnitudes import ordinary
from nncompress_lab.models.patches import (
    Array,
    einsum_rows,
    has_einsum_rows,
    image_patches,
)

Floats = npt.NDArray[np.float64]
ByKernel = dict[str, dict[str, Floats]]


@dataclass(frozen=True, eq=False)
class LayerInput:
    """The inputs of one kernel in one batch, as rows of matrices.

    Args:
        path: Of the layer, as in `KernelLayer`.
        kernel_name: Which of its kernels.
        rows: float32, shape `(groups, n, rows)`, zeros where an input is known to be
            padding. `rows` is the kernel's size along the axes that are summed over, in
            the order of the kernel: the rows of its matrix view. `n` counts examples,
            output pixels and tokens. Of the `channels` columns of the matrix view the
            first `channels // groups` see the first matrix, and so on; there is one
            group except in grouped and depthwise convolutions and where an EinsumDense
            has an axis in input, kernel and output.
    """

    path: str
    kernel_name: str
    rows: Array


def layer_inputs(
    model: keras.Model,
    layers: Sequence[KernelLayer],
    x: Any,
    *,
    batch_size: int = BATCH_SIZE,
) -> Iterator[LayerInput]:
    """The inputs of the kernels of some layers, batch by batch.

    In inference mode, `rows @ matrix` plus the bias is what the layer computes before its
    activation. A layer that is used several times comes several times a batch.

    Args:
        model: A built model. It is not changed.
        layers: Layers of that model, as `select` returns them.
        x: Inputs of the model as `Data` takes them, or `Data`.
        batch_size: Examples whose activations are held at once.

    Yields:
        The inputs, by batch, in the order in which the layers run.

    Raises:
        ValueError: If the inputs of a kernel have no rows (see `has_input_rows`).
    """
    for layer in layers:
        for name in layer.kernel_names:
            if not has_input_rows(layer.layer, name):
                raise ValueError(
                    f"The inputs of {layer.path} ({layer.type_name}) cannot be written "
                    "as rows of a matrix. Leave the layer out of the selection."
                )
    for call in layer_calls(model, layers, x, batch_size=batch_size):
        layer = call.layer
        for name in layer.kernel_names:
            yield LayerInput(layer.path, name, _rows(layer.layer, name, call.zeroed))


def input_second_moments(
    model: keras.Model,
    layers: Sequence[KernelLayer],
    x: Any,
    *,
    batch_size: int = BATCH_SIZE,
) -> ByKernel:
    """Sums of the outer products of each kernel's inputs: `rows.T @ rows`.

    The squared error that a change of the kernel makes in the layer's outputs is a
    quadratic form of these matrices, whatever the number of examples.

    Args:
        model: A built model. It is not changed.
        layers: Layers of that model.
        x: Inputs of the model as `Data` takes them, or `Data`.
        batch_size: Examples whose activations are held at once.

    Returns:
        By path and kernel name: float64, shape `(groups, rows, rows)`, laid out as in
        `LayerInput`; symmetric. Each batch is multiplied in float32.
    """

    def moment(rows: Array) -> Array:
        (near_one,), exponent = ordinary([rows])
        products = np.stack([one.T @ one for one in near_one])
        moments: Array = np.ldexp(products.astype(np.float64), 2 * exponent)
        return moments

    return _summed(moment, layer_inputs(model, layers, x, batch_size=batch_size))


def input_norms(
    model: keras.Model,
    layers: Sequence[KernelLayer],
    x: Any,
    *,
    batch_size: int = BATCH_SIZE,
) -> ByKernel:
    """The Euclidean norm of each input of each kernel, over all examples and positions.

    These are the roots of the diagonals of `input_second_moments`, for a fraction of the
    work.

    Args:
        model: A built model. It is not changed.
        layers: Layers of that model.
        x: Inputs of the model as `Data` takes them, or `Data`.
        batch_size: Examples whose activations are held at once.

    Returns:
        By path and kernel name: float64, shape `(groups, rows)`.
    """

    def squares(rows: Array) -> Array:
        (near_one,), exponent = ordinary([rows])
        sums = np.einsum("gnr,gnr->gr", near_one, near_one)
        squared: Array = np.ldexp(sums.astype(np.float64), 2 * exponent)
        return squared

    sums = _summed(squares, layer_inputs(model, layers, x, batch_size=batch_size))
    return {
        path: {name: np.sqrt(one) for name, one in kernels.items()}
        for path, kernels in sums.items()
    }


def has_input_rows(layer: Any, kernel_name: str) -> bool:
    """Whether the inputs of a kernel can be written as rows.

    Not those of an Embedding, which looks up and multiplies nothing, of a recurrent cell,
    which is called in a loop, nor of an EinsumDense with an unusual equation.
    """
    names = keras_classes(layer)
    if "EinsumDense" in names:
        return has_einsum_rows(layer.equation)
    return "Embedding" not in names and not is_recurrent(layer)


def _summed(
    function: Callable[[Array], Array], inputs: Iterator[LayerInput]
) -> ByKernel:
    sums: ByKernel = {}
    for one in inputs:
        if not np.isfinite(one.rows).all():
            raise ValueError(
                f"What goes into the layer {one.path!r} must be finite. Received: some of "
                "it is NaN or infinite, because weights before it are, or are too large "
                "for their type. Look at those, or train the model again."
            )
        value = function(one.rows).astype(np.float64)
        kernels = sums.setdefault(one.path, {})
        kernels[one.kernel_name] = kernels.get(one.kernel_name, 0.0) + value
    return sums


def _rows(layer: Any, kernel_name: str, inputs: Array) -> Array:
    names = keras_classes(layer)
    if "EinsumDense" in names:
        return einsum_rows(inputs, layer.equation)
    if "Dense" in names:
        return inputs.reshape(1, -1, inputs.shape[-1])
    if layer.data_format == "channels_first":
        inputs = np.moveaxis(inputs, 1, -1)
    if "BaseConvTranspose" in names:
        return _transposed_rows(layer, inputs)
    patches = image_patches(
        inputs,
        kernel_size=layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        dilation=layer.dilation_rate,
    )
    count, taps, channels = patches.shape
    if "BaseSeparableConv" in names and kernel_name == "pointwise_kernel":
        depthwise = to_numpy(layer.depthwise_kernel).reshape(taps, channels, -1)
        between: Array = np.einsum("ntc,tcm->ncm", patches, depthwise)
        return between.reshape(1, count, -1)
    if "BaseConv" not in names:  # depthwise: each channel by itself
        return patches.transpose(2, 0, 1)
    grouped = patches.reshape(count, taps, layer.groups, -1)
    return grouped.transpose(2, 0, 1, 3).reshape(layer.groups, count, -1)


def _transposed_rows(layer: Any, inputs: Array) -> Array:
    """The layer's own operation tells its rows, when the kernel is the identity."""
    taps, channels = int(np.prod(layer.kernel_size)), inputs.shape[-1]
    identity = np.eye(taps * channels, dtype=np.float32)
    kernel = identity.reshape(*layer.kernel_size, channels, -1).swapaxes(-1, -2)
    outputs = ops.conv_transpose(
        inputs,
        np.ascontiguousarray(kernel),
        strides=list(layer.strides),
        padding=layer.padding,
        output_padding=layer.output_padding,
        dilation_rate=layer.dilation_rate,
        data_format="channels_last",
    )
    return to_numpy(outputs).reshape(1, -1, taps * channels)
