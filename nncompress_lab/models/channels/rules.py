"""Which rule says what a layer or an operation does with channels."""

from typing import Any

import keras

from nncompress_lab.models.channels.attention_rules import ATTENTION, attention
from nncompress_lab.models.channels.flow import Rule
from nncompress_lab.models.channels.kernel_rules import KERNELS, RECURRENT
from nncompress_lab.models.channels.structure_rules import (
    OPERATIONS,
    STRUCTURE,
    concatenated,
    joined,
    operation,
    passed_on,
)
from nncompress_lab.models.graph import Node
from nncompress_lab.models.kernels import (
    keras_classes,
    kernel_names,
    kernel_variables,
    walk,
)

LAYERS: dict[str, Rule] = {**STRUCTURE, **KERNELS, **ATTENTION}
OF_SEVERAL_INPUTS = (attention, concatenated, joined, operation)
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
    one_input = len(node.inputs) == 1
    if len(node.outputs) != 1 or not (one_input or rule in OF_SEVERAL_INPUTS):
        rule = None
    if rule is None and new_weights and _keeps_width(node):
        return passed_on
    return rule


def _rule_of(called: Any, *, new_weights: bool) -> Rule | None:
    kind = type(called)
    if not isinstance(called, keras.Layer):
        known = kind.__module__.startswith("keras.src.ops.")
        return OPERATIONS.get(kind.__name__) if known else None
    if new_weights:
        return (LAYERS | RECURRENT).get(keras_classes(called)[0])
    if getattr(keras.layers, kind.__name__, None) is not kind:
        return None
    parts = [called, *(layer for _, layer in walk(called))]
    kernels = [one for part in parts for one in kernel_variables(part)]
    plain = all(hasattr(one, "assign") and "float" in str(one.dtype) for one in kernels)
    return LAYERS.get(kind.__name__) if plain else None


def _keeps_width(node: Node) -> bool:
    """Whether a call without a rule may be taken to return the channels it is given."""
    called = node.operation
    if "GroupedQueryAttention" in keras_classes(called):
        return True
    wraps = hasattr(called, "layer") or hasattr(called, "cell")
    mixes = type(called).__name__ in MIXING or wraps or bool(kernel_names(called))
    return len(node.inputs) == len(node.outputs) == 1 and not mixes
