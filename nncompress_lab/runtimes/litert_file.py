"""LiteRT running a file: its inputs and outputs by name."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.quiet import quiet_stderr
from nncompress_lab.runtimes.runtime import (
    Inputs,
    Runtime,
    as_list,
    check_count,
    single,
)


class LiteRT(Runtime):
    """A `.tflite` model, ready to run.

    Args:
        content: Of the file.
        threads: How many the runtime may use.
    """

    def __init__(self, content: bytes, *, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.threads = threads
        with quiet_stderr():
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        self._inputs, self._outputs = self._ends()

    def predict(self, x: Inputs) -> Any:
        """The outputs for a batch: an array, or a list of them if there are several."""
        self.runner(x)()
        return single([self._interpreter.get_tensor(one) for one in self._outputs])

    def runner(self, x: Inputs) -> Callable[[], None]:
        """A function that runs the model on `x` and nothing else, to be timed.

        Raises:
            ValueError: If the model has several inputs and they are not by name.
        """
        given = self._named(x)
        for name, (index, dtype) in self._inputs.items():
            self._interpreter.resize_tensor_input(index, given[name].shape)
            given[name] = given[name].astype(dtype, copy=False)
        self._interpreter.allocate_tensors()
        for name, (index, _) in self._inputs.items():
            self._interpreter.set_tensor(index, given[name])
        invoke: Callable[[], None] = self._interpreter.invoke
        return invoke

    def _ends(self) -> tuple[dict[str, tuple[int, Any]], list[int]]:
        """Place and type of each input by its name, and the places of the outputs."""
        inputs = {one["name"]: one for one in self._interpreter.get_input_details()}
        outputs = {one["name"]: one for one in self._interpreter.get_output_details()}
        if signatures := list(self._interpreter.get_signature_list()):
            runner = self._interpreter.get_signature_runner(signatures[0])
            inputs, outputs = runner.get_input_details(), runner.get_output_details()
        # Keras counts them: output_2 is before output_10.
        in_order = sorted(outputs, key=lambda name: (len(name), name))
        places = {name: (one["index"], one["dtype"]) for name, one in inputs.items()}
        return places, [outputs[name]["index"] for name in in_order]

    def _named(self, x: Inputs) -> dict[str, npt.NDArray[Any]]:
        """Inputs by the names in the file, in which their order is lost."""
        if isinstance(x, Mapping) and set(x) >= set(self._inputs):
            return {name: np.asarray(x[name]) for name in self._inputs}
        arrays = as_list(x)
        if len(self._inputs) > 1:
            received = sorted(x) if isinstance(x, Mapping) else f"{len(arrays)} arrays"
            raise ValueError(
                "A .tflite file keeps the names of its inputs and not their order, so "
                f"they are passed in a dict by the names {sorted(self._inputs)}. "
                f"Received: {received}."
            )
        check_count(arrays, list(self._inputs))
        return dict(zip(self._inputs, arrays, strict=True))
