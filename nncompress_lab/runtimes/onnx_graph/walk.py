"""From a Keras model to an ONNX file: along its graph, layer by layer.

Only configurations and weights are read, and nothing is computed by the backend, so the
same model gives the same bytes under each of them.
"""

from collections.abc import Sequence
from typing import Any

import keras
import onnx

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.quantization.fake_quantize import FakeQuantize
from nncompress_lab.rewrite import check_model
from nncompress_lab.runtimes.onnx_graph import (  # noqa: F401 (they register functions)
    attention,
    convolutions,
    dense,
    merging,
    pooling,
    rounding,
    shapes,
)
from nncompress_lab.runtimes.onnx_graph.converters import Call, folds, layer, write
from nncompress_lab.runtimes.onnx_graph.graph import Graph, Value
from nncompress_lab.runtimes.onnx_graph.normalization import per_channel

TYPES = {
    "float32": onnx.TensorProto.FLOAT,
    "int8": onnx.TensorProto.INT8,
    "uint8": onnx.TensorProto.UINT8,
    "int32": onnx.TensorProto.INT32,
    "int64": onnx.TensorProto.INT64,
}
# What keeps 8-bit integers what they are, or their order: the runtime rounds before it.
ROUNDED_THROUGH = ("ReLU", "MaxPooling2D", "Flatten", "Reshape", "Dropout", "Identity")


def to_onnx(model: keras.Model) -> bytes:
    """The content of a float32 `.onnx` file for a model.

    Inputs and outputs have the names and shapes of Keras, with a free batch size. Each
    BatchNormalization is folded into the convolution or Dense layer before it where that
    is all that uses it. Kernels stay in the few bits that the layers store them in.

    Args:
        model: A built functional or sequential model.

    Raises:
        UnsupportedModelError: If the model is subclassed or unbuilt, or holds a layer
            that has no standard form; the message names it.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> onnx.load_from_string(to_onnx(model)).graph.node[0].op_type
        'MatMul'
    """
    check_model(model)
    graph = Graph(model.name)
    inputs, values = [], []
    for tensor in keras.tree.flatten(model.inputs):
        name = tensor._keras_history.operation.name
        inputs.append(graph.input(name, tensor, _type(model, name, tensor)))
        values.append(Value(name, tuple(tensor.shape)))
    results = _walk(graph, model, values)
    file = graph.model(inputs, _named(model, results, {one.name for one in values}))
    return bytes(file.SerializeToString(deterministic=True))


@layer("Functional", "Sequential")
def inner_model(call: Call) -> Sequence[Value]:
    """A model inside a model."""
    return _walk(call.graph, call.layer, call.values)


def _walk(graph: Graph, model: Any, inputs: Sequence[Value]) -> list[Value]:
    plan = _Plan(model)
    known = dict(zip((id(one) for one in model.inputs), inputs, strict=True))
    for node in plan.nodes:
        if node.is_input or id(node) in plan.folded:
            continue
        args, kwargs = node.arguments.fill_in(known)
        norm = plan.norm_after(node)
        outputs = norm.outputs if norm else node.outputs
        call = Call(
            graph,
            node.operation,
            tuple(args),
            dict(kwargs),
            [tuple(one.shape) for one in outputs],
            norm=per_channel(norm.operation) if norm else None,
            then_rounded=plan.is_rounded(outputs[0]),
        )
        results = write(call)
        known |= zip((id(one) for one in outputs), results, strict=True)
    return [known[id(one)] for one in keras.tree.flatten(model.outputs)]


class _Plan:
    """The calls of a model in their order, and who uses which tensor."""

    def __init__(self, model: Any) -> None:
        graph = model._functional if isinstance(model, keras.Sequential) else model
        depths = sorted(graph._nodes_by_depth, reverse=True)
        self.nodes = [node for one in depths for node in graph._nodes_by_depth[one]]
        self.outputs = {id(one) for one in keras.tree.flatten(graph.outputs)}
        self.users: dict[int, list[Any]] = {}
        for node in self.nodes:
            for tensor in node.input_tensors:
                self.users.setdefault(id(tensor), []).append(node)
        norms = (self.norm_after(node) for node in self.nodes)
        self.folded = {id(norm) for norm in norms if norm}

    def norm_after(self, node: Any) -> Any:
        """The call of a BatchNormalization that can be left to `node`, or None."""
        if not folds(node.operation):
            return None
        users = self.users.get(id(node.outputs[0]), [])
        linear = node.operation.activation is keras.activations.linear
        if len(users) != 1 or id(node.outputs[0]) in self.outputs or not linear:
            return None
        norm, rank = users[0].operation, len(node.outputs[0].shape)
        last = getattr(node.operation, "data_format", None) != "channels_first"
        is_norm = type(norm) is keras.layers.BatchNormalization
        axis = {-1, rank - 1} if last else {1}
        return users[0] if is_norm and norm.axis in axis else None

    def is_rounded(self, tensor: Any) -> bool:
        """Whether all that uses a tensor rounds it to 8-bit integers first."""
        users = self.users.get(id(tensor), [])
        if not users or id(tensor) in self.outputs:
            return False
        return all(self._rounds(user) for user in users)

    def _rounds(self, node: Any) -> bool:
        one = node.operation
        if type(one) is FakeQuantize:
            return bool(one.bits == 8 and not one.dynamic)
        through = type(one).__name__ in ROUNDED_THROUGH
        if isinstance(one, keras.layers.Activation):
            through = one.activation is keras.activations.relu
        return through and self.is_rounded(node.outputs[0])


def _type(model: Any, name: str, tensor: Any) -> int:
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    if dtype not in TYPES:
        raise UnsupportedModelError(
            f"Input {name!r} of {model.name!r} has the type {dtype}. ONNX files are "
            f"written for inputs of the types {', '.join(TYPES)}."
        )
    return int(TYPES[dtype])


def _named(model: Any, values: list[Value], taken: set[str]) -> dict[str, Value]:
    """Outputs by the names of the layers that they come from."""
    named: dict[str, Value] = {}
    for tensor, value in zip(keras.tree.flatten(model.outputs), values, strict=True):
        name, count = tensor._keras_history.operation.name, 0
        while (full := f"{name}_{count}" if count else name) in taken | set(named):
            count += 1
        named[full] = value
    return named
