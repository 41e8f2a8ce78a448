"""LiteRT, the runtime of phones and boards: export of a Keras model, and running it."""

import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.atomic import replace_file
from nncompress_lab.errors import CompressionError
from nncompress_lab.measure.latency import ROUNDS, Race, race
from nncompress_lab.quantization.storing import dequantized
from nncompress_lab.quiet import quiet_logger, quiet_stderr


def is_available() -> bool:
    """Whether models can be exported and run here: TensorFlow backend and LiteRT."""
    installed = importlib.util.find_spec("ai_edge_litert") is not None
    return installed and keras.backend.backend() == "tensorflow"


def export(model: keras.Model, path: str | Path) -> float:
    """Write a model as a float32 `.tflite` file and check it against Keras.

    Kernels stored as integers are written as the floats they stand for.

    Args:
        model: A built functional or sequential model with one input and one output.
        path: Ends in `.tflite`; an existing file is replaced as a whole.

    Returns:
        The largest absolute difference between the outputs of the file and of the Keras
        model, on random inputs.

    Raises:
        ValueError: If the path does not end in `.tflite`.
        CompressionError: If the backend is not TensorFlow or LiteRT is not installed.
    """
    path = Path(path)
    if path.suffix != ".tflite":
        raise ValueError(
            f"A LiteRT file's name ends in .tflite. Received: {str(path)!r}."
        )
    content = to_litert(model)
    x = random_input(model, batch_size=4)
    difference = float(
        np.abs(LiteRT(content).predict(x) - model.predict_on_batch(x)).max()
    )
    with replace_file(path) as temporary:
        temporary.write_bytes(content)
    return difference


def to_litert(model: keras.Model) -> bytes:
    """The content of a `.tflite` file for a model.

    Raises:
        CompressionError: If the backend is not TensorFlow, LiteRT is not installed, or
            the converter cannot take the model.
    """
    if not is_available():
        raise CompressionError(
            "LiteRT export needs the TensorFlow backend and the package ai-edge-litert. "
            f"Received: backend {keras.backend.backend()!r}. Install both with "
            'pip install "nncompress-lab[lab]" and set KERAS_BACKEND=tensorflow.'
        )
    with (
        tempfile.TemporaryDirectory() as folder,
        quiet_stderr(),
        quiet_logger("tensorflow"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.tflite"
        try:
            dequantized(model).export(path, format="litert", verbose=False)
        except Exception as error:  # TensorFlow's converter raises many kinds
            first_line = str(error).strip().partition("\n")[0]
            raise CompressionError(
                f"LiteRT's converter cannot take {model.name!r}: {first_line}"
            ) from error
        return path.read_bytes()


class LiteRT:
    """A `.tflite` model, ready to run.

    Args:
        content: Of the file.
        threads: How many the runtime may use.
    """

    def __init__(self, content: bytes, *, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with quiet_stderr():
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def predict(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The outputs for a batch of inputs."""
        self.runner(x)()
        result: npt.NDArray[Any] = self._interpreter.get_tensor(self._output)
        return result

    def runner(self, x: npt.NDArray[Any]) -> Callable[[], None]:
        """A function that runs the model on `x` and nothing else, to be timed."""
        self._interpreter.resize_tensor_input(self._input, x.shape)
        self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(self._input, x)
        invoke: Callable[[], None] = self._interpreter.invoke
        return invoke


def race_models(
    models: dict[str, keras.Model],
    *,
    batch_size: int = 1,
    threads: int = 1,
    rounds: int = ROUNDS,
) -> Race:
    """Time models against each other in LiteRT, on random inputs.

    Args:
        models: By name; the first is the one that the others are compared with.
        batch_size: Examples in one run.
        threads: How many the runtime may use.
        rounds: As `measure.race` takes it.

    Raises:
        ValueError: If a model has several inputs or a size that is not fixed.
        CompressionError: As `to_litert` raises it.
    """
    x = random_input(next(iter(models.values())), batch_size=batch_size)
    contents = {name: to_litert(model) for name, model in models.items()}

    def start(content: bytes) -> Callable[[], None]:
        return LiteRT(content, threads=threads).runner(x)

    return race(
        {name: partial(start, content) for name, content in contents.items()},
        rounds=rounds,
    )


def random_input(model: keras.Model, *, batch_size: int) -> npt.NDArray[Any]:
    """Numbers in `[0, 1)` of the shape and type that a model takes.

    Raises:
        ValueError: If the model has several inputs or a size that is not fixed.
    """
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if len(shapes) != 1 or None in shapes[0]:
        raise ValueError(
            "Only models with one input of a fixed size can be run on random inputs. "
            f"Received: {model.name!r} with inputs of shape {shapes}."
        )
    generator = np.random.default_rng(0)
    numbers = generator.random((batch_size, *shapes[0]))
    return numbers.astype(keras.backend.standardize_dtype(model.inputs[0].dtype))
