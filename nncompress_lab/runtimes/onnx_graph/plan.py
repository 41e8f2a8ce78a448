"""What must be known of the calls around a call before it is written."""

from typing import Any

import keras

from nncompress_lab.models.graph import ModelGraph, Node, is_graph
from nncompress_lab.quantization.layers.fake_quantize import FakeQuantize
from nncompress_lab.runtimes.onnx_graph.converters import folds
from nncompress_lab.runtimes.onnx_graph.kernels import is_bytes

# What keeps 8-bit integers what they are, or their order, or cuts off what rounding does:
# it is rounded before it.
ROUNDED_THROUGH = (
    "Dropout",
    "Flatten",
    "Identity",
    "MaxPooling2D",
    "ReLU",
    "Reshape",
    "ZeroPadding2D",
)
CUT_OFF = {keras.activations.relu, keras.activations.relu6}  # the rounding does, too


class Plan:
    """The graph of a model, which calls are left to others, and what becomes integers.

    Args:
        model: A functional or sequential model.
        then_rounded: Whether its outputs become 8-bit integers before they are used.
    """

    def __init__(self, model: Any, *, then_rounded: bool) -> None:
        self.graph = ModelGraph(model)
        self._then_rounded = then_rounded
        norms = (self.norm_after(node) for node in self.graph.nodes)
        self.folded = {id(norm) for norm in norms if norm}
        self._known: dict[int, bool] = {}

    def norm_after(self, node: Node) -> Node | None:
        """The call of a BatchNormalization that can be left to `node`, or None."""
        user, layer = self.graph.only_user(node), node.operation
        linear = folds(layer) and layer.activation is keras.activations.linear
        if user is None or not linear:
            return None
        norm, rank = user.operation, len(node.outputs[0].shape)
        last = getattr(layer, "data_format", None) != "channels_first"
        is_norm = type(norm) is keras.layers.BatchNormalization
        axis = {-1, rank - 1} if last else {1}
        return user if is_norm and norm.axis in axis else None

    def is_rounded(self, tensor: Any) -> bool:
        """Whether a tensor becomes 8-bit integers before anything else uses it."""
        key = id(tensor)
        if key not in self._known:
            users, ends = self.graph.users(tensor), self.graph.returns(tensor)
            self._known[key] = bool(users or ends) and all(map(self._rounds, users))
            self._known[key] &= self._then_rounded or not ends
        return self._known[key]

    def _rounds(self, node: Node) -> bool:
        """Whether a call rounds its input, or hands it on to what does."""
        one = node.operation
        if type(one) is FakeQuantize:
            return bool(one.bits == 8 and not one.dynamic) and all(
                is_bytes(user.operation) or not self.is_rounded(user.outputs[0])
                for user in self.graph.users(node.outputs[0])
            )
        if is_graph(one):
            inner = Plan(one, then_rounded=self.is_rounded(node.outputs[0]))
            return all(inner.is_rounded(tensor) for tensor in one.inputs)
        through = type(one).__name__ in ROUNDED_THROUGH
        if isinstance(one, keras.layers.Activation):
            through = one.activation in CUT_OFF
        return through and self.is_rounded(node.outputs[0])
