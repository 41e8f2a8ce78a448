"""Files for real runtimes, checked against the Keras model before they are kept."""

from pathlib import Path

import keras
import numpy as np

from nncompress_lab.atomic import replace_file
from nncompress_lab.data.datasets import Data
from nncompress_lab.errors import CompressionError, check_path
from nncompress_lab.models.inputs import (
    input_arrays,
    input_names,
    structured,
    with_free_batch,
)
from nncompress_lab.models.kernels import to_numpy, walk
from nncompress_lab.models.random_inputs import random_inputs
from nncompress_lab.models.rewrite import check_model
from nncompress_lab.quantization.layers.fake_quantize import FakeQuantize
from nncompress_lab.quantization.layers.stored import QuantizedKernels
from nncompress_lab.runtimes.litert import Quantize, to_litert
from nncompress_lab.runtimes.litert_file import LiteRT
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime
from nncompress_lab.runtimes.runtime import Array, Inputs, Runtime

SUFFIXES = (".onnx", ".tflite")
COMPARED = 4  # examples
# How far a file may be from Keras: parts of the range of the outputs and of the largest.
# float32 in another order is some 1e-6 of either, and unstable models are worse.
FLOATS = (1e-3, 1e-5)
# Where a runtime rounds to 8 bits, a deep model can be off by a good part of the range,
# and is still of use. What is off by more than half of it computes something else.
ROUNDED = (0.5, 0.1)


def export(
    model: keras.Model,
    path: str | Path,
    *,
    quantize: Quantize | None = None,
    calibration: Inputs | Data | None = None,
    tolerance: float | None = None,
) -> float:
    """Write a model for a runtime, by the suffix of the path, and check it against Keras.

    `.onnx`: what the passes made stays as it is. Integers are stored as such, codes with
    their table, zeros take a bit, and where `ActivationQuantization` rounds inputs,
    ONNX Runtime multiplies integers. `.tflite`: kernels become the floats that they
    stand for; TensorFlow's converter quantizes them again if it is asked to.

    A file whose outputs are too far from those of Keras is not kept. For floats that is a
    thousandth of the range of the outputs, some hundred times what sums in another order
    cost. Where the runtime rounds to 8 bits, how much it loses depends on the model, and
    the difference that is returned tells; refused is half of the range, which no rounding
    explains.

    Args:
        model: A built functional or sequential model.
        path: Ends in `.onnx` or `.tflite`; an existing file is replaced as a whole.
        quantize: For `.tflite`: `"dynamic"` stores kernels as int8, `"int8"` computes
            with int8 throughout. What `ActivationQuantization` added is left out, because
            the converter measures ranges itself.
        calibration: Inputs of the model as `predict` takes them, or `Data`, a hundred
            examples or so. `"int8"` needs them, and an `.onnx` file of integers computes
            sums of convolutions in integers with them (see `to_onnx`). The first four are
            what the file is checked on; without them that is random numbers.
        tolerance: The largest absolute difference of an output that is accepted, in place
            of the bound above; `float("inf")` accepts any.

    Returns:
        The largest absolute difference between the outputs of the file, in its runtime,
        and those of the Keras model.

    Raises:
        ValueError: If the path ends otherwise, or the arguments do not fit each other or
            the model.
        UnsupportedModelError: If the model cannot be walked, or holds a layer that has no
            form in the file; the message names it.
        CompressionError: If the model holds NaN or infinity, returns NaN or nothing that
            is finite, or the file computes something else. For `.tflite` also if the
            backend is not TensorFlow, LiteRT is not installed, or the converter cannot
            take the model.
    """
    check_path(path, after='export(model, "small.onnx")')
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(
            f"An exported file ends in {' or '.join(SUFFIXES)}. Received: {str(path)!r}. "
            "A `.keras` file is written by ncl.save_model."
        )
    if path.suffix == ".onnx" and quantize is not None:
        raise ValueError(
            "An .onnx file is as quantized as the model. Received: "
            f"quantize={quantize!r}. Apply UniformQuantization and ActivationQuantization."
        )
    check_model(model)
    model = with_free_batch(model)
    arrays = None if calibration is None else input_arrays(model, calibration)
    with replace_file(path) as temporary:  # says at once that there is no folder
        check = _Check(model, _examples(model, arrays), tolerance)
        content, runtime = _converted(model, path, quantize, arrays)
        difference = check.difference(runtime, rounded=quantize or _is_rounded(model))
        temporary.write_bytes(content)
    return difference


