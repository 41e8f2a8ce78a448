"""From a Keras model to an ONNX file: along its graph, layer by layer.

Only configurations and weights are read, and nothing is computed by the backend, so the
same model gives the same bytes under each of them. The call of a layer of one's own is
followed; what it computes of its weights alone, the backend computes.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import onnx

from nncompress_lab.data.datasets import Data
from nncompress_lab.errors import UnsupportedModelError, first_line
from nncompress_lab.models.inputs import (
    input_arrays,
    input_names,
    output_names,
    with_free_batch,
)
from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.models.opened import opened
from nncompress_lab.models.rewrite import check_model
from nncompress_lab.quantization.arrays.affine import AffineParams
from nncompress_lab.runtimes.onnx_graph import (  # noqa: F401 (they register functions)
    attention,
    convolutions,
    dense,
    logic,
    masks,
    merging,
    pooling,
    recurrent,
    resizing,
    rounding,
    shapes,
)
from nncompress_lab.runtimes.onnx_graph.converters import OWN, Call, layer, write
from nncompress_lab.runtimes.onnx_graph.graph import Graph, Value
from nncompress_lab.runtimes.onnx_graph.normalization import per_channel
from nncompress_lab.runtimes.onnx_graph.output_ranges import observed_ranges
from nncompress_lab.runtimes.onnx_graph.plan import Plan
from nncompress_lab.runtimes.runtime import Inputs

_SIZES = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
NAMES = ("bool", "float16", "float32", "float64", *_SIZES)
TYPES = {one: onnx.helper.np_dtype_to_tensor_dtype(np.dtype(one)) for one in NAMES}


def to_onnx(model: keras.Model, *, calibration: Inputs | Data | None = None) -> bytes:
    """The content of a float32 `.onnx` file for a model.

    Inputs and outputs have the names and shapes of Keras, with a free batch size. Each
    BatchNormalization is folded into the convolution or Dense layer before it where that
    is all that uses it. Kernels stay in the few bits that the layers store them in. What
    computes in float16 or bfloat16 in Keras computes in float32 there. Recurrent layers
    are written step by step.

    Args:
        model: A built functional or sequential model.
        calibration: Inputs of the model. If it has convolutions of integers whose outputs
            no layer rounds, because they go into a sum, these are rounded to 8 bits of
            the range that is seen with them, and the convolutions run in integers. They
            run in floats without.

    Raises:
        UnsupportedModelError: If the model is subclassed or unbuilt, or holds a layer
            that has no standard form, and does not consist of what has one; the message
            names it.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> onnx.load_from_string(to_onnx(model)).graph.node[0].op_type
        'MatMul'
    """
    check_model(model)
    model = with_free_batch(model)
    content, unrounded = _written(model, {})
    if calibration is None or not unrounded:
        return content
    ranges = observed_ranges(content, unrounded, input_arrays(model, calibration))
    return _written(model, ranges)[0]


def _written(
    model: keras.Model, ranges: dict[str, AffineParams]
) -> tuple[bytes, dict[str, str]]:
    """The file, and the tensors in it whose ranges would make more of it integers."""
    graph = Graph(model.name, ranges)
    inputs, values = [], []
    tensors = keras.tree.flatten(model.inputs)
    names = input_names(model)
    for name, tensor in zip(names, tensors, strict=True):
        kind = _type(model, name, tensor)
        inputs.append(graph.input(name, tensor, kind))
        values.append(Value(_floats(graph, name, kind), tuple(tensor.shape)))
    results = _walk(graph, model, values)
    file = graph.model(inputs, _named(model, results, set(names)))
    return bytes(file.SerializeToString(deterministic=True)), graph.unrounded


@layer("Functional", "Sequential")
def inner_model(call: Call) -> Sequence[Value]:
    """A model inside a model."""
    return _walk(call.graph, call.layer, call.values, then_rounded=call.then_rounded)


@layer(OWN)
def own_layer(call: Call) -> Sequence[Value]:
    """A layer whose call is made of layers and operations that have a form."""
    given = {id(one): one for one in call.values}
    inputs = {
        place: keras.Input(batch_shape=(None, *one.shape[1:]))
        for place, one in given.items()
    }

    def entry(one: Any) -> Any:
        return inputs.get(id(one), one)

    args, kwargs = keras.tree.map_structure(entry, (call.args, call.kwargs))
    try:
        model = opened(call.layer, list(inputs.values()), args, kwargs)
    except Exception as error:  # of whoever wrote the layer
        raise call.refuse(
            "its call could not be followed through Keras's layers and operations: "
            f"{first_line(error)}"
        ) from error
    values = [Value(one.name, one.shape, one.channels_first) for one in given.values()]
    try:
        return _walk(call.graph, model, values)
    except UnsupportedModelError as error:
        raise call.refuse(f"it is made of what cannot: {error}") from error


def _walk(
    graph: Graph, model: Any, inputs: Sequence[Value], *, then_rounded: bool = False
) -> list[Value]:
    plan = Plan(model, then_rounded=then_rounded)
    known = dict(zip((id(one) for one in plan.graph.inputs), inputs, strict=True))
    for node in plan.graph.nodes:
        if id(node) in plan.folded:
            continue
        args, kwargs = keras.tree.map_structure(_constant, node.filled(known))
        norm = plan.norm_after(node)
        outputs = norm.outputs if norm else node.outputs
        call = Call(
            graph,
            node.operation,
            args,
            kwargs,
            [tuple(one.shape) for one in outputs],
            norm=per_channel(norm.operation) if norm else None,
            then_rounded=all(plan.is_rounded(one) for one in outputs),
        )
        results = write(call)
        known |= zip((id(one) for one in outputs), results, strict=True)
    return [known[id(one)] for one in plan.graph.outputs]


def _constant(one: Any) -> Any:
    """An array for a weight or a tensor that an operation is called with."""
    held = isinstance(one, keras.Variable) or keras.ops.is_tensor(one)
    return to_numpy(one) if held else one


def _type(model: Any, name: str, tensor: Any) -> int:
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    if dtype not in TYPES:
        raise UnsupportedModelError(
            f"Input {name!r} of {model.name!r} has the type {dtype}. ONNX files are "
            f"written for inputs of the types {', '.join(TYPES)}."
        )
    return int(TYPES[dtype])


def _floats(graph: Graph, name: str, kind: int) -> str:
    """An input as the floats that all operators here take; ids are exact up to 2**24."""
    if kind == onnx.TensorProto.FLOAT:
        return name
    return graph.op("Cast", name, to=onnx.TensorProto.FLOAT)


def _named(model: Any, values: list[Value], taken: set[str]) -> dict[str, Value]:
    """Outputs by their keys, or the names of the layers that they come from."""
    named: dict[str, Value] = {}
    for name, value in zip(output_names(model), values, strict=True):
        count = 0
        while (full := f"{name}_{count}" if count else name) in taken | set(named):
            count += 1
        named[full] = value
    return named
