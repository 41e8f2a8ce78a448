"""How a kernel is rounded while it trains, and what is stored in the end.

Two kinds: to evenly spaced values, which become integers with scales, and to the nearest
value of a table, which become codes. Each says what trains beside the float weights, and
rounds them with `keras.ops`, with a gradient.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.quantization.arrays.affine import (
    AffineParams,
    quantize,
    scale_and_zero_point,
)
from nncompress_lab.quantization.arrays.clipping import Clipping
from nncompress_lab.quantization.arrays.codebook_format import (
    CodebookFormat,
    CodebookView,
    format_of,
)
from nncompress_lab.quantization.arrays.integer_format import KernelFormat, KernelView
from nncompress_lab.quantization.layers.bits_of_codes import bits_of_codes
from nncompress_lab.quantization.layers.fake_quantize import straight_through

Arrays = dict[str, npt.NDArray[Any]]
Trained = dict[str, Any]  # variables of the layer, by name
Shapes = dict[str, tuple[int, ...]]

LARGEST_EXPONENT = 50.0  # of a learned scale and its inverse, whose squares are finite


@dataclass(frozen=True)
class EvenRounding:
    """Rounding to the integers of a format, times a scale.

    The gradient passes through the rounding as if it were not there, and is 0 for weights
    beyond the range (a straight-through estimator).

    Args:
        format: Of the integers.
        learned: Whether the scale trains, or follows the largest weight. What trains is
            its logarithm to the base 2: an optimizer like Adam, whose steps do not depend
            on the size of a gradient, then changes large and small scales alike.
        rate: What a bit of the codes is worth, in units of the loss; 0 for nothing.

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

    format: KernelFormat
    learned: bool = False
    rate: float = 0.0

    def shapes(self, view: KernelView) -> Shapes:
        """Of what trains beside the weights of a kernel."""
        return {"log2_scale": view.params_shape} if self.learned else {}

    def start(self, view: KernelView, kernel: npt.NDArray[Any]) -> Arrays:
        """Where that begins: with the least squared error."""
        if not self.learned:
            return {}
        return {"log2_scale": np.log2(view.params(kernel, Clipping("mse")).scale)}

    def rounded(self, view: KernelView, weights: Any, trained: Trained) -> Any:
        """What float weights of `grouped_shape` are rounded to, with a gradient."""
        steps, scale, _ = self._steps(view, weights, trained)
        return scale * straight_through(ops.stop_gradient(ops.round(steps)), steps)

    def bits(self, view: KernelView, weights: Any, trained: Trained) -> Any:
        """What their integers take in an entropy-coded file, with a gradient."""
        steps, _, zero_point = self._steps(view, weights, trained)
        qmin, qmax = self.format.integers
        return bits_of_codes(steps + zero_point - qmin, qmax - qmin + 1)

    def stored(self, view: KernelView, weights: Any, trained: Trained) -> Arrays:
        """The arrays to store for them, as `KernelView.stored` describes them."""
        scale, zero_point = map(
            to_numpy, self.scale_and_zero_point(view, weights, trained)
        )
        params = AffineParams(scale, zero_point.astype(np.uint8))
        bits, symmetric = self.format.bits, self.format.symmetric
        codes = quantize(to_numpy(weights), params, bits=bits, symmetric=symmetric)
        return view.pack(codes, params)

    def _steps(
        self, view: KernelView, weights: Any, trained: Trained
    ) -> tuple[Any, Any, Any]:
        """How many scales the weights are, within the range; scale and zero point."""
        scale, zero_point = self.scale_and_zero_point(view, weights, trained)
        qmin, qmax = self.format.integers
        steps = ops.clip(weights / scale, qmin - zero_point, qmax - zero_point)
        return steps, scale, zero_point

    def scale_and_zero_point(
        self, view: KernelView, weights: Any, trained: Trained
    ) -> tuple[Any, Any]:
        """What the weights are rounded with, float tensors of `params_shape`."""
        if self.learned:
            exponent = _tensor(trained["log2_scale"])
            limited = ops.clip(exponent, -LARGEST_EXPONENT, LARGEST_EXPONENT)
            return ops.power(2.0, limited), ops.zeros_like(limited)
        axis = (0, 1, 2) if view.granularity == "per_tensor" else (1,)
        weights = ops.stop_gradient(weights)
        _, qmax = self.format.integers
        return scale_and_zero_point(
            ops.min(weights, axis=axis, keepdims=True),
            ops.max(weights, axis=axis, keepdims=True),
            qmax=qmax,
            symmetric=self.format.symmetric,
            xp=ops,
        )


