"""MultiHeadAttention, whatever stands in for its projections."""

from typing import Any

import keras
import numpy as np

from nncompress_lab.models.attention import projections_of
from nncompress_lab.runtimes.onnx_graph.converters import Call, layer
from nncompress_lab.runtimes.onnx_graph.graph import Value
from nncompress_lab.runtimes.onnx_graph.masks import all_of, as_bool

MASKS = ("query_mask", "value_mask", "key_mask", "attention_mask")
NAMES = ("query", "value", "key", *MASKS, "return_attention_scores")
GROUPED = ("query", "value", "key", *MASKS, "return_attention_scores")
LOW = np.float32(-1e9)  # what is masked has no chance beside what is not


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
    mask = _mask(call, given, query, value)
    chances = graph.op("Softmax", _masked(call, scores, mask), axis=-1)
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


def _mask(call: Call, given: dict[str, Any], query: Value, value: Value) -> str | None:
    """Which pairs of positions may see each other, `(batch, 1, queries, keys)`."""
    graph, masks = call.graph, []
    key = given.get("key")
    for one, axes in ((query.mask, (1, 3)), (value.mask, (1, 2))):
        if one is not None:
            masks.append(graph.op("Unsqueeze", one, graph.integers(*axes)))
    if isinstance(key, Value) and key.mask is not None and key.mask != value.mask:
        masks.append(graph.op("Unsqueeze", key.mask, graph.integers(1, 2)))
    if isinstance(one := given.get("attention_mask"), Value):
        heads = [] if one.rank == 4 else [1]
        name = as_bool(call, one)
        masks.append(
            graph.op("Unsqueeze", name, graph.integers(*heads)) if heads else name
        )
    if given.get("use_causal_mask"):
        rows, columns = query.shape[1], value.shape[1]
        if rows is None or columns is None:
            raise call.refuse(
                "a causal mask for a number of positions that is not fixed."
            )
        ones = np.ones((rows, columns), bool)
        masks.append(graph.constant(np.tril(ones), "causal"))
    return all_of(call, list(masks))


def _masked(call: Call, scores: str, mask: str | None) -> str:
    if mask is None:
        return scores
    low = call.graph.constant(LOW, "low")
    return call.graph.op("Where", mask, scores, low)


@layer("GroupedQueryAttention")
def grouped_query_attention(call: Call) -> Value:
    """Several heads of queries share one of keys and values."""
    one, graph = call.layer, call.graph
    given = dict(zip(GROUPED, call.args, strict=False)) | call.kwargs
    if given.get("return_attention_scores"):
        raise call.refuse("it returns its scores.")
    query, value = graph.as_keras(given["query"]), graph.as_keras(given["value"])
    key = graph.as_keras(given["key"]) if given.get("key") is not None else value
    # Each head of keys as often as queries share it.
    times = one.num_query_heads // one.num_key_value_heads
    places = np.repeat(np.arange(one.num_key_value_heads, dtype=np.int64), times)
    parts = []
    for name, source, order in (
        ("key", key, [0, 2, 3, 1]),
        ("value", value, [0, 2, 1, 3]),
    ):
        part = graph.as_keras(call.inner(getattr(one, f"_{name}_dense"), source)).name
        part = graph.op("Gather", part, graph.constant(places, "heads"), axis=2)
        parts.append(graph.op("Transpose", part, perm=order))
    queries = _heads(call, call.inner(one._query_dense, query), [0, 2, 1, 3])
    scale = graph.constant(np.float32(one.head_dim**-0.5), "scale")
    scores = graph.op("MatMul", graph.op("Mul", queries, scale), parts[0])
    mask = _mask(call, given, query, value)
    chances = graph.op("Softmax", _masked(call, scores, mask), axis=-1)
    mixed = graph.op("MatMul", chances, parts[1])
    joined = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
    if getattr(one, "use_gate", False):
        gate = graph.as_keras(call.inner(one._gate_dense, query))
        joined = graph.op("Mul", joined, gate.name)
    shape = (*query.shape[:2], one.num_query_heads, one.head_dim)
    return graph.as_keras(call.inner(one._output_dense, Value(joined, shape)))


@layer("Attention", "AdditiveAttention")
def attention(call: Call) -> Value:
    """Values weighed by how well keys fit queries, without projections."""
    one, graph = call.layer, call.graph
    query, value, *others = (graph.as_keras(each) for each in call.values)
    key = others[0] if others else value
    masked = any(each.mask for each in (query, value)) or call.kwargs.get("mask")
    if masked or len(others) > 1 or call.kwargs.get("return_attention_scores"):
        raise call.refuse("it has masks or returns its scores.")
    scale = None if one.scale is None else graph.constant(call.weight("scale"), "scale")
    if isinstance(one, keras.layers.AdditiveAttention):
        rows = graph.op("Unsqueeze", query.name, graph.integers(2))
        columns = graph.op("Unsqueeze", key.name, graph.integers(1))
        fits = graph.op("Tanh", graph.op("Add", rows, columns))
        fits = graph.op("Mul", fits, scale) if scale else fits
        scores = graph.op("ReduceSum", fits, graph.integers(3), keepdims=0)
    elif one.score_mode == "dot":
        keys = graph.op("Transpose", key.name, perm=[0, 2, 1])
        scores = graph.op("MatMul", query.name, keys)
        scores = graph.op("Mul", scores, scale) if scale else scores
    else:
        raise call.refuse(f"score_mode={one.score_mode!r}.")
    if call.kwargs.get("use_causal_mask"):
        scores = _causal(call, scores, query, value)
    chances = graph.op("Softmax", scores, axis=-1)
    return call.result(graph.op("MatMul", chances, value.name))


def _causal(call: Call, scores: str, query: Value, value: Value) -> str:
    mask = _mask(call, {"use_causal_mask": True}, query, value)
    return _masked(call, scores, mask)


def _check(call: Call, given: dict[str, Any]) -> None:
    values = [given[name] for name in ("query", "value")]
    separate = [name for name in MASKS[:3] if given.get(name) is not None]
    scores = given.get("return_attention_scores")
    several = any(one.rank != 3 for one in values)
    if several or separate or scores or call.layer._attention_axes != (1,):
        raise call.refuse(
            "only attention over one axis, without its scores as an output, and with "
            f"masks that travel along. Received: {separate} and inputs of shape "
            f"{[one.shape for one in call.values]}."
        )
