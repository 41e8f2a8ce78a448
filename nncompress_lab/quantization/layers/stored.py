"""Keras layers whose kernels are stored as integers and decoded when they are used.

Every class is the Keras layer of the same name with one change: instead of the float
kernel it has integers (`kernel_q`) with their scales and, if affine, zero points, or codes
with the tables that they point into. The layer computes with the decoded floats, so it runs
on every backend. It keeps them from its first call, with which it is as fast as before and
takes more memory; `keep_decoded` in `kept` is the choice. What shrinks is the file.

The classes are registered with Keras when `nncompress_lab` is imported. This module
and `kept` import no other module of the library that needs Keras, because they are loaded
the moment that Keras is.
"""

import dataclasses
from functools import partial
from typing import Any, ClassVar

import keras
from keras import layers, ops

from nncompress_lab.models.convolutional_cell import KERAS_CELL, ConvLSTMCell
from nncompress_lab.models.kernels import KERNELS, channel_axes, kernel_names
from nncompress_lab.quantization.arrays.codebook_format import format_of
from nncompress_lab.quantization.layers.kept import KeptKernel, StoredPart, kept_kernel

UNUSED = ("initializer", "regularizer", "constraint")


class ComputedKernels(layers.Layer):
    """Makes a Keras layer compute its kernels from other variables when they are used.

    Comes before the Keras layer in the bases; `computed_classes` makes such classes.

    Args:
        *args: Of the Keras layer.
        **kwargs: Of the Keras layer, and how its kernels are computed, under the name
            that `setting` says.
    """

    keras_class: ClassVar[Any]
    setting: ClassVar[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.views: dict[str, Any] = {}
        self.parts: dict[str, tuple[str, ...]] = {}

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """As in Keras; for a kernel it creates the variables that make it up instead."""
        name = kwargs.get("name")
        if name not in kernel_names(self):
            return super().add_weight(*args, **kwargs)
        shape = tuple(kwargs["shape"])
        axes = channel_axes(self, name, len(shape))
        self.views[name] = self.kernel_format.view(shape, axes)
        variables = self.add_parts(name, kwargs)
        for part, variable in variables.items():
            setattr(self, f"{name}_{part}", variable)
        self.parts[name] = tuple(variables)
        return None

    @property
    def kernel_format(self) -> Any:
        """The `Format` that says how a kernel is cut up."""
        raise NotImplementedError

    def add_parts(self, name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Create the variables that make up a kernel, by part.

        Args:
            name: Of the kernel.
            kwargs: With which the Keras layer creates it.
        """
        raise NotImplementedError

    def stored_kernel(self, name: str) -> dict[str, Any]:
        """The variables that make up a kernel, by part."""
        return {part: getattr(self, f"{name}_{part}") for part in self.parts[name]}

    def compute_kernel(self, name: str) -> Any:
        """A kernel as a float tensor."""
        raise NotImplementedError

    def read_kernel(self, name: str) -> Any:
        """A kernel as a float tensor, computed now or kept since it was."""
        return self.compute_kernel(name)

    # Dense and Conv override these two and would look for a float kernel.
    def save_own_variables(self, store: Any) -> None:
        """Store every variable under its position, as the base layer does."""
        layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Any) -> None:
        """Load every variable from its position, as the base layer does."""
        layers.Layer.load_own_variables(self, store)


class QuantizedKernels(ComputedKernels):
    """Makes a Keras layer store its kernels as integers; comes before it in the bases.

    Args:
        *args: Of the Keras layer.
        quantization: Fields of a `KernelFormat` or a `CodebookFormat`.
        **kwargs: Of the Keras layer.
    """

    setting = "quantization"

    def __init__(self, *args: Any, quantization: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.quantization = format_of(quantization)
        self.kept: dict[str, KeptKernel] = {}

    @property
    def kernel_format(self) -> Any:
        """How the kernels are stored."""
        return self.quantization

    def add_parts(self, name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Create the variables that hold a kernel: q and scale, or q and table."""
        variables = {}
        for part, (shape, dtype) in self.views[name].stored.items():
            variables[part] = StoredPart(
                "zeros",
                name=f"{name}_{part}",
                shape=shape,
                dtype=dtype,
                trainable=part == "table",
                autocast=False,
            )
            self._track_variable(variables[part])
            # TensorFlow follows only what was made trainable: a table can be made to
            # train (see FineTuneCodebook), and does not unless it is.
            variables[part].trainable = False
        self.kept[name] = kept_kernel(variables, partial(self.compute_kernel, name))
        return variables

    def read_kernel(self, name: str) -> Any:
        """A kernel, decoded now or kept since it was; see `keep_decoded`."""
        return self.kept[name].read()

    def compute_kernel(self, name: str) -> Any:
        """A kernel, decoded."""
        stored = {
            part: ops.convert_to_tensor(variable)
            for part, variable in self.stored_kernel(name).items()
        }
        return self.views[name].decode(stored, xp=ops)

    def get_config(self) -> dict[str, Any]:
        """The Keras layer's configuration and the format of the kernels."""
        config = {
            key: value
            for key, value in super().get_config().items()
            if not key.endswith(UNUSED) or key.startswith(("bias", "activity"))
        }
        return {**config, "quantization": dataclasses.asdict(self.quantization)}


def computed_classes(mixin: type[ComputedKernels], prefix: str) -> dict[type, Any]:
    """For each Keras layer with kernels a class that computes them, known to Keras.

    Args:
        mixin: How they are computed.
        prefix: Of the names, before that of the Keras layer.
    """
    made: dict[type, Any] = {}
    for name, kernels in KERNELS.items():
        keras_class = getattr(layers, name, ConvLSTMCell)  # which Keras does not export
        attributes = {
            **{kernel: _computed(kernel) for kernel in kernels},
            "keras_class": keras_class,
            "__doc__": f"{name} with {prefix.lower()} kernels.",
            "__module__": mixin.__module__,
        }
        made[keras_class] = keras.saving.register_keras_serializable("nncompress_lab")(
            type(f"{prefix}{name}", (mixin, keras_class), attributes)
        )
    made[KERAS_CELL] = made[ConvLSTMCell]
    return made


def _computed(name: str) -> property:
    """A kernel attribute; what Keras's `build` assigns to it is dropped."""

    def get(layer: Any) -> Any:
        if name not in layer.parts:
            raise AttributeError(
                f"Build layer {layer.name!r} before its {name} is read."
            )
        return ops.cast(layer.read_kernel(name), layer.compute_dtype)

    def drop(layer: Any, value: Any) -> None:
        pass

    return property(get, drop)


QUANTIZED = computed_classes(QuantizedKernels, "Quantized")
# Also found by their names, as pickle looks for classes.
globals().update({one.__name__: one for one in QUANTIZED.values()})
