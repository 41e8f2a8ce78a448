"""One forward pass on the device that is active: nothing is copied in or out.

The batch lies on the device before, the outputs stay there. A GPU works while Python goes
on, so each call waits until the device has finished; otherwise only the start of the work
would be timed.
"""

import importlib
import math
from collections.abc import Callable
from typing import Any, Protocol

import keras
import numpy as np


class Forward(Protocol):
    """A model and a batch, both on one device."""

    def __call__(self) -> object:
        """Run the model once, and return the outputs when the device has finished."""

    def peak_bytes(self) -> int | None:
        """Most memory of the device that one run needs, or None if it does not tell.

        That is weights, batch, outputs, and what lies in between at the same time.
        """


def forward_on(device: str, model: keras.Model, x: Any) -> Forward:
    """Put a batch on a device and make ready to run a model on it.

    Args:
        device: Name of the device, the active one: `with keras.device(device):`
            surrounds this call and each call of the result.
        model: A model whose weights lie on the device.
        x: A batch for it, as it was made to be called.

    Returns:
        A function of no arguments that runs the model as the backend compiles it.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> with keras.device("cpu:0"):
        ...     run = forward_on("cpu:0", model, np.ones((4, 3), "float32"))
        ...     tuple(run().shape)
        (4, 2)
    """
    kinds: dict[str, Callable[[str, keras.Model, Any], Forward]] = {
        "jax": _JaxForward,
        "torch": _TorchForward,
        "tensorflow": _TensorFlowForward,
    }
    return kinds[keras.backend.backend()](device, model, x)


class _JaxForward(Forward):
    """XLA knows before a run what it will need, on a CPU too."""

    def __init__(self, device: str, model: Any, x: Any) -> None:
        jax: Any = importlib.import_module("jax")
        self._x = _on_device(x)
        self._weights = tuple(
            [variable.value for variable in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        )

        def forward(weights: Any, batch: Any) -> Any:
            return model.stateless_call(*weights, batch, training=False)[0]

        self._program = jax.jit(forward).lower(self._weights, self._x).compile()
        self._wait = jax.block_until_ready

    def __call__(self) -> object:
        return self._wait(self._program(self._weights, self._x))

    def peak_bytes(self) -> int | None:
        memory = self._program.memory_analysis()
        if memory is None:
            return None
        parts = ("argument", "output", "temp")
        return sum(int(getattr(memory, f"{part}_size_in_bytes")) for part in parts)


class _TorchForward(Forward):
    """Eager, as Keras runs torch."""

    def __init__(self, device: str, model: Any, x: Any) -> None:
        torch: Any = importlib.import_module("torch")
        kind = device.partition(":")[0]
        library = {"gpu": torch.cuda, "mps": torch.mps}.get(kind)
        self._model, self._x = model, _on_device(x)
        self._no_grad = torch.no_grad
        self._wait = library.synchronize if library else _nothing
        self._memory = torch.cuda if kind == "gpu" else None

    def __call__(self) -> object:
        with self._no_grad():
            outputs = self._model(self._x, training=False)
        self._wait()
        return outputs

    def peak_bytes(self) -> int | None:
        if self._memory is None:
            return None
        self._memory.reset_peak_memory_stats()
        before = self._memory.memory_allocated()
        self()
        grown = self._memory.max_memory_allocated() - before
        return int(grown) + _held_bytes(self._model, self._x)


class _TensorFlowForward(Forward):
    """A graph, through XLA where Keras would use it."""

    def __init__(self, device: str, model: Any, x: Any) -> None:
        tf: Any = importlib.import_module("tensorflow")

        def forward(batch: Any) -> Any:
            return model(batch, training=False)

        self._model, self._x = model, _on_device(x)
        self._run = tf.function(forward, jit_compile=model.jit_compile)
        on_gpu = device.startswith("gpu")
        self._wait = tf.test.experimental.sync_devices if on_gpu else _nothing
        self._memory = tf.config.experimental if on_gpu else None
        self._device = device.upper()

    def __call__(self) -> object:
        outputs = self._run(self._x)
        self._wait()
        return outputs

    def peak_bytes(self) -> int | None:
        if self._memory is None:
            return None
        self()  # what it allocates once, when it is traced, is not part of a run
        self._memory.reset_memory_stats(self._device)
        before = self._memory.get_memory_info(self._device)["current"]
        self()
        grown = self._memory.get_memory_info(self._device)["peak"] - before
        return int(grown) + _held_bytes(self._model, self._x)


def _on_device(x: Any) -> Any:
    return keras.tree.map_structure(keras.ops.convert_to_tensor, x)


def _nothing() -> None:
    """A CPU has finished when the call returns."""


def _held_bytes(model: Any, x: Any) -> int:
    """Bytes of the weights and of the batch, which lie on the device all along."""
    return sum(
        math.prod(tensor.shape)
        * np.dtype(keras.backend.standardize_dtype(tensor.dtype)).itemsize
        for tensor in [*model.weights, *keras.tree.flatten(x)]
    )
