"""Multiply-accumulates of one example, counted from the shapes in the graph.

Counted are the layers that multiply by a kernel, and the two products of
MultiHeadAttention. Biases, activations, normalization and pooling are not, as is usual.
FLOPs are twice the MACs. Zeros count like other weights, because dense runtimes multiply
by them.
"""

import math
from collections.abc import Iterator
from typing import Any

import keras

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.attention import projections_of
from nncompress_lab.models.einsum import Einsum
from nncompress_lab.models.graph import ModelGraph, Node
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
PRODUCTS_OF_INPUTS = (
    keras.layers.Attention,
    keras.layers.AdditiveAttention,
    keras.layers.Dot,
)


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
        if isinstance(layer, PRODUCTS_OF_INPUTS):
            raise UnsupportedModelError(_unknown(layer, paths[id(layer)]))
        if layer.weights:
            path = paths[id(layer)]
            inputs = [tuple(tensor.shape[1:]) for tensor in _inputs_of(node)]
            output = tuple(node.outputs[0].shape[1:])
            for part, number in _macs_of(layer, path, inputs, output).items():
                counts[part] = counts.get(part, 0) + number
    return counts


def _calls(model: Any) -> Iterator[Node]:
    """Every call of a layer, also inside inner models."""
    for node in ModelGraph(model).nodes:
        if isinstance(node.operation, keras.Model):
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
    layer: Any, path: str, inputs: list[Shape], output: Shape
) -> dict[str, int]:
    """MACs of one use of a layer; those of an attention layer by projection."""
    if any(size is None for shape in [*inputs, output] for size in shape):
        raise UnsupportedModelError(
            f"MACs need fixed sizes, and layer {path!r} has inputs {inputs} and output "
            f"{output}. Build the model with the sizes of one real example."
        )
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return _attention(layer, path, inputs)
    if not kernel_names(layer):
        variables = own_variables(layer)
        if variables and reason_without_kernel(layer) is Skip.NO_KERNEL:
            return {path: 0}
        raise UnsupportedModelError(_unknown(layer, path))
    return {path: _kernel_layer(layer, inputs[0], output)}


def _unknown(layer: Any, path: str) -> str:
    return (
        f"The MACs of {type(layer).__name__} are not known, and layer {path!r} is one. "
        "Models of Dense, EinsumDense, Conv, DepthwiseConv, SeparableConv, Embedding and "
        "MultiHeadAttention layers can be counted."
    )


def _kernel_layer(layer: Any, shape: Shape, output: Shape) -> int:
    weights = sum(math.prod(kernel_shape(layer, name)) for name in kernel_names(layer))
    if isinstance(layer, keras.layers.Embedding):
        return 0  # a look-up multiplies nothing
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
