"""OpenVINO, Intel's runtime: `.onnx` files as they are, and its own `.xml`."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from nncompress_lab.errors import CompressionError, check_choice
from nncompress_lab.runtimes.runtime import Array, Inputs, Runtime, as_list, single

Precision = Literal["f32", "bf16"]


def is_available() -> bool:
    """Whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


class OpenVino(Runtime):
    """A model in OpenVINO, ready to run on the CPU.

    Args:
        path: An `.onnx` or `.xml` file.
        threads: How many the runtime may use.
        precision: What it computes in. Left to itself it takes bf16 wherever the CPU has
            it: up to 2.5 times faster, with errors of 1 %.

    Raises:
        CompressionError: If OpenVINO is not installed.
    """

    def __init__(
        self, path: str | Path, *, threads: int = 1, precision: Precision = "f32"
    ) -> None:
        check_choice("precision", precision, Precision)
        if not is_available():
            raise CompressionError(
                "OpenVINO is not installed. Install it with "
                'pip install "nncompress-lab[openvino]".'
            )
        import openvino

        self.threads = threads
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
        }
        compiled = openvino.Core().compile_model(str(path), "CPU", settings)
        self._request = compiled.create_infer_request()

    def predict(self, x: Inputs) -> Any:
        """The outputs for a batch: an array, or a list of them if there are several."""
        results = self._request.infer(as_list(x))
        return single([one.copy() for one in results.values()])

    def runner(self, x: Inputs) -> Callable[[], object]:
        """A function that runs the model on `x` and nothing else, to be timed."""
        given: list[Array] = as_list(x)
        self._request.infer(given)
        infer: Callable[[], object] = self._request.infer
        return infer
