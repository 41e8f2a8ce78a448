"""Keras layers that train float kernels and compute with their rounded values.

Each class is the Keras layer of the same name whose `kernel` is rounded each time that it
is used. They exist while a model trains through its own rounding; what is returned then
stores integers or codes.

The classes are registered with Keras, because an attention layer keeps what stands in for
its projections by configuration.
"""

from typing import Any

import keras
from keras import ops

from nncompress_lab.quantization.layers.rounding import Arrays, config_of, rounding_of
from nncompress_lab.quantization.layers.stored import ComputedKernels, computed_classes


class RoundedKernels(ComputedKernels):
    """Makes a Keras layer round its kernels; comes before it in the bases.

    Args:
        *args: Of the Keras layer.
        rounding: Fields of an `EvenRounding` or a `TableRounding` and of its format.
        **kwargs: Of the Keras layer.
    """

    setting = "rounding"

    def __init__(self, *args: Any, rounding: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rounding: Any = rounding_of(rounding)

    @property
    def kernel_format(self) -> Any:
        """How the kernels are stored in the end."""
        return self.rounding.format

    def add_parts(self, name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Create the floats of a kernel, and what trains beside them."""
        variables = {"floats": self.add_weight(**{**kwargs, "name": f"{name}_floats"})}
        if self.rounding.rate:
            floats = variables["floats"]
            floats.regularizer = PriceOfBits(self, name, then=floats.regularizer)
        for part, shape in self.rounding.shapes(self.views[name]).items():
            variables[part] = self.add_weight(
                name=f"{name}_{part}", shape=shape, initializer="zeros"
            )
        return variables

    def compute_kernel(self, name: str) -> Any:
        """The kernel as what is stored will stand for it, with a gradient."""
        view = self.views[name]
        rounded = self.rounding.rounded(view, self._grouped(name), self._trained(name))
        return view.kernel(rounded, xp=ops)

    def arrays_to_store(self, name: str) -> Arrays:
        """What the rounded kernel is stored as, in the format of the rounding."""
        view, weights = self.views[name], self._grouped(name)
        arrays: Arrays = self.rounding.stored(view, weights, self._trained(name))
        return arrays

    def bits(self, name: str) -> Any:
        """What the codes of a kernel take in an entropy-coded file, with a gradient."""
        view, weights = self.views[name], self._grouped(name)
        return self.rounding.bits(view, weights, self._trained(name))

    def get_config(self) -> dict[str, Any]:
        """The Keras layer's configuration and how its kernels are rounded."""
        return {**super().get_config(), "rounding": config_of(self.rounding)}

    def _trained(self, name: str) -> dict[str, Any]:
        """What a kernel is rounded with, if it trains."""
        parts = self.stored_kernel(name)
        return {part: parts[part] for part in parts if part != "floats"}

    def _grouped(self, name: str) -> Any:
        view, floats = self.views[name], self.stored_kernel(name)["floats"]
        kernel = ops.cast(ops.convert_to_tensor(floats), "float32")
        matrix = ops.reshape(ops.transpose(kernel, view.order), (view.rows, -1))
        missing = view.groups * view.group_size - view.rows
        padded = ops.pad(matrix, ((0, missing), (0, 0)))
        return ops.reshape(padded, view.grouped_shape)


class PriceOfBits(keras.regularizers.Regularizer):
    """Adds what the bits of a kernel's codes are worth to the loss of a model.

    Args:
        layer: That has the kernel; its rounding says what a bit is worth.
        name: Of the kernel.
        then: A regularizer of the floats to add, if any.
    """

    def __init__(self, layer: RoundedKernels, name: str, *, then: Any = None) -> None:
        self.layer = layer
        self.name = name
        self.then = then

    def __call__(self, floats: Any) -> Any:
        """In units of the loss."""
        price = self.layer.rounding.rate * self.layer.bits(self.name)
        return price if self.then is None else price + self.then(floats)


ROUNDED = computed_classes(RoundedKernels, "Rounded")
