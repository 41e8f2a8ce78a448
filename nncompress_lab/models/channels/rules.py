"""Which rule says what a layer or an operation does with channels."""

from typing import Any

import keras

from nncompress_lab.models.attention import has_own_projections
from nncompress_lab.models.channels.attention_rules import ATTENTION, attention
from nncompress_lab.models.channels.flow import Rule
from nncompress_lab.models.channels.kernel_rules import KERNELS
from nncompress_lab.models.channels.structure_rules import (
    OPERATIONS,
    STRUCTURE,
    concatenated,
    joined,
    operation,
    passed_on,
)
from nncompress_lab.models.channels.student_rules import (
    WITH_NEW_WEIGHTS,
    bidirectional,
    grouped_attention,
    recurrent,
    split,
)
from nncompress_lab.models.graph import Node
from nncompress_lab.models.kernels import (
    computes_with_floats,
    keras_classes,
    kernel_names,
    walk,
)

LAYERS: dict[str, Rule] = {**STRUCTURE, **KERNELS, **ATTENTION}
OF_SEVERAL_INPUTS = (
    attention,
    concatenated,
    joined,
    operation,
    recurrent,
    bidirectional,
)
OF_SEVERAL_OUTPUTS = (recurrent, bidirectional, split)
# Of what has no rule, these return other channels than go in, whatever their shapes say.
MIXING = {"Einsum", "Matmul", "Reshape", "Transpose"}


def rule_for(node: Node, *, new_weights: bool = False) -> Rule | None:
    """The rule for a call in the graph, or None if nothing is known of it.

    A layer that is given more than its input, such as a mask, has no rule either.

    Args:
        node: The call.
        new_weights: As for `Flow`. Rules go by the exact class, because a subclass may
            compute something else; with new weights only its shapes matter. They are
            taken to be those of the class that it is derived from.
    """
    rule = _rule_of(node.operation, new_weights=new_weights)
    one_output = len(node.outputs) == 1
    one_input = len(_given(node, new_weights=new_weights)) == 1
    if not (one_input or rule in OF_SEVERAL_INPUTS):
        rule = None
    if not (one_output or rule in OF_SEVERAL_OUTPUTS):
        rule = None
    if rule is None and new_weights and _keeps_width(node):
        grouped = "GroupedQueryAttention" in keras_classes(node.operation)
        return grouped_attention if grouped else passed_on
    return rule


def _given(node: Node, *, new_weights: bool) -> list[Any]:
    """What a call is given; with new weights, a mask does not matter."""
    masks = [one for one in node.inputs[1:] if new_weights and one.dtype == "bool"]
    return [one for one in node.inputs if not any(one is mask for mask in masks)]


def _rule_of(called: Any, *, new_weights: bool) -> Rule | None:
    kind = type(called)
    if not isinstance(called, keras.Layer):
        known = kind.__module__.startswith("keras.src.ops.")
        operations = OPERATIONS | {"Split": split} if new_weights else OPERATIONS
        return operations.get(kind.__name__) if known else None
    if new_weights and has_own_projections(called):
        return None
    if new_weights:
        return (LAYERS | WITH_NEW_WEIGHTS).get(keras_classes(called)[0])
    if getattr(keras.layers, kind.__name__, None) is not kind:
        return None
    parts = [called, *(layer for _, layer in walk(called))]
    plain = all(computes_with_floats(part) for part in parts)
    return LAYERS.get(kind.__name__) if plain else None


def _keeps_width(node: Node) -> bool:
    """Whether a call without a rule may be taken to return the channels it is given."""
    called = node.operation
    if "GroupedQueryAttention" in keras_classes(called):
        return True
    wraps = hasattr(called, "layer") or hasattr(called, "cell")
    mixes = type(called).__name__ in MIXING or wraps or bool(kernel_names(called))
    given = _given(node, new_weights=True)
    alone = len(given) == len(node.outputs) == 1 and not mixes
    return alone and (bool(getattr(called, "weights", None)) or _narrows(node))


def _narrows(node: Node) -> bool:
    """Whether with fewer channels in, as many fewer come out: no constant says how many."""
    given, returned = node.inputs[0], node.outputs[0]
    if not given.shape[-1] or not returned.shape:
        return False
    fewer = max(1, given.shape[-1] - 1)
    narrow = keras.KerasTensor((*given.shape[:-1], fewer), given.dtype)
    values = {id(one): one for one in node.inputs} | {id(given): narrow}
    args, kwargs = node.filled(values)
    try:
        result = node.operation.compute_output_spec(*args, **kwargs)
    except Exception:  # whatever the operation makes of it
        return False
    return tuple(result.shape) == (*returned.shape[:-1], fewer)
