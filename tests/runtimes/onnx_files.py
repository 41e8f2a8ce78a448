"""Running ONNX files in tests, and how far two outputs are apart."""

import keras
import numpy as np
import onnx

from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime

# Both compute in float32 with sums in another order. float32 has 6e-8 for one number; over
# some dozens of layers that is 1e-6 of the largest output, and 1e-5 is what is promised.
TOLERANCE = 1e-5


def checked(model: keras.Model) -> bytes:
    """The file of a model, which the strict checker of ONNX finds right."""
    content = to_onnx(model)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    return content


def apart(model: keras.Model, x: np.ndarray, *, optimized: bool = True) -> float:
    """Largest difference from Keras, as a part of the largest output."""
    outputs = OnnxRuntime(checked(model), optimized=optimized).predict(x)
    expected = keras.ops.convert_to_numpy(model(x, training=False))
    assert outputs.shape == expected.shape
    return float(np.abs(outputs - expected).max() / np.abs(expected).max())


def assert_equal_but_for_steps(outputs: np.ndarray, expected: np.ndarray) -> None:
    """Most outputs are equal, and none is off by more than a few roundings.

    An activation that lies between two integers goes to either of them, as the last bit
    of a sum decides. That is a step of its range, in what depends on it.
    """
    differences = np.abs(outputs - expected) / np.abs(expected).max()
    assert np.median(differences) <= TOLERANCE
    assert differences.max() <= 0.1


def operators(content: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(content).graph.node]


def randomized(model: keras.Model) -> keras.Model:
    """Biases and normalization get other numbers than ones and zeros."""
    generator = np.random.default_rng(3)
    for variable in model.weights:
        if any(name in variable.path for name in ("gamma", "variance")):
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
        elif any(name in variable.path for name in ("beta", "mean", "bias")):
            variable.assign(generator.uniform(-0.2, 0.2, variable.shape))
    return model


def rewritten(content: bytes, path) -> list[str]:
    """The operators that stock ONNX Runtime runs, with its own settings."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    extended = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.graph_optimization_level = extended
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(path).graph.node]
