"""Dense, EinsumDense and Embedding: products with a matrix, and rows of one.

A product is always MatMul, and never becomes Gemm: in front of Gemm, ONNX Runtime turns
integers into floats at every call, which made a multilayer perceptron 14 times slower.
"""

import math
from dataclasses import replace

import numpy as np
import onnx

from nncompress_lab.models.einsum import Einsum
from nncompress_lab.models.kernels import channel_axes, kernel_shape
from nncompress_lab.models.patches import summed_first
from nncompress_lab.runtimes.onnx_graph.activations import activated
from nncompress_lab.runtimes.onnx_graph.converters import Array, Call, layer
from nncompress_lab.runtimes.onnx_graph.graph import Value
from nncompress_lab.runtimes.onnx_graph.integer_kernels import IntegerKernel
from nncompress_lab.runtimes.onnx_graph.kernels import kernel_of
from nncompress_lab.runtimes.onnx_graph.layout import Kernel, Layout, Product
from nncompress_lab.runtimes.onnx_graph.normalization import folded, normalized

# Above it a product of floats is faster than one of rounded numbers. On a CPU with VNNI,
# ONNX Runtime's 8-bit product had 2.0 times the speed at 32 rows and 0.8 times at 196;
# without VNNI it gains at 1 row only.
MOST_ROWS = 32


@layer("Dense", folds=True)
def dense(call: Call) -> Value:
    """MatMul with the kernel, plus the bias."""
    value = call.graph.as_keras(call.value)
    kernel, bias, norm = folded(
        kernel_of(call.layer, "kernel", Layout((0, 1), None, 1)),
        call.weight("bias") if call.layer.use_bias else None,
        call.norm,
    )
    name = _product(call, value, kernel, bias)
    result = normalized(call, call.result(name), norm)
    return activated(call, result, call.layer.activation)


@layer("EinsumDense")
def einsum_dense(call: Call) -> Value:
    """MatMul between two reshapes where the equation is one, else Einsum."""
    one = call.layer
    value = call.graph.as_keras(call.value)
    einsum = Einsum.parse(one.equation)
    free = einsum.given.removesuffix(einsum.summed)
    is_product = einsum.given == free + einsum.summed and not einsum.shared
    if is_product and einsum.output == free + einsum.made:
        return _as_matrix(call, value, len(einsum.summed))
    shape = kernel_shape(one, "kernel")
    whole = Layout(tuple(range(len(shape))), None, len(shape) - 1)
    kernel = _by_letter(kernel_of(one, "kernel", whole), call)
    name = call.graph.op("Einsum", value.name, kernel, equation=one.equation)
    if one.bias is not None:
        name = call.graph.op("Add", name, call.graph.constant(call.weight("bias")))
    return activated(call, call.result(name), one.activation)


@layer("Embedding")
def embedding(call: Call) -> Value:
    """Gather from the rows; 0 may be no word but a place to leave out."""
    return _rows_of(call)


def _rows_of(call: Call) -> Value:
    graph, value = call.graph, call.graph.as_keras(call.value)
    kernel = kernel_of(call.layer, "embeddings", Layout((0, 1), None, 0))
    places = graph.op("Cast", value.name, to=onnx.TensorProto.INT64)
    mask = None
    if call.layer.mask_zero:
        zero = graph.constant(np.int64(0), "zero")
        mask = graph.op("Not", graph.op("Equal", places, zero))
    result = call.result(graph.op("Gather", kernel.write(graph), places))
    return replace(result, mask=mask)


@layer("ReversibleEmbedding")
def reversible_embedding(call: Call) -> Value:
    """An Embedding, or the product with its rows that makes logits."""
    one, graph = call.layer, call.graph
    reverse = call.kwargs.get("reverse", call.args[1] if len(call.args) > 1 else False)
    if not reverse:
        return _rows_of(call)
    if one.logit_soft_cap is not None or one.reverse_dtype is not None:
        raise call.refuse("it has a logit_soft_cap or a reverse_dtype.")
    value = graph.as_keras(call.value)
    if one.tie_weights:
        kernel = kernel_of(one, "embeddings", Layout((1, 0), None, 1)).write(graph)
    else:
        kernel = graph.constant(call.weight("reverse_embeddings"), "reverse")
    return call.result(graph.op("MatMul", value.name, kernel))


def _product(call: Call, value: Value, kernel: Kernel, bias: Array | None) -> str:
    """MatMul plus the bias, in integers where the runtime has it and it is faster."""
    graph, kind = call.graph, _kind(call, value, kernel)
    weights = kernel.write(graph, kind)
    name = call.operand(value, as_integers=kind == "integers")
    product = graph.op("MatMul", name, weights)
    if bias is None:
        return product
    if kind == "floats":
        return graph.op("Add", product, graph.constant(bias, "bias"))
    # With Add it would become a Gemm; `x - (-bias)` is the same number.
    return graph.op("Sub", product, graph.constant(-bias, "minus_bias"))


def _kind(call: Call, value: Value, kernel: Kernel) -> Product:
    if not isinstance(kernel, IntegerKernel):
        return "floats"
    if call.graph.bytes_of(value.name) is not None:
        return "floats" if kernel.integer_scales() is None else "integers"
    rows = [MOST_ROWS + 1 if size is None else size for size in value.shape[1:-1]]
    return "rounded" if math.prod(rows) <= MOST_ROWS else "floats"


def _as_matrix(call: Call, value: Value, summed: int) -> Value:
    one, graph = call.layer, call.graph
    shape = kernel_shape(one, "kernel")
    channels = channel_axes(one, "kernel", len(shape))
    columns = math.prod(shape[axis] for axis in channels)
    rows = math.prod(shape) // columns
    layout = Layout(summed_first(len(shape), channels), (rows, columns), 1)
    if summed > 1:
        before = value.shape[: value.rank - summed]
        value = Value(graph.reshape(value.name, (*before, rows)), (*before, rows))
    bias, column = None if one.bias is None else call.weight("bias"), None
    if bias is not None and bias.ndim <= len(channels):
        sizes = [shape[axis] for axis in channels]
        column = np.broadcast_to(bias, sizes).reshape(columns)
    name = _product(call, value, kernel_of(one, "kernel", layout), column)
    name = name if len(channels) == 1 else graph.reshape(name, call.shape)
    if bias is not None and column is None:  # it differs from place to place
        name = graph.op("Add", name, graph.constant(bias, "bias"))
    return activated(call, call.result(name), one.activation)


def _by_letter(kernel: Kernel, call: Call) -> str:
    if getattr(call.layer, "quantization", None) is not None:
        raise call.refuse(
            f"its kernel is stored in few bits, and equation {call.layer.equation!r} is "
            "no product with a matrix. Call ncl.dequantized(model) first."
        )
    return kernel.write(call.graph)
