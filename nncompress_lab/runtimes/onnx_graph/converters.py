"""Which function writes which layer, and what it is told about a call of the layer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.runtimes.onnx_graph.graph import Graph, Value

Array = npt.NDArray[Any]
OURS = ("keras", "nncompress_lab")  # a class from elsewhere may compute something else


@dataclass(frozen=True, eq=False)
class PerChannel:
    """A normalization that is left to the layer before it: `factor * x + shift`."""

    factor: Array
    shift: Array


@dataclass(eq=False)
class Call:
    """A layer that is called, once, with what it is called with.

    Args:
        graph: To write to.
        layer: A Keras layer or operation.
        args: What it is called with; tensors are `Value` objects.
        kwargs: The same by name.
        shapes: Of its outputs.
        norm: A normalization to take over, only for layers registered with `folds`.
        then_rounded: Whether its output becomes 8-bit integers before it is used.
    """

    graph: Graph
    layer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: list[tuple[int | None, ...]]
    norm: PerChannel | None = None
    then_rounded: bool = False
    values: list[Value] = field(init=False)

    def __post_init__(self) -> None:
        given = keras.tree.flatten((self.args, self.kwargs))
        self.values = [one for one in given if isinstance(one, Value)]

    @property
    def value(self) -> Value:
        """The first tensor that it is called with."""
        return self.values[0]

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Of its first output."""
        return self.shapes[0]

    def weight(self, name: str) -> Array:
        """One of the layer's weights as float32."""
        return to_numpy(getattr(self.layer, name)).astype(np.float32)

    def result(self, name: str, *, channels_first: bool = False) -> Value:
        """The output, which is the ONNX tensor `name`."""
        return Value(name, self.shape, channels_first)

    def like(self, value: Value, name: str) -> Value:
        """The output, which has its axes in the order of `value`."""
        return self.result(name, channels_first=value.channels_first)

    def aligned(self, *, channels_first: bool | None = None) -> list[Value]:
        """The tensors it is called with, all with their axes in the same order."""
        ranks = {value.rank for value in self.values}
        if channels_first is None:
            some = any(value.channels_first for value in self.values)
            channels_first = some and len(ranks) == 1
        move = self.graph.channels_first if channels_first else self.graph.as_keras
        return [move(value) for value in self.values]

    def operand(self, value: Value, *, as_integers: bool) -> str:
        """What to multiply with a kernel: integers if both are, else floats or integers.

        Between rounded inputs and rounded outputs ONNX Runtime would round a float
        kernel to 8 bits, too, with one scale for all channels. Rounded floats keep it
        from that.
        """
        if self.then_rounded and not as_integers:
            return value.name
        return self.graph.as_integers(value.name)

    def per_channel(self, numbers: Any, value: Value) -> str:
        """A constant with a number for each channel, or one for all, to fit `value`."""
        array: Array = np.asarray(numbers, np.float32)
        if value.channels_first and array.ndim == 1:
            array = array.reshape(-1, *(1,) * (value.rank - 2))
        return self.graph.constant(array)

    def inner(self, layer: Any, value: Value) -> Value:
        """Write a layer that is a part of this one."""
        shape = tuple(layer.compute_output_shape(value.shape))
        call = Call(self.graph, layer, (value,), {}, [shape])
        return write(call)[0]

    def refuse(self, why: str) -> UnsupportedModelError:
        """The error to raise if the layer cannot be written."""
        return UnsupportedModelError(
            f"Layer {self.layer.name!r} ({type(self.layer).__name__}) cannot be written "
            f"as ONNX: {why}"
        )


Converter = Callable[[Call], Value | Sequence[Value]]
_LAYERS: dict[str, Converter] = {}
_OPERATIONS: dict[str, Converter] = {}
_FOLDING: set[str] = set()
OWN = "a layer of one's own"


def layer(*names: str, folds: bool = False) -> Callable[[Converter], Converter]:
    """Register a function for Keras layers, by the names of their classes.

    Args:
        *names: Of the classes; a subclass of Keras's or of this library counts, too.
        folds: Whether the function takes over a normalization, see `Call.norm`.
    """

    def register(converter: Converter) -> Converter:
        _LAYERS.update(dict.fromkeys(names, converter))
        _FOLDING.update(names if folds else ())
        return converter

    return register


def operation(*names: str) -> Callable[[Converter], Converter]:
    """Register a function for what Keras makes of `x + y` and of `keras.ops`."""

    def register(converter: Converter) -> Converter:
        _OPERATIONS.update(dict.fromkeys(names, converter))
        return converter

    return register


def write(call: Call) -> list[Value]:
    """Write a call with the function that is registered for its layer.

    Raises:
        UnsupportedModelError: If there is none, or it cannot write this layer.
    """
    name = _registered(call.layer)
    if name is None:
        raise call.refuse(
            "there is no standard form for this type of layer. Build what it does from "
            "Keras's own layers and operations, perhaps in a layer of your own; Lambda is "
            "not covered."
        )
    _check_precision(call)
    with call.graph.inside(call.layer.name):
        written = _table(call.layer)[name](call)
    values = [written] if isinstance(written, Value) else list(written)
    if hands_mask_on(call.layer):
        return [replace(values[0], mask=call.value.mask), *values[1:]]
    return values


def hands_mask_on(one: Any) -> bool:
    """Whether a layer gives the mask of its first input to what it returns."""
    usual = getattr(type(one), "compute_mask", None) is keras.Layer.compute_mask
    attends = isinstance(one, keras.layers.MultiHeadAttention)
    return bool(getattr(one, "supports_masking", False)) and (usual or attends)


def folds(layer: Any) -> bool:
    """Whether a normalization can be left to this layer."""
    return isinstance(layer, keras.Layer) and _registered(layer) in _FOLDING


def _table(one: Any) -> dict[str, Converter]:
    return _LAYERS if isinstance(one, keras.Layer) else _OPERATIONS


def _registered(one: Any) -> str | None:
    """The name, of its class or a class it is derived from, that has a function."""
    if type(one).__module__.partition(".")[0] not in OURS:
        return OWN if isinstance(one, keras.Layer) else None
    names = [parent.__name__ for parent in type(one).__mro__]
    return next((name for name in names if name in _table(one)), None)


def _check_precision(call: Call) -> None:
    if mode := getattr(call.layer, "quantization_mode", None):
        raise call.refuse(
            f"Keras has quantized it itself ({mode}), in a form that only Keras computes. "
            "Quantize the float model with UniformQuantization instead."
        )
