"""Keras layers that train float kernels and compute with their rounded values.

Each class is the Keras layer of the same name whose `kernel` is rounded each time that it
is used. They exist while a model trains through its own rounding; what is returned then
stores integers or codes.

The classes are registered with Keras, because an attention layer keeps what stands in for
its projections by configuration.
"""

from typing import Any

import keras
from keras import layers, ops

from nncompress_lab.models.kernels import channel_axes, kernel_names
from nncompress_lab.quantization.layers.rounding import Arrays, config_of, rounding_of
from nncompress_lab.quantization.layers.stored import QUANTIZED


class RoundedKernels(layers.Layer):
    """Makes a Keras layer round its kernels; comes before it in the bases.

    Args:
        *args: Of the Keras layer.
        rounding: Fields of an `EvenRounding` or a `TableRounding` and of its format.
        **kwargs: Of the Keras layer.
    """

    def __init__(self, *args: Any, rounding: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rounding: Any = rounding_of(rounding)
        self.views: dict[str, Any] = {}

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """As in Keras; a kernel is kept under another name, beside what trains with it."""
        variable = super().add_weight(*args, **kwargs)
        name = kwargs.get("name")
        if name not in kernel_names(self):
            return variable
        shape = tuple(kwargs["shape"])
        view = self.rounding.format.view(shape, channel_axes(self, name, len(shape)))
        self.views[name] = view
        setattr(self, f"{name}_floats", variable)
        for part, part_shape in self.rounding.shapes(view).items():
            trained = super().add_weight(
                name=f"{name}_{part}", shape=part_shape, initializer="zeros"
            )
            setattr(self, f"{name}_{part}", trained)
        return None

    def stored_kernel(self, name: str) -> dict[str, Any]:
        """The variables that make up a kernel: the floats, and what trains beside them."""
        return {"floats": self.float_kernel(name), **self.trained_beside(name)}

    def float_kernel(self, name: str) -> Any:
        """The variable that holds the weights."""
        return getattr(self, f"{name}_floats")

    def trained_beside(self, name: str) -> dict[str, Any]:
        """The variables that a kernel is rounded with, if they train."""
        parts = self.rounding.shapes(self.views[name])
        return {part: getattr(self, f"{name}_{part}") for part in parts}

    def rounded_kernel(self, name: str) -> Any:
        """The kernel as what is stored will stand for it, with a gradient."""
        if name not in self.views:
            raise AttributeError(
                f"Build layer {self.name!r} before its {name} is read."
            )
        view, trained = self.views[name], self.trained_beside(name)
        rounded = self.rounding.rounded(view, self._grouped(name), trained)
        return ops.cast(view.kernel(rounded, xp=ops), self.compute_dtype)

    def arrays_to_store(self, name: str) -> Arrays:
        """What the rounded kernel is stored as, in the format of the rounding."""
        view, trained = self.views[name], self.trained_beside(name)
        arrays: Arrays = self.rounding.stored(view, self._grouped(name), trained)
        return arrays

    def get_config(self) -> dict[str, Any]:
        """The Keras layer's configuration and how its kernels are rounded."""
        return {**super().get_config(), "rounding": config_of(self.rounding)}

    # Dense and Conv override these two and would look for their own kernel.
    def save_own_variables(self, store: Any) -> None:
        """Store every variable under its position, as the base layer does."""
        layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Any) -> None:
        """Load every variable from its position, as the base layer does."""
        layers.Layer.load_own_variables(self, store)

    def _grouped(self, name: str) -> Any:
        view = self.views[name]
        kernel = ops.cast(ops.convert_to_tensor(self.float_kernel(name)), "float32")
        matrix = ops.reshape(ops.transpose(kernel, view.order), (view.rows, -1))
        missing = view.groups * view.group_size - view.rows
        padded = ops.pad(matrix, ((0, missing), (0, 0)))
        return ops.reshape(padded, view.grouped_shape)


def _rounded(name: str) -> property:
    """A kernel attribute that rounds; what Keras's `build` assigns to it is dropped."""

    def get(layer: Any) -> Any:
        return layer.rounded_kernel(name)

    def drop(layer: Any, value: Any) -> None:
        pass

    return property(get, drop)


def _class_for(kind: type, names: tuple[str, ...]) -> Any:
    name = f"Rounded{kind.__name__}"
    attributes: dict[str, Any] = {one: _rounded(one) for one in names}
    attributes["__doc__"] = f"{kind.__name__} that computes with rounded kernels."
    attributes["__module__"] = __name__
    made = type(name, (RoundedKernels, kind), attributes)
    return keras.saving.register_keras_serializable(package="nncompress_lab")(made)


ROUNDED: dict[type, Any] = {
    kind: _class_for(kind, quantized.kernel_names)
    for kind, quantized in QUANTIZED.items()
}
