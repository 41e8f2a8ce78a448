"""Keras layers that train float kernels and compute with their rounded values.

Each class is the Keras layer of the same name whose `kernel` is rounded each time that it
is used. They exist while `QuantizationAwareTraining` trains; what it returns stores
integers.

The classes are registered with Keras, because an attention layer keeps what stands in for
its projections by configuration.
"""

import dataclasses
from typing import Any

import keras
from keras import layers, ops

from nncompress_lab.kernels import channel_axes, kernel_names
from nncompress_lab.quantization.fake_quantize import params_of_tensors
from nncompress_lab.quantization.kernel_format import KernelFormat, KernelView
from nncompress_lab.quantization.layers import QUANTIZED

LARGEST_EXPONENT = 50.0  # of a learned scale and its inverse, whose squares are finite


class RoundedKernels(layers.Layer):
    """Makes a Keras layer round its kernels; comes before it in the bases.

    In training the gradient passes through the rounding as if it were not there, and is 0
    for weights beyond the range (a straight-through estimator).

    Args:
        *args: Of the Keras layer.
        rounding: Fields of a `KernelFormat`.
        learned: Whether the scale trains, or follows the largest weight. What trains is
            its logarithm to the base 2: an optimizer like Adam, whose steps do not depend
            on the size of a gradient, then changes large and small scales alike.
        **kwargs: Of the Keras layer.

    References:
        Bengio, Léonard, Courville, "Estimating or Propagating Gradients Through
        Stochastic Neurons for Conditional Computation", 2013, section 4.
        https://arxiv.org/abs/1308.3432
        The learned scale: Esser et al., "Learned Step Size Quantization", ICLR 2020,
        section 2. https://arxiv.org/abs/1902.08153
        Its logarithm: Jain, Gural, Wu, Dick, "Trained Quantization Thresholds for Accurate
        and Efficient Fixed-Point Inference of Deep Neural Networks", MLSys 2020, appendix
        B. https://arxiv.org/abs/1903.08066
    """

    def __init__(
        self, *args: Any, rounding: dict[str, Any], learned: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.rounding = KernelFormat(**rounding)
        self.learned = learned
        self.views: dict[str, KernelView] = {}

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """As in Keras; a kernel is kept under another name, with a scale if it trains."""
        variable = super().add_weight(*args, **kwargs)
        name = kwargs.get("name")
        if name not in kernel_names(self):
            return variable
        shape = tuple(kwargs["shape"])
        view = self.rounding.view(shape, channel_axes(self, name, len(shape)))
        self.views[name] = view
        setattr(self, f"{name}_floats", variable)
        if self.learned:
            exponent = super().add_weight(
                name=f"{name}_log2_scale", shape=view.params_shape, initializer="zeros"
            )
            setattr(self, f"{name}_log2_scale", exponent)
        return None

    def stored_kernel(self, name: str) -> dict[str, Any]:
        """The variables that make up a kernel: the floats, and a scale that trains."""
        learned = {"log2_scale": self.log2_scale(name)} if self.learned else {}
        return {"floats": self.float_kernel(name), **learned}

    def float_kernel(self, name: str) -> Any:
        """The variable that trains."""
        return getattr(self, f"{name}_floats")

    def log2_scale(self, name: str) -> Any:
        """The variable that trains the scale."""
        return getattr(self, f"{name}_log2_scale")

    def scale_and_zero_point(self, name: str) -> tuple[Any, Any]:
        """What the kernel is rounded with now, float tensors of `params_shape`."""
        if self.learned:
            exponent = ops.cast(ops.convert_to_tensor(self.log2_scale(name)), "float32")
            limited = ops.clip(exponent, -LARGEST_EXPONENT, LARGEST_EXPONENT)
            return ops.power(2.0, limited), ops.zeros_like(limited)
        view = self.views[name]
        axis = (0, 1, 2) if view.granularity == "per_tensor" else (1,)
        weights = ops.stop_gradient(self._grouped(name))
        lowest = ops.minimum(ops.min(weights, axis=axis, keepdims=True), 0.0)
        highest = ops.maximum(ops.max(weights, axis=axis, keepdims=True), 0.0)
        _, qmax = self.rounding.integers
        return params_of_tensors(
            lowest, highest, qmax=qmax, symmetric=self.rounding.symmetric
        )

    def rounded_kernel(self, name: str) -> Any:
        """The kernel as its integers stand for it, with a gradient."""
        if name not in self.views:
            raise AttributeError(
                f"Build layer {self.name!r} before its {name} is read."
            )
        weights, view = self._grouped(name), self.views[name]
        scale, zero_point = self.scale_and_zero_point(name)
        qmin, qmax = self.rounding.integers
        steps = ops.clip(weights / scale, qmin - zero_point, qmax - zero_point)
        whole = _with_gradient_of(ops.round(steps), steps)
        kernel = view.kernel(scale * whole, xp=ops)
        return ops.cast(kernel, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The Keras layer's configuration and how its kernels are rounded."""
        rounding = dataclasses.asdict(self.rounding)
        return {**super().get_config(), "rounding": rounding, "learned": self.learned}

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


def _with_gradient_of(value: Any, source: Any) -> Any:
    """Exactly `value`, which trains as if it were `source`."""
    return ops.stop_gradient(value) + (source - ops.stop_gradient(source))


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
