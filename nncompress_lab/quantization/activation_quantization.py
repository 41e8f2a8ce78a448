"""Quantization of what goes into the kernel layers of a model, as a pass."""

from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np

from nncompress_lab.data.datasets import Data
from nncompress_lab.layer_pass import LayerPass
from nncompress_lab.models.kernels import (
    KernelLayer,
    Reasons,
    Skip,
    is_recurrent,
    keras_classes,
    walk,
)
from nncompress_lab.models.layer_calls import layer_calls
from nncompress_lab.models.rewrite import rebuilt, rewrite_layers
from nncompress_lab.passes import Context
from nncompress_lab.quantization.arrays.activation_ranges import (
    Calibration,
    Observer,
    RangeChoice,
)
from nncompress_lab.quantization.arrays.affine import (
    AffineParams,
    check_bits,
    check_symmetric,
    params_of_range,
)
from nncompress_lab.quantization.layers.fake_quantize import FakeQuantize

SUFFIX = "_fake_quantize"


@dataclass(frozen=True)
class ActivationQuantization(LayerPass):
    """Round what goes into kernel layers to integers of 2 to 8 bits.

    A `FakeQuantize` layer is put before each of them; it rounds and passes floats on. So
    the result predicts as an integer runtime would, up to the order of sums, and holds
    the ranges that such a runtime needs. By itself it makes nothing smaller, and a float
    runtime slower. With `UniformQuantization` before or after it, weights and
    activations are integers: W8A8.

    Args:
        bits: Width of the integers, 2 to 8.
        calibration: How the range of each layer's inputs is chosen, from calibration
            data: `"min_max"` covers all, `"moving_average"` the average range of a
            batch, `"percentile"` a part of the values, `"mse"` has the least squared
            error. `"dynamic"` needs no data: each example gets the range of its own
            activations when the model runs.
        percentile: For `"percentile"`: the part of the values, above 0, at most 100.
        momentum: For `"moving_average"`: weight of the past beside a new batch of 32
            examples, in [0, 1).
        symmetric: Whether the integers mirror around 0. After a ReLU this wastes half of
            them.
        select: Before which layers; before all kernel layers by default, whether their
            kernels are floats or integers.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> ActivationQuantization(calibration="mse").needs == {"calibration"}
        True

    References:
        Jacob et al., "Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference", CVPR 2018, sections 2 and 3.
        https://arxiv.org/abs/1712.05877
        Wu et al., "Integer Quantization for Deep Learning Inference: Principles and
        Empirical Evaluation", 2020, section 3.3 (calibration).
        https://arxiv.org/abs/2004.09602
    """

    replaces: ClassVar[bool] = True
    takes_integers: ClassVar[bool] = True

    bits: int = 8
    calibration: Calibration = "min_max"
    percentile: float = 99.99
    momentum: float = 0.99
    symmetric: bool = False

    def __post_init__(self) -> None:
        check_bits(self.bits)
        check_symmetric(self.symmetric)
        _ = self._choice  # checks the others

    @property
    def needs(self) -> frozenset[str]:
        """Calibration data, unless the range is dynamic."""
        static = self.calibration != "dynamic"
        return frozenset({"calibration"} if static else ())

    @property
    def _choice(self) -> RangeChoice:
        return RangeChoice(self.calibration, self.percentile, self.momentum)

    def obstacle(self, layer: KernelLayer) -> Skip | None:
        """It multiplies nothing by its input."""
        if is_recurrent(layer.layer):
            return Skip.RECURRENT
        looks_up = "Embedding" in keras_classes(layer.layer)
        return Skip.LOOKED_UP if looks_up else None

    def explain(self, model: keras.Model) -> Reasons:
        """Whose inputs are rounded, and why those of the others are not."""
        reasons = super().explain(model)
        for path, layer in walk(model):
            rounded = path.removesuffix(SUFFIX)
            if isinstance(layer, FakeQuantize) and reasons.get(rounded, "") is None:
                reasons[rounded] = Skip.ALREADY_ROUNDED
        return reasons

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with a rounding layer before each selected layer."""
        chosen = self.treated(model)
        params = self._observed(model, chosen, context.calibration)
        paths = {id(one.layer): one.path for one in chosen}

        def rewrite(layer: Any) -> list[keras.Layer] | None:
            path = paths.get(id(layer))
            if path is None:
                return None
            return [self._rounding(layer, params.get(path)), rebuilt(layer)]

        return rewrite_layers(model, rewrite)

    def _observed(
        self, model: keras.Model, chosen: list[KernelLayer], data: Data | None
    ) -> dict[str, AffineParams]:
        if data is None or self.calibration == "dynamic":
            return {}
        observers = {
            one.path: self._choice.observer(bits=self.bits, symmetric=self.symmetric)
            for one in chosen
        }
        for call in layer_calls(model, chosen, data):
            inputs = call.seen
            if not np.isfinite(inputs).all():
                raise ValueError(
                    f"The inputs of {call.layer.path} are not all finite on the "
                    "calibration data, so they have no range. Check the data and the model."
                )
            if inputs.size:
                observers[call.layer.path].add(inputs)
        return {path: self._params(one) for path, one in observers.items()}

    def _params(self, observer: Observer) -> AffineParams:
        low, high = np.array(observer.range(), np.float32)
        return params_of_range(low, high, bits=self.bits, symmetric=self.symmetric)

    def _rounding(self, layer: Any, params: AffineParams | None) -> FakeQuantize:
        rounding = FakeQuantize(
            self.bits,
            symmetric=self.symmetric,
            dynamic=self.calibration == "dynamic",
            name=layer.name + SUFFIX,
            dtype=layer.dtype_policy,
        )
        rounding.build(layer.get_build_config()["input_shape"])
        if params is not None:
            rounding.scale.assign(params.scale)
            rounding.zero_point.assign(params.zero_point)
        return rounding
