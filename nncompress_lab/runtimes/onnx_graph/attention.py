"""MultiHeadAttention, whatever stands in for its projections."""

import numpy as np

from nncompress_lab.models.attention import projections_of
from nncompress_lab.runtimes.onnx_graph.converters import Call, layer
from nncompress_lab.runtimes.onnx_graph.graph import Value

MASKS = ("query_mask", "value_mask", "key_mask", "attention_mask")
NAMES = ("query", "value", "key", *MASKS, "return_attention_scores")


@layer("MultiHeadAttention")
def multi_head_attention(call: Call) -> Value:
    """Softmax of the scaled products of queries and keys, times the values."""
    one, graph = call.layer, call.graph
    given = dict(zip(NAMES, call.args, strict=False)) | call.kwargs
    _check(call, given)
    query = graph.as_keras(given["query"])
    value = graph.as_keras(given["value"])
    key = graph.as_keras(given["key"]) if given.get("key") is not None else value
    parts = projections_of(one)
    # Heads before positions; keys also with their positions last.
    queries = _heads(call, call.inner(parts["query"], query), [0, 2, 1, 3])
    keys = _heads(call, call.inner(parts["key"], key), [0, 2, 3, 1])
    values = _heads(call, call.inner(parts["value"], value), [0, 2, 1, 3])
    scale = graph.constant(np.float32(one.key_dim**-0.5), "scale")
    scores = graph.op("MatMul", graph.op("Mul", queries, scale), keys)
    chances = graph.op("Softmax", scores, axis=-1)
    mixed = graph.op("MatMul", chances, values)
    joined = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
    shape = (*query.shape[:2], one.num_heads, one.value_dim)
    if "gate" in parts:
        joined = graph.op("Mul", joined, call.inner(parts["gate"], query).name)
    output = call.inner(parts["attention_output"], Value(joined, shape))
    return graph.as_keras(output)


def _heads(call: Call, value: Value, order: list[int]) -> str:
    value = call.graph.as_keras(value)
    return call.graph.op("Transpose", value.name, perm=order)


def _check(call: Call, given: dict[str, object]) -> None:
    values = [one for one in call.values if one.rank != 3]
    masks = [name for name in MASKS if given.get(name) is not None]
    wanted = [
        name
        for name in ("use_causal_mask", "return_attention_scores")
        if given.get(name)
    ]
    if values or masks or wanted or call.layer._attention_axes != (1,):
        raise call.refuse(
            "only attention over one axis, without masks and without its scores as an "
            f"output. Received: {[*masks, *wanted]} and inputs of shape "
            f"{[one.shape for one in call.values]}."
        )
