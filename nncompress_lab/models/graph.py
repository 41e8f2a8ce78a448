"""The graph of a model: the calls in order, and who makes and who uses a tensor.

Keras records each call of a layer in a node, and keeps these under private names. Only
this module reads them.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras.src.models.functional import Functional

from nncompress_lab.errors import UnsupportedModelError, no_model
from nncompress_lab.models.kernels import walk


@dataclass(frozen=True, eq=False)
class Node:
    """One call of a layer, of an inner model or of an operation such as `x + y`.

    Args:
        operation: What is called.
        inputs: The tensors that it is called on, at least one.
        outputs: The tensors that it returns.
        args: All that it is called with by position; tensors may be inside lists.
        kwargs: All that it is called with by name.
    """

    operation: Any
    inputs: list[Any]
    outputs: list[Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def named(self) -> dict[str, Any]:
        """All that it is called with, by the names of the parameters."""
        signature = inspect.signature(self.operation.call)
        return dict(signature.bind(*self.args, **self.kwargs).arguments)

    def filled(self, values: Mapping[int, Any]) -> tuple[Any, Any]:
        """Positional and named arguments with values, by identity, for the tensors."""

        def fill(one: Any) -> Any:
            return values[id(one)] if isinstance(one, keras.KerasTensor) else one

        filled: tuple[Any, Any] = keras.tree.map_structure(
            fill, (self.args, self.kwargs)
        )
        return filled


class ModelGraph:
    """The graph of a functional or sequential model; inner models are single calls.

    Args:
        model: Built.

    Raises:
        UnsupportedModelError: If it is subclassed, unbuilt, or has a `call` of its own.

    Attributes:
        inputs: The tensors that the model takes, in a flat list.
        outputs: The tensors that it returns, in a flat list.
        nodes: The calls, each after those whose outputs it uses.

    Example:
        >>> double = keras.layers.Add(name="double")
        >>> image = keras.Input((3,))
        >>> graph = ModelGraph(keras.Model(image, double([image, image])))
        >>> [node.operation.name for node in graph.users(image)]
        ['double']
    """

    def __init__(self, model: Any) -> None:
        check_graph(model, name=f"The model {model.name!r}")
        graph = getattr(model, "_functional", None) or model
        self.inputs: list[Any] = keras.tree.flatten(graph.inputs)
        self.outputs: list[Any] = keras.tree.flatten(graph.outputs)
        levels = sorted(graph._nodes_by_depth, reverse=True)
        self.nodes = [
            Node(
                one.operation,
                list(one.input_tensors),
                list(one.outputs),
                one.arguments.args,
                one.arguments.kwargs,
            )
            for level in levels
            for one in graph._nodes_by_depth[level]
            if not one.is_input
        ]
        self._users: dict[int, list[Node]] = {}
        for node in self.nodes:
            for tensor in {id(one) for one in node.inputs}:
                self._users.setdefault(tensor, []).append(node)

    def users(self, tensor: Any) -> list[Node]:
        """The calls that use a tensor, each once."""
        return self._users.get(id(tensor), [])

    def returns(self, tensor: Any) -> bool:
        """Whether a tensor is an output of the model."""
        return any(tensor is one for one in self.outputs)

    def only_user(self, node: Node) -> Node | None:
        """The call that alone uses what a call returns, which nothing else gets to see.

        Returns:
            None if there are several outputs or several users, or one is the model's.
        """
        output, *others = node.outputs
        users = self.users(output)
        alone = not others and len(users) == 1 and not self.returns(output)
        return users[0] if alone else None

    def calls_of(self, operation: Any) -> list[Node]:
        """The calls of a layer or operation."""
        return [node for node in self.nodes if node.operation is operation]


def check_model(model: Any, *, graph: bool = True) -> None:
    """Raise an `UnsupportedModelError` unless `model` can be rewritten.

    Args:
        model: What somebody gave as a model.
        graph: Whether its layers are to be replaced. Else any built model will do.
    """
    check_is_model(model)
    name = f"The model {model.name!r}"
    if not graph:
        _check_built(model, name=name)
        return
    check_graph(model, name=name)
    for path, layer in walk(model):
        if has_graph(layer):
            check_graph(layer, name=f"The inner model {path!r}")


def check_is_model(model: Any) -> None:
    """Raise an `UnsupportedModelError` unless `model` is a Keras 3 model."""
    if not isinstance(model, keras.Model):
        raise no_model(model)


def check_graph(model: keras.Model, *, name: str) -> None:
    """Raise an `UnsupportedModelError` unless the graph of a model is all that it does.

    Args:
        model: A Keras model; those inside it are not looked at.
        name: How the error calls it.
    """
    _check_built(model, name=name)
    if is_graph(model):
        return
    if has_graph(model):
        raise UnsupportedModelError(
            f"{name} ({type(model).__qualname__}) computes more than its layers: it has a "
            "call() of its own, which a copy of its layers would not have. Put what it "
            "does there into a layer, and build it with keras.Model(inputs, outputs)."
        )
    raise UnsupportedModelError(
        f"{name} is a subclassed model ({type(model).__qualname__}), and its layers "
        "cannot be replaced because Keras does not know how they are connected. "
        "Build it with the functional API, keras.Model(inputs, outputs); where its call() "
        "is made of layers and keras.ops, outputs = model.call(inputs) will do."
    )


def _check_built(model: keras.Model, *, name: str) -> None:
    if not model.built:
        raise UnsupportedModelError(
            f"{name} has no weights yet: it was never built. Give it a keras.Input, or "
            "call it once on real data, before it is compressed."
        )


def is_graph(operation: Any) -> bool:
    """Whether an operation is a model whose graph is all that it does.

    A subclassed model inside another is a layer like others that people write.
    """
    kinds = (keras.Sequential.call, Functional.call)
    return isinstance(operation, keras.Model) and type(operation).call in kinds


def has_graph(operation: Any) -> bool:
    """Whether an operation is a functional or sequential model, maybe with more to it."""
    return isinstance(operation, keras.Sequential | Functional)


def unlinked(operation: Any) -> Any:
    """An equal operation that no graph holds yet; it has settings and no weights."""
    twin = object.__new__(type(operation))  # Keras's own copy goes through a file
    vars(twin).update(vars(operation), _inbound_nodes=[], _outbound_nodes=[])
    return twin


def maker(tensor: Any) -> Any:
    """The layer or operation that returns a tensor; an InputLayer for a model's input."""
    return tensor._keras_history.operation
