"""New models from old ones: the only code that clones a model."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

import keras

from nncompress_lab.models.attention import (
    ATTENTION,
    is_usual,
    not_projections,
    projections_of,
    with_projections,
)
from nncompress_lab.models.cloning import cloned
from nncompress_lab.models.copying import copy_all_but, freeze_alike
from nncompress_lab.models.graph import (
    check_model as check_model,  # noqa: PLC0414 (offered here, too)
    is_graph,
    maker,
    unlinked,
)
from nncompress_lab.models.inheriting import Inheritance
from nncompress_lab.models.kernels import walk
from nncompress_lab.models.own_class import copy_in_its_class, of_its_class
from nncompress_lab.models.wrappers import all_held, held_by, with_held


class _Remove:
    def __repr__(self) -> str:
        return "REMOVE"


REMOVE: Final = _Remove()
"""What a rewrite returns for a layer that is to pass its input on unchanged."""

Rewrite = Callable[[keras.Layer], keras.Layer | Sequence[keras.Layer] | _Remove | None]


def copy_model(model: keras.Model) -> keras.Model:
    """An equal model that shares nothing with `model` and is not compiled.

    Args:
        model: Built. One of a class of your own stays of it where it can be made from its
            `get_config`; a subclassed model, which is no graph of layers, has to be.

    Raises:
        UnsupportedModelError: If it is unbuilt, or cannot be made again.
    """
    check_model(model, graph=False)
    return copy_in_its_class(model) or rewrite_layers(model, lambda _layer: None)


def rewrite_layers(model: keras.Model, rewrite: Rewrite) -> keras.Model:
    """A copy of a model in which some layers are replaced.

    Nested models, the projections of MultiHeadAttention, and what recurrent layers,
    TimeDistributed and Bidirectional hold are entered; a layer that is used several times
    is rewritten once and stays shared. What is kept is copied with its
    weights, its seeds and whether it is trainable. The result is not compiled, and `model`
    is not changed.

    Args:
        model: A built functional or sequential model.
        rewrite: Called with each layer, from the inputs to the outputs. It returns None
            to keep the layer, a built layer to use instead, several built layers that
            are to follow each other in its place, or `REMOVE`. An attention layer is
            offered before its projections, and a wrapper before what it holds; these are
            offered only if it is kept. For an InputLayer, the first of each model, only
            another InputLayer counts.

    Returns:
        The new model.

    Raises:
        UnsupportedModelError: If the model is subclassed or unbuilt.
        ValueError: If `rewrite` returns a layer that has not been built.
    """
    check_model(model)
    return _Rewriting(rewrite).model(model)


def redraw_layers(
    model: keras.Model, draw: Callable[[keras.Layer], Any]
) -> keras.Model:
    """A model with the graph of another and layers of its own, whose weights are new.

    Args:
        model: A built functional or sequential model; inner models are entered.
        draw: Called with each layer, an attention layer as a whole. It returns the layer
            to use instead, not built, or a function to call instead. For an InputLayer
            only another InputLayer counts.

    Raises:
        UnsupportedModelError: If the model is subclassed or unbuilt.
    """
    check_model(model)
    return _Redrawing(draw).model(model)


def replaceable_layers(model: Any) -> set[int]:
    """The ids of layers that `rewrite_layers` offers: nodes of the graph, and parts."""
    found: set[int] = set()
    for layer in chain.from_iterable((one, *all_held(one)) for one in model.layers):
        if is_graph(layer):
            found |= replaceable_layers(layer)
        elif type(layer) in ATTENTION:
            found |= {id(inner) for _, inner in walk(layer)}
        else:
            found.add(id(layer))
    return found


class _Rewriting:
    """One run of `rewrite_layers`: remembers what became of each layer."""

    def __init__(self, rewrite: Rewrite) -> None:
        self.rewrite = rewrite
        self.results: dict[int, list[keras.Layer]] = {}
        self.kept: list[tuple[keras.Layer, keras.Layer]] = []
        self.heirs: dict[int, Inheritance] = {}

    def model(self, model: keras.Model) -> keras.Model:
        clone = self._clone(model)
        for source, target in self.kept:
            heir = self.heirs.get(id(target))
            copy_all_but(source, target, heir.close() if heir else set())
            freeze_alike(source, target)
        return of_its_class(model, clone)

    def _clone(self, model: keras.Model) -> keras.Model:
        if isinstance(model, keras.Sequential):
            clone = self._clone_sequential(model)
        else:
            clone = self._clone_functional(model)
        # Through a private name: the property would set it on every layer below, too.
        clone._trainable = model._trainable
        return clone

    def _clone_sequential(self, model: keras.Sequential) -> keras.Sequential:
        # Keras takes the size of the first batch for that of all, if it sees no Input.
        counts = any(getattr(layer, "stateful", False) for layer in model.layers)
        batch = model.inputs[0].shape[0] if counts else None
        entry = self._input(model.inputs[0], batch=batch)
        chains = [self._chain(layer) for layer in model.layers]
        return keras.Sequential([entry, *chain.from_iterable(chains)], name=model.name)

    def _clone_functional(self, model: keras.Model) -> keras.Model:
        # A compiled model's clone is compiled; this view of the same graph is not.
        view = keras.Model(model.input, model.output, name=model.name)
        chains: dict[int, list[keras.Layer]] = {}

        def clone(layer: keras.Layer) -> keras.Layer:
            result = self._chain(layer)
            if len(result) == 1 and hasattr(result[0], "name"):
                return result[0]
            # clone_model wants one for one; `call` calls the others instead.
            placeholder = keras.layers.Identity(name=layer.name)
            chains[id(placeholder)] = result
            return placeholder

        def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
            if id(layer) not in chains:
                return layer(*args, **kwargs)
            return _call_in_turn(chains[id(layer)], *args, **kwargs)

        return keras.models.clone_model(
            view,
            input_tensors=keras.tree.map_structure(
                lambda one: self._input(one, batch=one.shape[0]), model.input
            ),
            clone_function=clone,
            call_function=call,
        )

    def _input(self, tensor: Any, *, batch: int | None) -> Any:
        """An input like the one that `tensor` comes from, with the same name."""
        entry = maker(tensor)
        replacement = self.rewrite(entry)
        if isinstance(replacement, keras.layers.InputLayer):
            return replacement.output
        return keras.Input(
            batch_shape=(batch, *tensor.shape[1:]), dtype=tensor.dtype, name=entry.name
        )

    def _chain(self, layer: keras.Layer) -> list[keras.Layer]:
        """The layers that stand for a layer: one, several, or none if it is removed."""
        if id(layer) not in self.results:
            self.results[id(layer)] = self._rewritten(layer)
        return self.results[id(layer)]

    def _rewritten(self, layer: keras.Layer) -> list[keras.Layer]:
        if is_graph(layer):
            return [self._clone(layer)]
        if not isinstance(layer, keras.Layer):  # a plain operation such as `x + y`
            return [unlinked(layer)]
        replacement = self._replaced(layer)
        if replacement is not None:
            return replacement
        if type(layer) in ATTENTION:
            return [self._attention(layer)]
        if (wrapper := self._wrapper(layer)) is not None:
            return [wrapper]
        clone = cloned(layer)
        self.heirs[id(clone)] = Inheritance(layer, clone)
        self.kept.append((layer, clone))
        return [clone]

    def _replaced(self, layer: keras.Layer) -> list[keras.Layer] | None:
        """What the rewrite puts in place of a layer; None if it keeps it."""
        replacement = self.rewrite(layer)
        if replacement is None:
            return None
        if isinstance(replacement, _Remove):
            return []
        chained = isinstance(replacement, Sequence)
        return _all_built(list(replacement) if chained else [replacement], layer)

    def _attention(self, layer: Any) -> keras.Layer:
        """An attention layer like `layer` with its projections rewritten."""
        before = projections_of(layer)
        after = {name: self._projection(one) for name, one in before.items()}
        attention = with_projections(
            layer, {name: one for name, one in after.items() if one is not None}
        )
        now = projections_of(attention)
        self.kept += [(before[name], now[name]) for name in after if not after[name]]
        self.kept += zip(
            not_projections(layer), not_projections(attention), strict=True
        )
        return attention

    def _projection(self, layer: keras.Layer) -> keras.Layer | None:
        """What to use instead of a projection; None for an equal one."""
        part = self._part(layer)
        return rebuilt(layer) if part is None and not is_usual(layer) else part

    def _wrapper(self, layer: keras.Layer) -> keras.Layer | None:
        """A wrapper like `layer` if other layers are to be inside, else None."""
        parts = {one: self._part(one) for one in held_by(layer)}
        if all(part is None for part in parts.values()):
            return None
        return with_held(layer, [part or rebuilt(one) for one, part in parts.items()])

    def _part(self, layer: keras.Layer) -> keras.Layer | None:
        """What to use instead of a layer inside another; None for an equal one."""
        if is_graph(layer):
            return self._clone(layer)
        replacement = self._replaced(layer)
        if replacement is None:
            inner = self._attention if type(layer) in ATTENTION else self._wrapper
            return inner(layer)
        if len(replacement) == 1:
            return replacement[0]
        shape = layer.get_build_config()["input_shape"]
        entry = keras.Input(batch_shape=shape)
        return keras.Sequential([entry, *replacement], name=layer.name)


class _Redrawing(_Rewriting):
    """One run of `redraw_layers`."""

    def _rewritten(self, layer: keras.Layer) -> list[Any]:
        if is_graph(layer):
            return [self._clone(layer)]
        drawn = self.rewrite(layer)
        return [unlinked(layer) if drawn is None else drawn]


def rebuilt(layer: keras.Layer) -> keras.Layer:
    """An equal, built layer that shares nothing with `layer`."""
    clone = cloned(layer)
    heir = Inheritance(layer, clone)
    clone.build_from_config(layer.get_build_config())
    copy_all_but(layer, clone, heir.close())
    return clone


def _call_in_turn(layers: list[keras.Layer], *args: Any, **kwargs: Any) -> Any:
    result = layers[0](*args, **kwargs) if layers else args[0]
    for layer in layers[1:]:
        result = layer(result)
    return result


def _all_built(layers: list[keras.Layer], source: keras.Layer) -> list[keras.Layer]:
    for layer in layers:
        if not layer.built:
            raise ValueError(
                f"A replacement layer must be built and carry its weights. Received: an "
                f"unbuilt {type(layer).__name__} for layer {source.name!r}. Call its "
                "build() and assign its weights first."
            )
    return layers
