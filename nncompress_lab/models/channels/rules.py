"""Which rule says what a layer or an operation does with channels."""

from typing import Any

import keras

from nncompress_lab.models.channels.attention_rules import ATTENTION, attention
from nncompress_lab.models.channels.flow import Rule
from nncompress_lab.models.channels.kernel_rules import KERNELS
from nncompress_lab.models.channels.structure_rules import (
    OPERATIONS,
    STRUCTURE,
    concatenated,
    joined,
    operation,
)
from nncompress_lab.models.graph import Node
from nncompress_lab.models.kernels import kernel_variables, walk

LAYERS: dict[str, Rule] = {**STRUCTURE, **KERNELS, **ATTENTION}
OF_SEVERAL_INPUTS = (attention, concatenated, joined, operation)


def rule_for(node: Node) -> Rule | None:
    """The rule for a call in the graph, or None if nothing is known of it.

    A layer that is given more than its input, such as a mask, has no rule either.
    """
    rule = _rule_of(node.operation)
    one_output = len(node.outputs) == 1
    one_input = len(node.inputs) == 1
    return rule if one_output and (one_input or rule in OF_SEVERAL_INPUTS) else None


def _rule_of(called: Any) -> Rule | None:
    """Rules go by the exact class, because a subclass may compute something else."""
    kind = type(called)
    if not isinstance(called, keras.Layer):
        known = kind.__module__.startswith("keras.src.ops.")
        return OPERATIONS.get(kind.__name__) if known else None
    if getattr(keras.layers, kind.__name__, None) is not kind:
        return None
    parts = [called, *(layer for _, layer in walk(called))]
    kernels = [one for part in parts for one in kernel_variables(part)]
    plain = all(hasattr(one, "assign") and "float" in str(one.dtype) for one in kernels)
    return LAYERS.get(kind.__name__) if plain else None
