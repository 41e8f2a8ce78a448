"""What EinsumDense and MultiHeadAttention do with channels; heads are channels, too."""

from typing import Any

from nncompress_lab.models.channels.arrays.units import Cost, product
from nncompress_lab.models.channels.flow import Call, Flow, Rule
from nncompress_lab.models.channels.structure_rules import activated
from nncompress_lab.models.channels.tensor_channels import Channels, kept_zero, spoiled
from nncompress_lab.models.einsum import Einsum


def einsum(flow: Flow, call: Call) -> Channels:
    """EinsumDense that sums over the channels and makes one axis of new ones."""
    layer, channels = call.layer, call.inputs[0]
    if layer.equation.endswith("..."):
        flow.fix(call, "whose equation ends in an ellipsis")
        return flow.fixed(call.outputs[0], f"output of {call.name}")
    shape = call.shapes[0]
    one = Einsum.parse(layer.equation).expanded(len(shape))
    letter = one.given[channels.axis]
    if letter not in one.summed:
        flow.fix(call, "which does not sum over them")
    elif (inputs := flow.read(call, channels.axis)) is not None:
        flow.bind(layer, layer.kernel, one.kernel.index(letter), inputs, made=False)
    sizes = zip(one.given[1:], shape[1:], strict=True)
    positions = tuple(size for letter, size in sizes if letter not in one.kernel)
    flow.multiply(layer.kernel, layer, positions)
    made = one.output[-1] if flow.new_weights and len(one.made) > 1 else one.made
    if len(made) != 1 or made not in one.made:
        return flow.fixed(call.outputs[0], f"output of {call.name}")
    kernel_axis, axis = one.kernel.index(made), one.output.index(made)
    return _made_by_einsum(flow, call, kernel_axis, axis)


def _made_by_einsum(flow: Flow, call: Call, kernel_axis: int, axis: int) -> Channels:
    layer = call.layer
    units = flow.make(layer, layer.kernel, kernel_axis)
    channels = kept_zero(axis, units)
    if layer.bias is not None:
        place = axis - len(call.outputs[0]) + layer.bias.ndim
        if place >= 0 and layer.bias.shape[place] == len(units):
            flow.bind(layer, layer.bias, place, units, made=True)
        else:  # the same bias is added to every channel
            channels = spoiled(channels, call.name)
    return activated(flow, call, channels, layer.activation)


def attention(flow: Flow, call: Call) -> Channels:
    """MultiHeadAttention: its heads concern nobody else, its outputs all others."""
    layer = call.layer
    named = call.node.named()
    query, value, key = named["query"], named["value"], named.get("key")
    given = {"query": query, "value": value, "key": value if key is None else key}
    if hasattr(layer, "_gate_dense"):
        given["gate"] = query
    for tensor, channels in zip(call.node.inputs, call.inputs, strict=True):
        if not any(tensor is one for one in given.values()):
            flow.units.fix(channels.units, f"its outputs are a mask of {call.name}")
    heads = flow.make(layer.query_dense, layer.query_dense.kernel, 1)
    if flow.new_weights:
        flow.units.fix(heads, "it keeps its heads and makes them narrower")
    for name, tensor in given.items():
        projection = getattr(layer, f"_{name}_dense")
        _project(flow, call, projection, tensor)
        flow.bind(projection, projection.kernel, 1, heads, made=True)
        flow.bind(projection, projection.bias, 0, heads, made=True)
        # Costs are those of the axes that are bound by now.
        flow.multiply(projection.kernel, projection, tensor.shape[1:-1])
    seen = tuple(value.shape[axis] for axis in layer.attention_axes)
    pairs = product(query.shape[1:-1]) * product(seen)
    flow.macs.append(Cost(pairs * (layer.key_dim + layer.value_dim), (heads,)))
    return _from_heads(flow, call, heads, query)


def _project(flow: Flow, call: Call, projection: Any, tensor: Any) -> None:
    which = [one is tensor for one in call.node.inputs].index(True)
    inputs = flow.read(call, len(tensor.shape) - 1, which=which)
    if inputs is not None:
        flow.bind(projection, projection.kernel, 0, inputs, made=False)


def _from_heads(flow: Flow, call: Call, heads: Any, query: Any) -> Channels:
    projection = call.layer.output_dense
    flow.bind(projection, projection.kernel, 0, heads, made=False)
    last = projection.kernel.ndim - 1
    outputs = flow.make(projection, projection.kernel, last)
    flow.bind(projection, projection.bias, last - 2, outputs, made=True)
    flow.multiply(projection.kernel, projection, query.shape[1:-1])
    channels = kept_zero(len(call.outputs[0]) - 1, outputs)
    if last > 2:
        flow.units.fix(outputs, f"its outputs have several axes in {call.name}")
    return channels


ATTENTION: dict[str, Rule] = {"EinsumDense": einsum, "MultiHeadAttention": attention}
