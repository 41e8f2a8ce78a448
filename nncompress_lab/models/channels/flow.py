"""Where the channels that a layer makes go: a walk through the graph of a model.

Every tensor of the graph has one axis of channels, and every entry along it is a numbered
unit of `Units`. Layers make units, pass them on, read them with an axis of a kernel, or
join them, as Add does. `rules` says what each layer does; a layer without a rule
fixes the units that reach it, so that nothing is ever cut that is not understood.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from nncompress_lab.models.channels.arrays.units import (
    Cost,
    Indices,
    Shape,
    Units,
    product,
)
from nncompress_lab.models.channels.tensor_channels import Channels, kept_zero
from nncompress_lab.models.graph import ModelGraph, Node, is_graph, maker
from nncompress_lab.models.kernels import kernel_variables, walk


@dataclass(frozen=True, eq=False)
class Call:
    """One use of a layer, or of an operation such as `x + y`, in the graph.

    Args:
        node: The call in the graph.
        name: The path of what is called in the model, in quotes, and its type.
        inputs: The channels of what it is called on.
    """

    node: Node
    name: str
    inputs: list[Channels]

    @property
    def layer(self) -> Any:
        """The layer or operation."""
        return self.node.operation

    @property
    def shapes(self) -> list[Shape]:
        """The shapes of what it is called on, with the batch axis."""
        return [tuple(one.shape) for one in self.node.inputs]

    @property
    def outputs(self) -> list[Shape]:
        """The shapes of what it returns."""
        return [tuple(one.shape) for one in self.node.outputs]


@dataclass(frozen=True, eq=False)
class Bound:
    """An axis of a variable whose entries belong to channels.

    Args:
        variable: A weight of a layer.
        axis: One of its axes.
        units: The unit of each entry.
        made: Whether these are the channels that the layer returns, not those it reads.
        is_kernel: Whether the weight is a kernel.
    """

    variable: Any
    axis: int
    units: Indices
    made: bool
    is_kernel: bool


@dataclass(eq=False)
class LayerChannels:
    """What is known of a layer after the walk.

    Args:
        path: Names from the model down to the layer.
        layer: The layer.
        bound: The axes of its weights, by variable and axis.
        inputs: The channels of its inputs, by position, at its first use.
        output: The channels that it returns.
    """

    path: str
    layer: Any
    bound: dict[tuple[int, int], Bound] = field(default_factory=dict)
    inputs: dict[int, Channels] = field(default_factory=dict)
    output: Channels | None = None


# The channels of what is returned: of one tensor, or of each of several.
Rule = Callable[["Flow", Call], Channels | list[Channels]]


class Flow:
    """The walk through one model, and what it finds.

    Args:
        model: A built functional or sequential model.
        rule_for: Gives the rule for a node of the graph, or None.
        new_weights: Whether all weights will be new, so that only shapes have to agree.
            If not, those that stay have to give the same outputs as before where those
            that go are zero.
    """

    def __init__(
        self,
        model: keras.Model,
        rule_for: Callable[[Node], Rule | None],
        *,
        new_weights: bool = False,
    ) -> None:
        self.new_weights = new_weights
        self.units = Units()
        self.layers: dict[int, LayerChannels] = {}
        self.macs: list[Cost] = []
        self._rule_for = rule_for
        self._paths = {id(layer): path for path, layer in walk(model)}
        inputs = [self.fixed(tuple(one.shape), "model's input") for one in model.inputs]
        for channels in self._run(model, inputs):
            self.units.fix(channels.units, "its outputs are the model's outputs")

    def bind(
        self,
        layer: Any,
        variable: Any,
        axis: int,
        units: Indices,
        *,
        made: bool,
        is_kernel: bool = False,
    ) -> None:
        """Say which channels an axis of a weight belongs to; all uses must agree."""
        if variable is None:
            return
        entry, key = self._entry(layer), (id(variable), axis)
        if key in entry.bound:
            self.units.unite(entry.bound[key].units, units)
            return
        is_kernel |= any(variable is one for one in kernel_variables(layer))
        entry.bound[key] = Bound(variable, axis, units, made, is_kernel)

    def make(
        self, layer: Any, variable: Any, axis: int, *, repeats: int = 1
    ) -> Indices:
        """New units for the channels that an axis of a kernel makes.

        Args:
            layer: The owner of the kernel.
            variable: The kernel.
            axis: Its axis.
            repeats: Into how many blocks the axis is divided that are cut alike.
        """
        known = self._entry(layer).bound.get((id(variable), axis))
        if known is not None:
            return known.units
        units = np.tile(self.units.new(variable.shape[axis] // repeats), repeats)
        self.bind(layer, variable, axis, units, made=True, is_kernel=True)
        return units

    def read(self, call: Call, axis: int, *, which: int = 0) -> Indices | None:
        """The units that a kernel reads along an axis of an input.

        Args:
            call: Of the layer that has the kernel.
            axis: Of the input, with the batch axis.
            which: Position of the input.

        Returns:
            The units; None if the channels lie along another axis and are now fixed.
        """
        channels = call.inputs[which]
        if not self.new_weights:
            self.units.fix(
                channels.units[~channels.zero],
                f"its outputs reach {call.name} through {channels.spoiler}, after which "
                "a channel without weights is not zero",
            )
        return self.follow(call, axis, which=which)

    def follow(self, call: Call, axis: int, *, which: int = 0) -> Indices | None:
        """As `read`, for a layer that treats each channel by itself."""
        channels = call.inputs[which]
        if channels.axis == axis and len(channels.units):
            return channels.units
        self.fix(call, "which works along another axis")
        return None

    def fix(self, call: Call, why: str) -> None:
        """Keep all channels that reach a call."""
        for channels in call.inputs:
            self.units.fix(channels.units, f"its outputs reach {call.name}, {why}")

    def multiply(self, kernel: Any, layer: Any, positions: Shape) -> None:
        """Count the MACs of a kernel that is used once at each position."""
        self.macs.append(self._cost(kernel, layer, product(positions)))

    def parameters(self, weights: list[Any]) -> list[Cost]:
        """How many numbers each weight holds."""
        owners = {
            variable: entry.layer
            for entry in self.layers.values()
            for variable, _ in entry.bound
        }
        return [self._cost(one, owners.get(id(one)), 1.0) for one in weights]

    def fixed(self, shape: Shape, what: str) -> Channels:
        """Channels along the last axis of a tensor of which none can be cut."""
        size = (shape[-1] if len(shape) > 1 else 0) or 0
        units = self.units.new(size)
        self.units.fix(units, f"its channels are those of the {what}")
        return kept_zero(len(shape) - 1, units)

    def _cost(self, variable: Any, layer: Any, factor: float) -> Cost:
        entry = self.layers.get(id(layer))
        bound = list(entry.bound.values()) if entry else []
        axes = {one.axis: one.units for one in bound if one.variable is variable}
        free = [n for axis, n in enumerate(variable.shape) if axis not in axes]
        return Cost(factor * math.prod(free), tuple(axes.values()))

    def _entry(self, layer: Any) -> LayerChannels:
        path = self._paths.get(id(layer), layer.name)
        return self.layers.setdefault(id(layer), LayerChannels(path, layer))

    def _run(self, model: Any, inputs: list[Channels]) -> list[Channels]:
        graph = ModelGraph(model)
        known: dict[int, Channels] = {}
        for tensor, channels in zip(graph.inputs, inputs, strict=True):
            self._remember(maker(tensor), [channels])
            known[id(tensor)] = channels
        for node in graph.nodes:
            arguments = [known[id(one)] for one in node.inputs]
            results = self._call(node, arguments)
            known |= {
                id(tensor): channels
                for tensor, channels in zip(node.outputs, results, strict=True)
            }
        return [known[id(tensor)] for tensor in graph.outputs]

    def _call(self, node: Node, inputs: list[Channels]) -> list[Channels]:
        operation = node.operation
        if is_graph(operation):
            return self._run(operation, inputs)
        call = Call(node, self._name(operation), inputs)
        self._remember(operation, inputs)
        rule = self._rule_for(node)
        if rule is not None:
            result = rule(self, call)
            results = result if isinstance(result, list) else [result]
            if id(operation) in self.layers:
                self.layers[id(operation)].output = results[0]
            return results
        self.fix(call, "through which channels cannot be followed")
        return [self.fixed(shape, f"output of {call.name}") for shape in call.outputs]

    def _remember(self, layer: Any, inputs: list[Channels]) -> None:
        """A layer that is used again must get the same channels cut as before."""
        sized = (keras.layers.InputLayer, keras.layers.Reshape)
        if not isinstance(layer, sized) and not getattr(layer, "weights", None):
            return
        seen = self._entry(layer).inputs
        for position, channels in enumerate(inputs):
            first = seen.setdefault(position, channels)
            if first.axis == channels.axis and len(first.units) == len(channels.units):
                self.units.unite(first.units, channels.units)
            else:
                why = (
                    f"its outputs reach {self._name(layer)}, which is used differently"
                )
                self.units.fix(np.append(first.units, channels.units), why)

    def _name(self, operation: Any) -> str:
        path = self._paths.get(id(operation), operation.name)
        return f"{path!r} ({type(operation).__name__})"
