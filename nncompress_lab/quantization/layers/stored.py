"""Keras layers whose kernels are stored as integers and decoded when they are used.

Every class is the Keras layer of the same name with one change: instead of the float
kernel it has integers (`kernel_q`) with their scales and, if affine, zero points, or codes
with the tables that they point into. The layer computes with the decoded floats, so it runs
on every backend and is as fast as before; what shrinks is the memory and the file.

The classes are registered with Keras when `nncompress_lab` is imported. This module
imports no other module of the library that needs Keras, because it is loaded the moment
that Keras is.
"""

import dataclasses
from typing import Any, ClassVar

import keras
from keras import layers, ops

from nncompress_lab.models.kernels import channel_axes
from nncompress_lab.quantization.arrays.formats import Format, View, format_of

UNUSED = ("initializer", "regularizer", "constraint")


def _decoded(name: str) -> property:
    """A kernel attribute that decodes; what Keras's `build` assigns to it is dropped."""

    def get(layer: Any) -> Any:
        return layer.decoded_kernel(name)

    def drop(layer: Any, value: Any) -> None:
        pass

    return property(get, drop)


class QuantizedKernels(layers.Layer):
    """Makes a Keras layer store its kernels as integers; comes before it in the bases.

    Args:
        *args: Of the Keras layer.
        quantization: Fields of a `KernelFormat` or a `CodebookFormat`.
        **kwargs: Of the Keras layer.
    """

    kernel_names: ClassVar[tuple[str, ...]] = ("kernel",)

    def __init__(self, *args: Any, quantization: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.quantization = format_of(quantization)
        self.views: dict[str, View] = {}

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """As in Keras; for a kernel it creates the integer variables instead."""
        name = kwargs.get("name")
        if name not in self.kernel_names:
            return super().add_weight(*args, **kwargs)
        shape = tuple(kwargs["shape"])
        axes = channel_axes(self, name, len(shape))
        self.views[name] = self.quantization.view(shape, axes)
        for part, (part_shape, dtype) in self.views[name].stored.items():
            variable = super().add_weight(
                name=f"{name}_{part}",
                shape=part_shape,
                dtype=dtype,
                initializer="zeros",
                trainable=part == "table",
                autocast=False,
            )
            # TensorFlow follows only what was made trainable: a table can be made to
            # train (see FineTuneCodebook), and does not unless it is.
            variable.trainable = False
            setattr(self, f"{name}_{part}", variable)
        return None

    def stored_kernel(self, name: str) -> dict[str, Any]:
        """The variables that hold a kernel, by part: q and scale, or q and table."""
        return {
            part: getattr(self, f"{name}_{part}") for part in self.views[name].stored
        }

    def decoded_kernel(self, name: str) -> Any:
        """A kernel as a float tensor in the layer's compute dtype."""
        if name not in self.views:
            raise AttributeError(
                f"Build layer {self.name!r} before its {name} is read."
            )
        stored = {
            part: ops.convert_to_tensor(variable)
            for part, variable in self.stored_kernel(name).items()
        }
        kernel = self.views[name].decode(stored, xp=ops)
        return ops.cast(kernel, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The Keras layer's configuration and the format of the kernels."""
        config = {
            key: value
            for key, value in super().get_config().items()
            if not key.endswith(UNUSED) or key.startswith(("bias", "activity"))
        }
        return {**config, "quantization": dataclasses.asdict(self.quantization)}

    # Dense and Conv override these two and would look for a float kernel.
    def save_own_variables(self, store: Any) -> None:
        """Store every variable under its position, as the base layer does."""
        layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Any) -> None:
        """Load every variable from its position, as the base layer does."""
        layers.Layer.load_own_variables(self, store)


register = keras.saving.register_keras_serializable(package="nncompress_lab")


@register
class QuantizedDense(QuantizedKernels, layers.Dense):
    """Dense with integer weights."""

    kernel = _decoded("kernel")


@register
class QuantizedEinsumDense(QuantizedKernels, layers.EinsumDense):
    """EinsumDense with integer weights."""

    kernel = _decoded("kernel")


@register
class QuantizedConv1D(QuantizedKernels, layers.Conv1D):
    """Conv1D with integer weights."""

    kernel = _decoded("kernel")


@register
class QuantizedConv2D(QuantizedKernels, layers.Conv2D):
    """Conv2D with integer weights."""

    kernel = _decoded("kernel")


@register
class QuantizedConv3D(QuantizedKernels, layers.Conv3D):
    """Conv3D with integer weights."""

    kernel = _decoded("kernel")


@register
class QuantizedConv1DTranspose(QuantizedKernels, layers.Conv1DTranspose):
    """Conv1DTranspose with integer weights."""

    kernel = _decoded("kernel")


@register
class QuantizedConv2DTranspose(QuantizedKernels, layers.Conv2DTranspose):
    """Conv2DTranspose with integer weights."""

    kernel = _decoded("kernel")


@register
class QuantizedConv3DTranspose(QuantizedKernels, layers.Conv3DTranspose):
    """Conv3DTranspose with integer weights."""

    kernel = _decoded("kernel")


@register
class QuantizedDepthwiseConv1D(QuantizedKernels, layers.DepthwiseConv1D):
    """DepthwiseConv1D with integer weights."""

    kernel = _decoded("kernel")


@register
class QuantizedDepthwiseConv2D(QuantizedKernels, layers.DepthwiseConv2D):
    """DepthwiseConv2D with integer weights."""

    kernel = _decoded("kernel")


@register
class QuantizedSeparableConv1D(QuantizedKernels, layers.SeparableConv1D):
    """SeparableConv1D with integer weights in both of its kernels."""

    kernel_names = ("depthwise_kernel", "pointwise_kernel")
    depthwise_kernel = _decoded("depthwise_kernel")
    pointwise_kernel = _decoded("pointwise_kernel")


@register
class QuantizedSeparableConv2D(QuantizedKernels, layers.SeparableConv2D):
    """SeparableConv2D with integer weights in both of its kernels."""

    kernel_names = ("depthwise_kernel", "pointwise_kernel")
    depthwise_kernel = _decoded("depthwise_kernel")
    pointwise_kernel = _decoded("pointwise_kernel")


@register
class QuantizedEmbedding(QuantizedKernels, layers.Embedding):
    """Embedding with integer rows."""

    kernel_names = ("embeddings",)
    embeddings = _decoded("embeddings")


QUANTIZED: dict[type, Any] = {
    layers.Dense: QuantizedDense,
    layers.EinsumDense: QuantizedEinsumDense,
    layers.Conv1D: QuantizedConv1D,
    layers.Conv2D: QuantizedConv2D,
    layers.Conv3D: QuantizedConv3D,
    layers.Conv1DTranspose: QuantizedConv1DTranspose,
    layers.Conv2DTranspose: QuantizedConv2DTranspose,
    layers.Conv3DTranspose: QuantizedConv3DTranspose,
    layers.DepthwiseConv1D: QuantizedDepthwiseConv1D,
    layers.DepthwiseConv2D: QuantizedDepthwiseConv2D,
    layers.SeparableConv1D: QuantizedSeparableConv1D,
    layers.SeparableConv2D: QuantizedSeparableConv2D,
    layers.Embedding: QuantizedEmbedding,
}


def quantized_shell(layer: Any, format_: Format) -> Any:
    """The quantized counterpart of a built layer, built but with zeros as weights."""
    config = {**layer.get_config(), "quantization": dataclasses.asdict(format_)}
    shell = QUANTIZED[type(layer)].from_config(config)
    shell.build_from_config(layer.get_build_config())
    return shell
