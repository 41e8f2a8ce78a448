"""What an ONNX file holds: its weights by layer, as its own operators restore them.

Quantized and packed weights are restored by operators that depend on nothing but the
file. Those are computed, within limits, so that zeros are zeros of the weights and not of
their codes. Other files, where large models keep their numbers, are not read.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from nncompress_lab.errors import ModelFileError
from nncompress_lab.server import table
from nncompress_lab.server.figures import Figures
from nncompress_lab.server.loaded import LoadedArray
from nncompress_lab.server.onnx_tensor import OnnxTensor

# What restores weights; loops are not computed.
RESTORING = {
    *("Add", "And", "Cast", "Concat", "Constant", "ConstantOfShape", "CumSum", "Div"),
    *("DequantizeLinear", "Equal", "Floor", "Gather", "GatherElements", "GatherND"),
    *("GreaterOrEqual", "Identity", "Mod", "Mul", "Neg", "ReduceSum", "Reshape"),
    *("ScatterElements", "ScatterND", "Slice", "Squeeze", "Sub", "Tile", "Transpose"),
    *("Unsqueeze", "Where"),
}
# Their arrays say how activations are rounded; they are no weights.
ROUNDING = ("QuantizeLinear", "DequantizeLinear")
# Shapes, axes and counters; but an int32 array that a layer adds is a bias.
NO_WEIGHTS = ("int64", "uint64", "bool", "string")
BIAS_TYPE = "int32"


def summary_of(path: Path) -> dict[str, Any]:
    """Look into an ONNX file.

    Args:
        path: Of the file.

    Returns:
        `model`, `totals` and `layers`, as `inspect_file.summarize` has them.

    Raises:
        ModelFileError: If it holds no graph, or declares arrays that it does not hold.
    """
    model = onnx.load(path, load_external_data=False)
    if not model.graph.node:
        raise ModelFileError(
            "This file holds no ONNX model: it has no operators. Export the model again."
        )
    graph = _Graph(model)
    rows = graph.rows()
    opset = max(
        (one.version for one in model.opset_import if not one.domain), default=0
    )
    producer = f"{model.producer_name} {model.producer_version}".strip()
    shown = rows[: table.MAX_ROWS]
    totals = table.totals(
        shown,
        path.stat().st_size,
        weights=graph.bytes_here(),
        weights_are_stored=not graph.restored,
        left_out=len(shown) < len(rows),
    )
    made_by = f"opset {opset}" + (f", made by {producer}" if producer else "")
    return {
        "model": table.about("ONNX", model.graph.name, made_by),
        "totals": {**totals, "weights_elsewhere": graph.has_weights_elsewhere()},
        "layers": shown,
    }


class _Graph:
    """The arrays of a graph, and the operators that use them or what becomes of them."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.opsets, self.ir = list(model.opset_import), model.ir_version
        self.stored = {one.name: OnnxTensor(one) for one in model.graph.initializer}
        # Of each value that depends on nothing but the file: the arrays it is made of.
        self.origins: dict[str, list[str]] = {name: [name] for name in self.stored}
        self.restoring: list[onnx.NodeProto] = []
        self.users: dict[str, onnx.NodeProto] = {}
        for node in model.graph.node:
            self._visit(node)
        self.restored = self._restored()

    def rows(self) -> list[table.Row]:
        """A row for each layer, in the order of the operators."""
        layers: dict[str, list[str]] = defaultdict(list)
        for value, user in self.users.items():
            weights = self._weights_of(value)
            if weights and user.op_type not in ROUNDING:
                layers[_divided(weights[0])[0]].append(value)
        most = table.most_numbers([one.size for one in self.stored.values()])
        return [self._row(name, values, most) for name, values in layers.items()]

    def bytes_here(self) -> int:
        """Bytes of all arrays in this file."""
        here = (one for one in self.stored.values() if not one.is_elsewhere)
        return sum(one.raw_bytes for one in here)

    def has_weights_elsewhere(self) -> bool:
        """Whether there are arrays in another file."""
        return any(one.is_elsewhere for one in self.stored.values())

    def _visit(self, node: onnx.NodeProto) -> None:
        inputs = [name for name in node.input if name]
        known = all(name in self.origins for name in inputs)
        if known and node.op_type in RESTORING:
            self.restoring.append(node)
            origins = dict.fromkeys(
                one for name in inputs for one in self.origins[name]
            )
            self.origins.update({name: list(origins) for name in node.output})
            return
        for name in inputs:
            if name in self.origins:
                self.users.setdefault(name, node)

    def _weights_of(self, value: str) -> list[str]:
        """The weights that a value is made of, without the numbers it is made with."""
        left_out = NO_WEIGHTS if value in self.stored else (*NO_WEIGHTS, BIAS_TYPE)
        origins = self.origins[value]
        return [name for name in origins if self.stored[name].dtype not in left_out]

    def _row(self, layer: str, values: list[str], most: int) -> table.Row:
        names = dict.fromkeys(
            one for value in values for one in self._weights_of(value)
        )
        stored = {
            name: Figures(self.stored[name], _divided(name)[1], most) for name in names
        }
        counted = [
            stored.get(value) or Figures(self.restored[value], _divided(value)[1], most)
            for value in values
            if value in stored or value in self.restored
        ]
        all_counted = len(counted) == len(values)
        widest = max(values, key=self._axes)
        return table.row(
            layer,
            self.users[widest].op_type,
            list(stored.values()),
            counted if all_counted else None,
        )

    def _axes(self, value: str) -> int:
        known = self.restored.get(value) or self.stored.get(value)
        return len(known.shape) if known else 0

    def _restored(self) -> dict[str, LoadedArray]:
        """What the restoring operators give to the others, if it is not too much."""
        wanted = [name for name in self.users if name not in self.stored]
        wanted = [name for name in wanted if self._weights_of(name)]
        needed = dict.fromkeys(one for name in wanted for one in self.origins[name])
        arrays = [self.stored[name] for name in needed]
        too_many = sum(one.size for one in arrays) > table.ALL_NUMBERS
        if not wanted or too_many or any(one.is_elsewhere for one in arrays):
            return {}
        return self._computed(wanted, [one.tensor for one in arrays])

    def _computed(
        self, wanted: list[str], tensors: list[onnx.TensorProto]
    ) -> dict[str, LoadedArray]:
        import onnxruntime

        made = helper.make_graph(
            self._ancestors(wanted),
            "weights",
            [],
            [helper.make_empty_tensor_value_info(name) for name in wanted],
            tensors,
        )
        model = helper.make_model(made, opset_imports=self.opsets, ir_version=self.ir)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 4
        try:
            content = model.SerializeToString()
            session = onnxruntime.InferenceSession(content, options)
            values = session.run(None, {})
        except Exception:  # whatever the runtime raises: then the codes are counted
            return {}
        return {
            name: LoadedArray(value, value.dtype.name, value.nbytes)
            for name, value in zip(wanted, values, strict=True)
        }

    def _ancestors(self, wanted: list[str]) -> list[onnx.NodeProto]:
        """The restoring operators that some values need, in order."""
        needed, found = set(wanted), []
        for node in reversed(self.restoring):
            if needed.intersection(node.output):
                needed.update(node.input)
                found.append(node)
        return found[::-1]


def _divided(name: str) -> tuple[str, str]:
    """The layer and the weight in a name such as `block/conv/kernel` or `conv.weight`."""
    for mark in "/.":
        layer, found, weight = name.rpartition(mark)
        if found and layer and weight:
            return layer, weight
    return name, name
