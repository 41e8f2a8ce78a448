"""Layers and operations that move numbers and compute nothing."""

from itertools import pairwise
from typing import Any

from nncompress_lab.runtimes.onnx_graph import geometry
from nncompress_lab.runtimes.onnx_graph.converters import Call, layer, operation
from nncompress_lab.runtimes.onnx_graph.graph import Value
from nncompress_lab.runtimes.onnx_graph.superfluous import pad

LONGEST = 2**31 - 1


@layer("Flatten", "Reshape")
@operation("Reshape")
def reshape(call: Call) -> Value:
    """The same numbers, row by row, in another shape; the batch stays."""
    value = call.graph.as_keras(call.value)
    if _sizes(value.shape) == _sizes(
        call.shape
    ) and value.rank == call.value.rank == len(call.shape):
        return value
    if sum(size is None for size in call.shape[1:]) > 1:
        raise call.refuse(f"two sizes of its output {call.shape} are not fixed.")
    if getattr(call.layer, "data_format", "channels_last") == "channels_first":
        raise call.refuse("data_format='channels_first' moves the channels.")
    return call.result(call.graph.reshape(value.name, call.shape))


@layer("Permute")
def permute(call: Call) -> Value:
    """Axes in another order; the batch stays."""
    value = call.graph.as_keras(call.value)
    order = [0, *call.layer.dims]
    return call.result(call.graph.op("Transpose", value.name, perm=order))


@operation("Transpose")
def transpose(call: Call) -> Value:
    """Axes in another order, reversed if none is given."""
    value = call.graph.as_keras(call.value)
    order = call.layer.axes or tuple(reversed(range(value.rank)))
    return call.result(call.graph.op("Transpose", value.name, perm=list(order)))


@operation("ExpandDims")
def expand_dims(call: Call) -> Value:
    """One axis more."""
    value = call.graph.as_keras(call.value)
    axes = call.layer.axis
    axes = call.graph.integers(*(axes if isinstance(axes, list | tuple) else [axes]))
    return call.result(call.graph.op("Unsqueeze", value.name, axes))


@operation("Squeeze")
def squeeze(call: Call) -> Value:
    """Axes of length 1 less."""
    value, axes = call.graph.as_keras(call.value), call.layer.axis
    if axes is None:
        raise call.refuse("which axes it takes away depends on the batch. Name them.")
    axes = call.graph.integers(*(axes if isinstance(axes, list | tuple) else [axes]))
    return call.result(call.graph.op("Squeeze", value.name, axes))


@layer("RepeatVector")
def repeat_vector(call: Call) -> Value:
    """The same vector several times."""
    value = call.graph.as_keras(call.value)
    rows = call.graph.op("Unsqueeze", value.name, call.graph.integers(1))
    times = call.graph.integers(1, call.layer.n, 1)
    return call.result(call.graph.op("Tile", rows, times))


@layer("Concatenate")
@operation("Concatenate")
def concatenate(call: Call) -> Value:
    """One behind the other along an axis."""
    values = call.aligned()
    rank = values[0].rank
    axis = call.layer.axis % rank
    if values[0].channels_first:
        axis = {0: 0, rank - 1: 1}.get(axis, axis + 1)
    name = call.graph.op("Concat", *(value.name for value in values), axis=axis)
    return call.like(values[0], name)


