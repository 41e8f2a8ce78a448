"""ONNX Runtime, the runtime of `.onnx` files on servers and desktops."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nncompress_lab.measure.instructions import instructions
from nncompress_lab.runtimes.runtime import (
    Inputs,
    Runtime,
    as_list,
    check_count,
    single,
)

ERRORS = 3  # of the runtime's levels of what it prints
# The runtime's names of types that are not NumPy's.
TYPES = {"float": "float32", "double": "float64"}


def sums_may_overflow() -> bool:
    """Whether sums of products of bytes are exact here only where that is asked for."""
    return not {"VNNI", "AMX"} & set(instructions())


class OnnxRuntime(Runtime):
    """An `.onnx` model, ready to run on the CPU.

    Waiting threads do not spin, which on a busy machine made runs 20 times slower.

    Args:
        content: Of the file.
        threads: How many the runtime may use.
        optimized: Whether it may rewrite the graph. Without, it multiplies floats where
            it else takes the integers of a kernel, so the result is exact and slow.
        exact_sums: Whether sums of products of 8-bit integers must not overflow. They do,
            at the runtime's own settings, on x86 CPUs without the instructions for them
            (VNNI, AMX); to avoid it costs about a third of the speed there. Where the
            instructions are, sums are exact without being asked for, and asking would
            cost half of the speed.
    """

    def __init__(
        self,
        content: bytes,
        *,
        threads: int = 1,
        optimized: bool = True,
        exact_sums: bool = True,
    ) -> None:
        import onnxruntime

        self.threads = threads
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        ask = exact_sums and sums_may_overflow()
        options.add_session_config_entry("session.x64quantprecision", str(int(ask)))
        if not optimized:
            level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            options.graph_optimization_level = level
        self._session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )

    def predict(self, x: Inputs) -> Any:
        """The outputs for a batch: an array, or a list of them if there are several."""
        return single(self._session.run(None, self._feed(x)))

    def runner(self, x: Inputs) -> Callable[[], object]:
        """A function that runs the model on `x` and nothing else, to be timed."""
        feed, run = self._feed(x), self._session.run
        return lambda: run(None, feed)

    def _feed(self, x: Inputs) -> dict[str, Any]:
        entries = self._session.get_inputs()
        by_name = isinstance(x, Mapping)
        names = [one.name for one in entries]
        if by_name and (missing := [name for name in names if name not in x]):
            raise ValueError(
                f"The file has the inputs {names}. Received: {sorted(x)}; {missing} are "
                "missing."
            )
        arrays = [x[name] for name in names] if by_name else as_list(x)
        check_count(arrays, names)
        return {
            wanted.name: _fitted(wanted, given)
            for wanted, given in zip(entries, arrays, strict=True)
        }


def _fitted(wanted: Any, given: Any) -> Any:
    """An input in the type of the file; a `ValueError` if it has another shape."""
    array = np.ascontiguousarray(given, _dtype(wanted.type))
    axes = [one if isinstance(one, int) else None for one in wanted.shape]
    fits = len(axes) == array.ndim and all(
        size in {None, found} for size, found in zip(axes, array.shape, strict=True)
    )
    if axes and not fits:  # without axes, the file says nothing of them
        raise ValueError(
            f"Input {wanted.name!r} of the file has the shape {tuple(axes)}, where None is "
            f"any size. Received: an array of shape {array.shape}. The first axis counts "
            "the examples."
        )
    return array


def _dtype(kind: str) -> str:
    """The NumPy type of what the runtime calls, say, `tensor(float)`."""
    name = kind.removeprefix("tensor(").removesuffix(")")
    return TYPES.get(name, name)
