"""A Keras layer that rounds its input as an integer runtime would, and passes floats on.

It says what a model's accuracy will be when activations are integers, and holds the range
that an integer runtime has to know. It makes nothing smaller or faster by itself.

The class is registered with Keras when `nncompress_lab` is imported. This module imports no
other module of the library that needs Keras, because it is loaded the moment that Keras is.
"""

from typing import Any

import keras
from keras import layers, ops

from nncompress_lab.quantization.arrays.affine import (
    integer_range,
    scale_and_zero_point,
)


@keras.saving.register_keras_serializable(package="nncompress_lab")
class FakeQuantize(layers.Layer):
    """Rounds its input to `scale * (q - zero_point)` with integers q of `bits` bits.

    In training the gradient passes as if nothing were rounded, and is 0 where the range
    clips (a straight-through estimator).

    Args:
        bits: Width of the integers, 2 to 8.
        symmetric: Whether the integers mirror around 0 and `zero_point` is 0.
        dynamic: Whether each example has its own range, from its smallest to its largest
            number, instead of the stored one.
        **kwargs: Of a Keras layer.

    References:
        Jacob et al., "Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference", CVPR 2018, section 3.
        https://arxiv.org/abs/1712.05877
    """

    def __init__(
        self,
        bits: int = 8,
        *,
        symmetric: bool = False,
        dynamic: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bits = bits
        self.symmetric = symmetric
        self.dynamic = dynamic
        self.qmin, self.qmax = integer_range(bits=bits, symmetric=symmetric)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make `scale` and `zero_point`, unless the range is dynamic."""
        if not self.dynamic:
            self.scale = self._number("scale", "ones", "float32")
            self.zero_point = self._number("zero_point", "zeros", "uint8")

    def call(self, inputs: Any) -> Any:
        """The input, rounded."""
        x = ops.cast(inputs, "float32")
        scale, zero_point = self._range_of(x) if self.dynamic else self._stored_range()
        lowest, highest = self.qmin - zero_point, self.qmax - zero_point
        steps = ops.clip(ops.round(x / scale), lowest, highest)
        inside = ops.clip(x, scale * lowest, scale * highest)
        rounded = ops.stop_gradient(scale * steps)
        return ops.cast(straight_through(rounded, inside), inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Width, symmetry, and whether the range is dynamic."""
        return {
            **super().get_config(),
            "bits": self.bits,
            "symmetric": self.symmetric,
            "dynamic": self.dynamic,
        }

    def _number(self, name: str, initializer: str, dtype: str) -> Any:
        return self.add_weight(
            name=name,
            shape=(),
            dtype=dtype,
            initializer=initializer,
            trainable=False,
            autocast=False,
        )

    def _stored_range(self) -> tuple[Any, Any]:
        zero_point = ops.convert_to_tensor(self.zero_point)
        return ops.convert_to_tensor(self.scale), ops.cast(zero_point, "float32")

    def _range_of(self, x: Any) -> tuple[Any, Any]:
        """Scale and zero point of each example, as `affine_params` computes them."""
        axes = tuple(range(1, len(x.shape)))
        x = ops.stop_gradient(x)
        return scale_and_zero_point(
            ops.min(x, axis=axes, keepdims=True),
            ops.max(x, axis=axes, keepdims=True),
            qmax=self.qmax,
            symmetric=self.symmetric,
            xp=ops,
        )


def straight_through(value: Any, source: Any) -> Any:
    """Exactly `value`, with the gradient of `source` beside its own."""
    return value + (source - ops.stop_gradient(source))
