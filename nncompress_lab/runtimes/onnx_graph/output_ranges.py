"""Ranges of what convolutions give to others than convolutions.

ONNX Runtime computes a convolution in integers only if its output is rounded, too. Where
that output goes into a sum, no layer of the model rounds it, and its range must be seen.
"""

import numpy as np
import onnx

from nncompress_lab.quantization.arrays.activation_ranges import MinMaxObserver
from nncompress_lab.quantization.arrays.affine import AffineParams, params_of_range
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime
from nncompress_lab.runtimes.runtime import Inputs, as_list

BATCH = 32


def observed_ranges(
    content: bytes, tensors: dict[str, str], calibration: Inputs
) -> dict[str, AffineParams]:
    """With what 8-bit integers cover tensors of a file, on calibration inputs.

    Args:
        content: Of an `.onnx` file.
        tensors: Names of float tensors in it, by any keys.
        calibration: Inputs of the model.

    Returns:
        Scale and zero point by the same keys.
    """
    file = onnx.load_from_string(content)
    names = list(tensors.values())
    del file.graph.output[:]
    for name in names:
        kind = onnx.TensorProto.FLOAT
        file.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    runtime = OnnxRuntime(file.SerializeToString())
    observers = [MinMaxObserver() for _ in names]
    inputs = as_list(calibration)
    for start in range(0, len(inputs[0]), BATCH):
        outputs = runtime.predict([one[start : start + BATCH] for one in inputs])
        several = outputs if len(names) > 1 else [outputs]
        for observer, values in zip(observers, several, strict=True):
            observer.add(values)
    ends = [np.array(one.range(), np.float32) for one in observers]
    params = [params_of_range(low, high, bits=8, symmetric=False) for low, high in ends]
    return dict(zip(tensors, params, strict=True))
