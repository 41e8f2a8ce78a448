"""Pooling over windows and over whole images."""

import keras
import onnx

from nncompress_lab.runtimes.onnx_graph import geometry
from nncompress_lab.runtimes.onnx_graph.converters import Call, layer
from nncompress_lab.runtimes.onnx_graph.graph import Value
from nncompress_lab.runtimes.onnx_graph.masks import mask_given

MAXIMUM = {f"MaxPooling{rank}D": "MaxPool" for rank in (1, 2, 3)}
AVERAGE = {f"AveragePooling{rank}D": "AveragePool" for rank in (1, 2, 3)}
GLOBAL = {
    f"Global{kind}Pooling{rank}D": operator
    for kind, operator in (("Max", "ReduceMax"), ("Average", "ReduceMean"))
    for rank in (1, 2, 3)
}


@layer(*MAXIMUM, *AVERAGE)
def pooling(call: Call) -> Value:
    """The largest or the mean of each window; what padding adds does not count."""
    one, value = call.layer, geometry.image(call)
    sizes = geometry.spatial(call, value)
    strides = one.strides or one.pool_size
    attributes = geometry.padding(one.padding, sizes, one.pool_size, strides)
    kind = (MAXIMUM | AVERAGE)[type(one).__name__]
    name = call.graph.op(
        kind,
        value.name,
        kernel_shape=list(one.pool_size),
        strides=list(strides),
        **attributes,
    )
    return geometry.image_result(call, name)


@layer(*GLOBAL)
def global_pooling(call: Call) -> Value:
    """The largest or the mean of each channel."""
    if type(call.layer) is keras.layers.GlobalAveragePooling1D and mask_given(call):
        return _mean_of_steps(call, call.graph.as_keras(call.value))
    value = geometry.image(call)
    axes = call.graph.integers(*range(2, value.rank))
    keep = int(call.layer.keepdims)
    name = call.graph.op(
        GLOBAL[type(call.layer).__name__], value.name, axes, keepdims=keep
    )
    return geometry.image_result(call, name) if keep else call.result(name)


def _mean_of_steps(call: Call, value: Value) -> Value:
    """The mean of the steps that count."""
    graph, mask = call.graph, mask_given(call)
    if call.layer.data_format != "channels_last":
        raise call.refuse("it has a mask and data_format='channels_first'.")
    ones = graph.op("Cast", str(mask), to=onnx.TensorProto.FLOAT)
    ones = graph.op("Unsqueeze", ones, graph.integers(2))
    axes, keep = graph.integers(1), int(call.layer.keepdims)
    total = graph.op(
        "ReduceSum", graph.op("Mul", value.name, ones), axes, keepdims=keep
    )
    count = graph.op("ReduceSum", ones, axes, keepdims=keep)
    return call.result(graph.op("Div", total, count))
