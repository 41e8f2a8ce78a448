"""Multiply-accumulates of one example, counted from the shapes in the graph.

Counted are the layers that multiply by a kernel, at each step if they are recurrent, and
products of inputs: those of attention and of Dot. Biases, activations, normalization and
pooling are not, as is usual. FLOPs are twice the MACs. Zeros count like other weights,
because dense runtimes multiply by them.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.attention import projections_of
from nncompress_lab.models.einsum import Einsum
from nncompress_lab.models.graph import ModelGraph, Node, is_graph
from nncompress_lab.models.kernels import (
    Skip,
    kernel_names,
    kernel_shape,
    own_variables,
    reason_without_kernel,
    walk,
)
from nncompress_lab.models.rewrite import check_model

Shape = tuple[int, ...]
Paths = dict[int, str]


def macs(model: keras.Model) -> int:
    """Multiply-accumulates for one example.

    Args:
        model: A built functional or sequential model.

    Returns:
        Their number over all layers; a layer that is used twice counts twice.

    Raises:
        UnsupportedModelError: If a layer's MACs are not known, or a size in the graph is
            None.
    """
    return sum(layer_macs(model).values())


def layer_macs(model: keras.Model) -> dict[str, int]:
    """Multiply-accumulates for one example, by layer.

    Args:
        model: A built functional or sequential model.

    Returns:
        A number for each layer with weights that is part of the graph, by path.

    Raises:
        UnsupportedModelError: As for `macs`.
    """
    check_model(model)
    counts: dict[str, int] = {}
    paths = {id(layer): path for path, layer in walk(model)}
    for node in _calls(model):
        layer = node.operation
        inputs = [tuple(tensor.shape[1:]) for tensor in _inputs_of(node)]
        output = tuple(node.outputs[0].shape[1:])
        if isinstance(layer, tuple(PRODUCTS)) or layer.weights:
            for part, number in _macs_of(layer, paths, inputs, output).items():
                counts[part] = counts.get(part, 0) + number
    return counts


def _calls(model: Any) -> Iterator[Node]:
    """Every call of a layer, also inside inner models."""
    for node in ModelGraph(model).nodes:
        if is_graph(node.operation):
            yield from _calls(node.operation)
        elif isinstance(node.operation, keras.Layer):
            yield node


def _inputs_of(node: Node) -> list[Any]:
    """What a layer is called on; for attention query, value and key, however passed."""
    if not isinstance(node.operation, keras.layers.MultiHeadAttention):
        return node.inputs
    given = node.named()
    return [given["query"], given["value"], given.get("key", given["value"])]


def _macs_of(
    layer: Any, paths: Paths, inputs: list[Shape], output: Shape
) -> dict[str, int]:
    """MACs of one use of a layer; those of what it holds by their own paths."""
    path = paths[id(layer)]
    if any(size is None for shape in [*inputs, output] for size in shape):
        raise UnsupportedModelError(
            f"MACs need fixed sizes, and layer {path!r} has inputs {inputs} and output "
            f"{output}. Build the model with the sizes of one real example."
        )
    if (parts := _composite(layer, paths, inputs, output)) is not None:
        return parts
    for kind, product in PRODUCTS.items():
        if isinstance(layer, kind):
            return {path: product(layer, inputs, output)}
    if not kernel_names(layer):
        variables = own_variables(layer)
        if variables and reason_without_kernel(layer) is Skip.NO_KERNEL:
            return {path: 0}
        raise UnsupportedModelError(_unknown(layer, path))
    return {path: _kernel_layer(layer, inputs[0], output)}


def _composite(
    layer: Any, paths: Paths, inputs: list[Shape], output: Shape
) -> dict[str, int] | None:
    """MACs of a layer that computes with others inside; None of any other layer."""
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return _attention(layer, paths[id(layer)], inputs)
    if type(layer) is keras.layers.TimeDistributed:
        return _at_each_step(layer, paths, inputs[0], output)
    if type(layer) is keras.layers.Bidirectional:
        halves = (layer.forward_layer, layer.backward_layer)
        return _sum(_macs_of(one, paths, inputs, output) for one in halves)
    recurrent = type(layer).call in {one.call for one in RECURRENT}
    return _steps(layer, paths, inputs[0]) if recurrent else None


def _sum(several: Iterable[dict[str, int]], times: int = 1) -> dict[str, int]:
    total: dict[str, int] = {}
    for counts in several:
        for path, number in counts.items():
            total[path] = total.get(path, 0) + times * number
    return total


def _at_each_step(
    layer: Any, paths: Paths, shape: Shape, output: Shape
) -> dict[str, int]:
    inner, steps = layer.layer, shape[0]
    if not inner.weights:
        return {}
    if is_graph(inner):
        counts = layer_macs(inner)
        return {
            f"{paths[id(inner)]}/{path}": steps * one for path, one in counts.items()
        }
    return _sum([_macs_of(inner, paths, [shape[1:]], output[1:])], steps)


def _steps(layer: Any, paths: Paths, shape: Shape) -> dict[str, int]:
    """Each kernel of each cell once a step; in a ConvLSTM once a step and position."""
    cells = getattr(layer.cell, "cells", [layer.cell])
    if any(len(kernel_names(one)) != 2 for one in cells):
        raise UnsupportedModelError(_unknown(layer, paths[id(layer)]))
    positions = 1
    if len(shape) > 2:
        state = layer.cell.compute_output_shape((None, *shape[1:]))[0][1:]
        last = layer.cell.data_format == "channels_last"
        positions = math.prod(state[:-1] if last else state[1:])
    return {
        paths[id(one)]: shape[0]
        * positions
        * sum(math.prod(kernel_shape(one, name)) for name in kernel_names(one))
        for one in cells
    }


def _dot(layer: Any, inputs: list[Shape], output: Shape) -> int:
    axes = layer.axes if isinstance(layer.axes, int) else layer.axes[0]
    size = (None, *inputs[0])[axes]
    return math.prod(output) * int(size or 1)


def _pairs(layer: Any, inputs: list[Shape], _output: Shape) -> int:
    """Scores of queries and keys, and the sum of the values by them."""
    (queries, width), (keys, of_value) = inputs[0], inputs[1]
    return queries * keys * (width + of_value)


PRODUCTS: dict[type, Callable[[Any, list[Shape], Shape], int]] = {
    keras.layers.Attention: _pairs,  # and AdditiveAttention, which is derived from it
    keras.layers.Dot: _dot,
}
RECURRENT = (
    keras.layers.RNN,
    keras.layers.LSTM,
    keras.layers.GRU,
    keras.layers.SimpleRNN,
    keras.layers.ConvLSTM1D,
)


def _unknown(layer: Any, path: str) -> str:
    return (
        f"The MACs of {type(layer).__name__} are not known, and layer {path!r} is one. "
        "Models of Dense, EinsumDense, Conv, DepthwiseConv, SeparableConv, Embedding, "
        "attention and recurrent layers can be counted."
    )


def _kernel_layer(layer: Any, shape: Shape, output: Shape) -> int:
    weights = sum(math.prod(kernel_shape(layer, name)) for name in kernel_names(layer))
    if isinstance(layer, keras.layers.Embedding):
        # A look-up multiplies nothing; a tied embedding that makes logits does.
        tied = isinstance(layer, keras.layers.ReversibleEmbedding)
        reverse = (
            tied and output[-1:] == (layer.input_dim,) and len(output) == len(shape)
        )
        return math.prod(output[:-1]) * weights if reverse else 0
    if isinstance(layer, keras.layers.EinsumDense):
        return _einsum(layer, shape)
    if isinstance(layer, keras.layers.Dense):
        return math.prod(output[:-1]) * weights
    transposed = any(one.__name__.endswith("Transpose") for one in type(layer).__mro__)
    # A transposed convolution uses its whole kernel at each *input* position.
    positions = shape if transposed else output
    channels_last = layer.data_format == "channels_last"
    return math.prod(positions[:-1] if channels_last else positions[1:]) * weights


def _einsum(layer: Any, shape: Shape) -> int:
    """One for each entry of an array with all letters, each letter once."""
    einsum = Einsum.parse(layer.equation).expanded(len(shape) + 1)  # with the batch
    sizes = dict(zip(einsum.given[1:], shape, strict=True))
    sizes |= zip(einsum.kernel, kernel_shape(layer, "kernel"), strict=True)
    return math.prod(sizes.values())


def _inside(projection: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The layers of a projection that is several layers, with their paths."""
    return ((f"{name}/{path}", layer) for path, layer in walk(projection))


def _attention(layer: Any, path: str, inputs: list[Shape]) -> dict[str, int]:
    query, value, key = inputs
    seen = {"key": key, "value": value}
    counts = {
        f"{path}/{inner}": math.prod(seen.get(name, query)[:-1])
        * math.prod(kernel_shape(part, "kernel"))
        for name, projection in projections_of(layer).items()
        for inner, part in [(name, projection), *_inside(projection, name)]
        if kernel_names(part)
    }
    rank = len(query) + 1  # with the batch axis, which the shapes here lack
    axes = layer._attention_axes or range(1, rank - 1)
    pairs = math.prod(query[:-1]) * math.prod(value[axis % rank - 1] for axis in axes)
    counts[path] = layer.num_heads * pairs * (layer.key_dim + layer.value_dim)
    return counts