def _converted(
    model: keras.Model,
    path: Path,
    quantize: Quantize | None,
    calibration: list[Array] | None,
) -> tuple[bytes, Runtime]:
    if path.suffix == ".onnx":
        content = to_onnx(model, calibration=calibration)
        return content, OnnxRuntime(content)
    content = to_litert(model, quantize=quantize, calibration=calibration)
    return content, LiteRT(content)


def _examples(model: keras.Model, calibration: list[Array] | None) -> list[Array]:
    count = model.inputs[0].shape[0] or COMPARED
    if calibration is None:
        return random_inputs(model, batch_size=count)
    places = np.arange(min(count, len(calibration[0])))
    if model.inputs[0].shape[0]:  # it takes batches of one size only
        places = np.resize(places, count)
    return [one[places] for one in calibration]


def _is_rounded(model: keras.Model) -> bool:
    """Whether a runtime may compute with fewer bits than float32 has."""
    return any(
        isinstance(layer, QuantizedKernels | FakeQuantize)
        or layer.compute_dtype != "float32"
        for _, layer in walk(model)
    )


class _Check:
    """The outputs of a Keras model, which a file must give, too.

    Args:
        model: That they are of.
        x: Its inputs.
        tolerance: As `export` takes it.
    """

    def __init__(
        self, model: keras.Model, x: list[Array], tolerance: float | None
    ) -> None:
        for path, layer in walk(model):
            for variable in layer.weights:
                floats = "float" in variable.dtype
                if floats and not np.isfinite(to_numpy(variable)).all():
                    raise CompressionError(
                        f"Weights of {path!r} ({variable.path}) are NaN or infinite, so "
                        "there is nothing to export. Load or train the model again."
                    )
        self._x = dict(zip(input_names(model), x, strict=True))
        self._tolerance = tolerance
        outputs = model.predict_on_batch(structured(model, x))
        self._expected = [np.asarray(one) for one in keras.tree.flatten(outputs)]
        if any(_tells_nothing(one) for one in self._expected):
            raise CompressionError(
                f"{model.name!r} returns NaN, or nothing that is finite, for the inputs "
                "that its file is to be checked on. Pass inputs of its kind as "
                "`calibration`, or train it again."
            )

    def difference(self, runtime: Runtime, *, rounded: object) -> float:
        """The largest difference; an error if that is more than the bound."""
        outputs = keras.tree.flatten(runtime.predict(self._x))
        largest = 0.0
        for output, expected in zip(outputs, self._expected, strict=True):
            apart = _apart(np.asarray(output), expected)
            bound = self._bound(expected, ROUNDED if rounded else FLOATS)
            if not apart <= bound:  # NaN is above every bound
                raise CompressionError(
                    "The file would compute something else than the model and was not "
                    f"kept. Its outputs differ by up to {apart:.3g} and at most "
                    f"{bound:.3g} is accepted. Give inputs of the model's kind as "
                    "`calibration`; if the difference is expected, say "
                    f"tolerance={apart:.2g} or more."
                )
            largest = max(largest, apart)
        return largest

    def _bound(self, expected: Array, parts: tuple[float, float]) -> float:
        if self._tolerance is not None:
            return self._tolerance
        finite = expected[np.isfinite(expected)].astype(np.float64)
        if not finite.size:
            return 0.0
        return float(parts[0] * np.ptp(finite) + parts[1] * np.abs(finite).max())


def _tells_nothing(output: Array) -> bool:
    """Whether NaN are among the outputs, or they are all infinite; some are in masks."""
    return bool(np.isnan(output).any() or (np.isinf(output).all() and output.size))


def _apart(one: Array, other: Array) -> float:
    """The largest difference of two arrays; infinite values that are equal have none."""
    if one.shape != other.shape:
        return float("inf")
    one, other = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(invalid="ignore"):
        differences = np.where(one == other, 0.0, np.abs(one - other))
    return float(differences.max(initial=0.0))