@dataclass(frozen=True)
class TableRounding:
    """Rounding to the nearest value of a table that trains too.

    The gradient of a weight is that of the value which stands for it, so a weight goes over
    to another value when it has come nearer to that; the gradient of a value is the sum of
    those of its weights.

    Args:
        format: Of the codes.
        rate: What a bit of the codes is worth, in units of the loss; 0 for nothing.

    References:
        Han, Mao, Dally, "Deep Compression", ICLR 2016, section 3.3 (the values).
        https://arxiv.org/abs/1510.00149
        van den Oord, Vinyals, Kavukcuoglu, "Neural Discrete Representation Learning",
        NeurIPS 2017, section 3.2 (straight through the nearest value).
        https://arxiv.org/abs/1711.00937
    """

    format: CodebookFormat
    rate: float = 0.0

    def shapes(self, view: CodebookView) -> Shapes:
        """Of what trains beside the weights of a kernel."""
        return {"table": view.stored["table"][0]}

    def start(self, view: CodebookView, kernel: npt.NDArray[Any]) -> Arrays:
        """Where that begins: with the least squared error."""
        return {"table": view.encode_learned(kernel)["table"]}

    def rounded(self, view: CodebookView, weights: Any, trained: Trained) -> Any:
        """What float weights of `grouped_shape` are rounded to, with a gradient."""
        table = _sorted(trained["table"])
        values = view.pick(table, self._codes(view, weights, table), xp=ops)
        return straight_through(values, weights)

    def bits(self, view: CodebookView, weights: Any, trained: Trained) -> Any:
        """What their codes take in an entropy-coded file, with a gradient by weights."""
        table = ops.stop_gradient(_sorted(trained["table"]))
        codes = self._codes(view, weights, table)
        values = view.pick(table, codes, xp=ops)
        side = ops.where(weights < values, -1, 1)
        last = view.table_size - 1
        gaps = ops.absolute(
            view.pick(table, ops.clip(codes + side, 0, last), xp=ops) - values
        )
        # Beyond the table, and beside a value that is there twice, there is nowhere to go.
        away = ops.where(gaps > 0, (weights - values) / ops.where(gaps > 0, gaps, 1), 0)
        return bits_of_codes(ops.cast(codes, "float32") + away, last + 1)

    def stored(self, view: CodebookView, weights: Any, trained: Trained) -> Arrays:
        """The arrays to store for them, as `CodebookView.stored` describes them."""
        table = _sorted(trained["table"])
        codes = to_numpy(self._codes(view, weights, table))
        return view.pack(codes.astype(np.uint8), to_numpy(table))

    def _codes(self, view: CodebookView, weights: Any, table: Any) -> Any:
        """For each weight the place of the nearest value, found by halving the table."""
        table = ops.stop_gradient(table)
        bounds = (table[:, 1:] + table[:, :-1]) / 2
        codes = ops.zeros(view.grouped_shape, "int32")
        for bit in reversed(range(self.format.bits)):
            upper = codes + (1 << bit)
            beyond = weights >= view.pick(bounds, upper - 1, xp=ops)
            codes = ops.where(beyond, upper, codes)
        return codes


Rounding = EvenRounding | TableRounding


def config_of(rounding: Rounding) -> dict[str, Any]:
    """The fields of a rounding in a layer's configuration."""
    fields = dataclasses.asdict(rounding)
    return {**fields.pop("format"), **fields}


def rounding_of(config: dict[str, Any]) -> Rounding:
    """The rounding whose fields these are: the inverse of `config_of`."""
    fields = {**config}
    learned, rate = fields.pop("learned", False), fields.pop("rate", 0.0)
    format_ = format_of(fields)
    if isinstance(format_, CodebookFormat):
        return TableRounding(format_, rate)
    return EvenRounding(format_, learned, rate)


def _sorted(table: Any) -> Any:
    return ops.sort(_tensor(table), axis=-1)


def _tensor(variable: Any) -> Any:
    return ops.cast(ops.convert_to_tensor(variable), "float32")
