"""Files for real runtimes, checked against the Keras model before they are kept."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from nncompress_lab.atomic import replace_file
from nncompress_lab.measure.random_inputs import random_inputs
from nncompress_lab.runtimes.litert import LiteRT, Quantize, to_litert
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime
from nncompress_lab.runtimes.runtime import Array, Inputs, Runtime, as_list

SUFFIXES = (".onnx", ".tflite")
COMPARED = 4  # examples


def export(
    model: keras.Model,
    path: str | Path,
    *,
    quantize: Quantize | None = None,
    calibration: Inputs | None = None,
) -> float:
    """Write a model for a runtime, by the suffix of the path, and check it against Keras.

    `.onnx`: what the passes made stays as it is. Integers are stored as such, codes with
    their table, zeros take a bit, and where `ActivationQuantization` rounds inputs,
    ONNX Runtime multiplies integers. `.tflite`: kernels become the floats that they
    stand for; TensorFlow's converter quantizes them again if it is asked to.

    Args:
        model: A built functional or sequential model.
        path: Ends in `.onnx` or `.tflite`; an existing file is replaced as a whole.
        quantize: For `.tflite`: `"dynamic"` stores kernels as int8, `"int8"` computes
            with int8 throughout. What `ActivationQuantization` added is left out, because
            the converter measures ranges itself.
        calibration: Inputs of the model, a hundred or so. `"int8"` needs them, and an
            `.onnx` file of integers computes sums of convolutions in integers with them
            (see `to_onnx`). The first four are what the file is checked on; without
            them that is random numbers.

    Returns:
        The largest absolute difference between the outputs of the file, in its runtime,
        and those of the Keras model.

    Raises:
        ValueError: If the path ends otherwise, or the arguments do not fit each other.
        UnsupportedModelError: If the model cannot be walked, or holds a layer that has no
            form in ONNX; the message names it.
        CompressionError: For `.tflite`, if the backend is not TensorFlow, LiteRT is not
            installed, or the converter cannot take the model.
    """
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
    x = _examples(model, calibration)
    with replace_file(path) as temporary:  # says at once that there is no folder
        content, runtime = _converted(model, path, quantize, calibration)
        difference = _difference(runtime, model, x)
        temporary.write_bytes(content)
    return difference


def _converted(
    model: keras.Model,
    path: Path,
    quantize: Quantize | None,
    calibration: Inputs | None,
) -> tuple[bytes, Runtime]:
    if path.suffix == ".onnx":
        content = to_onnx(model, calibration=calibration)
        return content, OnnxRuntime(content)
    content = to_litert(model, quantize=quantize, calibration=calibration)
    return content, LiteRT(content)


def _examples(model: keras.Model, calibration: Inputs | None) -> list[Array]:
    if calibration is None:
        return random_inputs(model, batch_size=COMPARED)
    return [one[:COMPARED] for one in as_list(calibration)]


def _difference(runtime: Runtime, model: keras.Model, x: list[Array]) -> float:
    given: Any = x[0] if len(x) == 1 else x
    expected = keras.tree.flatten(model.predict_on_batch(given))
    outputs = keras.tree.flatten(runtime.predict(given))
    differences = [
        np.abs(np.asarray(one) - np.asarray(other)).max(initial=0.0)
        for one, other in zip(outputs, expected, strict=True)
    ]
    return float(max(differences))
