"""Pooling over windows and over whole images."""

from nncompress_lab.runtimes.onnx_graph import geometry
from nncompress_lab.runtimes.onnx_graph.converters import Call, layer
from nncompress_lab.runtimes.onnx_graph.graph import Value

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
    value = geometry.image(call)
    axes = call.graph.integers(*range(2, value.rank))
    keep = int(call.layer.keepdims)
    name = call.graph.op(
        GLOBAL[type(call.layer).__name__], value.name, axes, keepdims=keep
    )
    return geometry.image_result(call, name) if keep else call.result(name)