@layer("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def zero_padding(call: Call) -> Value:
    """Zeros around an image."""
    before, after = _ends(call.layer.padding)
    value = _image(call)
    name = pad(call.graph, value.name, [0, 0, *before, 0, 0, *after])
    return _image_result(call, name)


@layer("Cropping1D", "Cropping2D", "Cropping3D")
def cropping(call: Call) -> Value:
    """An image without its edges."""
    before, after = _ends(call.layer.cropping)
    value = _image(call)
    axes = range(2, value.rank)
    ends = [-size if size else LONGEST for size in after]
    numbers = (call.graph.integers(*one) for one in (before, ends, axes))
    return _image_result(call, call.graph.op("Slice", value.name, *numbers))


@operation("GetItem")
def get_item(call: Call) -> Value:
    """A part of a tensor, by numbers and slices with fixed ends, and new axes."""
    value = call.graph.as_keras(call.value)
    key = call.args[1] if len(call.args) > 1 else call.kwargs["key"]
    key = list(key) if isinstance(key, tuple) else [key]
    if not all(
        one is None or one is ... or isinstance(one, int | slice) for one in key
    ):
        raise call.refuse("only numbers, slices, None and ... can be in the brackets.")
    if ... in key:
        place = key.index(...)
        missing = value.rank - sum(one not in (None, ...) for one in key)
        key[place : place + 1] = [slice(None)] * missing
    name, dropped = value.name, []
    for axis, one in enumerate(one for one in key if one is not None):
        if isinstance(one, int):
            dropped.append(axis)
        name = _cut(call, name, axis, one)
    if dropped:
        name = call.graph.op("Squeeze", name, call.graph.integers(*dropped))
    left = [one for one in key if not isinstance(one, int)]
    if added := [axis for axis, one in enumerate(left) if one is None]:
        name = call.graph.op("Unsqueeze", name, call.graph.integers(*added))
    return call.result(name)


@operation("Split")
def split(call: Call) -> list[Value]:
    """Parts of a tensor, one behind the other."""
    one, value = call.layer, call.graph.as_keras(call.value)
    axis, size = one.axis % value.rank, value.shape[one.axis]
    if size is None:
        raise call.refuse(f"axis {axis} of its input {value.shape} is not fixed.")
    parts = one.indices_or_sections
    if isinstance(parts, int):
        parts = range(size // parts, size, size // parts)
    ends = [0, *parts, size]
    return [
        Value(_cut(call, value.name, axis, slice(first, last)), shape)
        for (first, last), shape in zip(pairwise(ends), call.shapes, strict=True)
    ]


@operation("Unstack")
def unstack(call: Call) -> list[Value]:
    """Slices along an axis, without it."""
    value = call.graph.as_keras(call.value)
    axis = call.layer.axis % value.rank
    return [
        Value(call.graph.at(value.name, place, axis), shape)
        for place, shape in enumerate(call.shapes)
    ]


@operation("Stack")
def stack(call: Call) -> Value:
    """One behind the other along a new axis."""
    axis = call.layer.axis % len(call.shape)
    values = call.aligned(channels_first=False)
    axes = call.graph.integers(axis)
    names = [call.graph.op("Unsqueeze", value.name, axes) for value in values]
    return call.result(call.graph.op("Concat", *names, axis=axis))


@operation("Swapaxes")
def swap_axes(call: Call) -> Value:
    """Two axes in each other's place."""
    value, one = call.graph.as_keras(call.value), call.layer
    order = list(range(value.rank))
    first, second = one.axis1 % value.rank, one.axis2 % value.rank
    order[first], order[second] = second, first
    return call.result(call.graph.op("Transpose", value.name, perm=order))


@operation("Flip")
def flip(call: Call) -> Value:
    """An axis backwards."""
    value, axis = call.graph.as_keras(call.value), call.layer.axis
    if axis is None:
        raise call.refuse("it turns the batch, too. Name the axes.")
    name = value.name
    for one in axis if isinstance(axis, tuple | list) else [axis]:
        name = _cut(call, name, one % value.rank, slice(None, None, -1))
    return call.result(name)


def _cut(call: Call, name: str, axis: int, one: int | slice) -> str:
    if isinstance(one, int):
        one = slice(one, one + 1 if one != -1 else None)
    if one == slice(None):
        return name
    step = one.step or 1
    first, last = (0, LONGEST) if step > 0 else (LONGEST, -LONGEST)
    numbers = (
        first if one.start is None else one.start,
        last if one.stop is None else one.stop,
        axis,
        step,
    )
    return call.graph.op(
        "Slice", name, *(call.graph.integers(number) for number in numbers)
    )


def _image(call: Call) -> Value:
    """The input as an image; layers of one axis have no data format."""
    if hasattr(call.layer, "data_format"):
        return geometry.image(call)
    return call.graph.channels_first(call.value)


def _image_result(call: Call, name: str) -> Value:
    if hasattr(call.layer, "data_format"):
        return geometry.image_result(call, name)
    return call.result(name, channels_first=True)


def _ends(amounts: Any) -> tuple[list[int], list[int]]:
    """What is added or taken before and after, for each axis of an image."""
    pairs = amounts if isinstance(amounts[0], tuple | list) else [amounts]
    return [before for before, _ in pairs], [after for _, after in pairs]


def _sizes(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    return tuple(shape[1:])
