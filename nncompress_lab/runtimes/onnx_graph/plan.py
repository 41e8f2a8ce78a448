"""What must be known of the calls around a call before it is written."""

from typing import Any

import keras

from nncompress_lab.quantization.layers.fake_quantize import FakeQuantize
from nncompress_lab.runtimes.onnx_graph.converters import folds
from nncompress_lab.runtimes.onnx_graph.kernels import is_bytes

# What keeps 8-bit integers what they are, or their order: the runtime rounds before it.
ROUNDED_THROUGH = ("ReLU", "MaxPooling2D", "Flatten", "Reshape", "Dropout", "Identity")


class Plan:
    """The calls of a model in their order, and who uses which tensor.

    Args:
        model: A functional or sequential model.
        then_rounded: Whether its outputs become 8-bit integers before they are used.
    """

    def __init__(self, model: Any, *, then_rounded: bool) -> None:
        graph = model._functional if isinstance(model, keras.Sequential) else model
        depths = sorted(graph._nodes_by_depth, reverse=True)
        self.nodes = [node for one in depths for node in graph._nodes_by_depth[one]]
        self._outputs = {id(one) for one in keras.tree.flatten(graph.outputs)}
        self._then_rounded = then_rounded
        self._users: dict[int, list[Any]] = {}
        for node in self.nodes:
            for tensor in node.input_tensors:
                self._users.setdefault(id(tensor), []).append(node)
        norms = (self.norm_after(node) for node in self.nodes)
        self.folded = {id(norm) for norm in norms if norm}
        self._known: dict[int, bool] = {}

    def norm_after(self, node: Any) -> Any:
        """The call of a BatchNormalization that can be left to `node`, or None."""
        if not folds(node.operation):
            return None
        output = node.outputs[0]
        users = self._users.get(id(output), [])
        linear = node.operation.activation is keras.activations.linear
        if len(users) != 1 or id(output) in self._outputs or not linear:
            return None
        norm, rank = users[0].operation, len(output.shape)
        last = getattr(node.operation, "data_format", None) != "channels_first"
        is_norm = type(norm) is keras.layers.BatchNormalization
        axis = {-1, rank - 1} if last else {1}
        return users[0] if is_norm and norm.axis in axis else None

    def is_rounded(self, tensor: Any) -> bool:
        """Whether a tensor becomes 8-bit integers before anything else uses it."""
        key = id(tensor)
        if key not in self._known:
            users = self._users.get(key, [])
            ends = key in self._outputs
            self._known[key] = bool(users or ends) and all(map(self._rounds, users))
            self._known[key] &= self._then_rounded or not ends
        return self._known[key]

    def _rounds(self, node: Any) -> bool:
        """Whether a call rounds its input, or hands it on to what does."""
        one = node.operation
        if type(one) is FakeQuantize:
            users = self._users.get(id(node.outputs[0]), [])
            return bool(one.bits == 8 and not one.dynamic) and all(
                is_bytes(user.operation) or not self.is_rounded(user.outputs[0])
                for user in users
            )
        if isinstance(one, keras.Model):
            inner = Plan(one, then_rounded=self.is_rounded(node.outputs[0]))
            return all(inner.is_rounded(tensor) for tensor in one.inputs)
        through = type(one).__name__ in ROUNDED_THROUGH
        if isinstance(one, keras.layers.Activation):
            through = one.activation is keras.activations.relu
        return through and self.is_rounded(node.outputs[0])
