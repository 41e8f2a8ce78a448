"""New models from old ones: the only code that clones a model or copies weights."""

from collections.abc import Callable
from typing import Any, Final

import keras
from keras.src.models.functional import Functional

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.kernels import to_numpy, walk


class _Remove:
    def __repr__(self) -> str:
        return "REMOVE"


REMOVE: Final = _Remove()
"""What a rewrite returns for a layer that is to pass its input on unchanged."""

Rewrite = Callable[[keras.Layer], keras.Layer | _Remove | None]


def copy_model(model: keras.Model) -> keras.Model:
    """An equal model that shares nothing with `model` and is not compiled."""
    return rewrite_layers(model, lambda _layer: None)


def rewrite_layers(model: keras.Model, rewrite: Rewrite) -> keras.Model:
    """A copy of a model in which some layers are replaced.

    Nested models are entered; a layer that is used several times is rewritten once and
    stays shared. What is kept is copied with its weights, its seeds and whether it is
    trainable. The result is not compiled, and `model` is not changed.

    Args:
        model: A built functional or sequential model.
        rewrite: Called with each layer, from the inputs to the outputs. It returns None
            to keep the layer, a built layer to use instead, or `REMOVE`.

    Returns:
        The new model.

    Raises:
        UnsupportedModelError: If the model, or one inside it, is subclassed or unbuilt.
        ValueError: If `rewrite` returns a layer that has not been built.
    """
    check_model(model)
    return _Rewriting(rewrite).model(model)


class _Rewriting:
    """One run of `rewrite_layers`: remembers what became of each layer."""

    def __init__(self, rewrite: Rewrite) -> None:
        self.rewrite = rewrite
        self.results: dict[int, keras.Layer | _Remove] = {}
        self.kept: list[tuple[keras.Layer, keras.Layer]] = []

    def model(self, model: keras.Model) -> keras.Model:
        clone = self._clone(model)
        for source, target in self.kept:
            copy_weights(source, target)
        return clone

    def _clone(self, model: keras.Model) -> keras.Model:
        if isinstance(model, keras.Sequential):
            clone = self._clone_sequential(model)
        else:
            clone = self._clone_functional(model)
        # Through a private name: the property would set it on every layer below, too.
        clone._trainable = model._trainable
        return clone

    def _clone_sequential(self, model: keras.Sequential) -> keras.Sequential:
        entry = _new_input(model.inputs[0])
        layers = [self._layer(layer) for layer in model.layers]
        kept = [layer for layer in layers if not isinstance(layer, _Remove)]
        return keras.Sequential([entry, *kept], name=model.name)

    def _clone_functional(self, model: keras.Model) -> keras.Model:
        # A compiled model's clone is compiled; this view of the same graph is not.
        view = keras.Model(model.input, model.output, name=model.name)
        removed: set[int] = set()

        def clone(layer: keras.Layer) -> keras.Layer:
            result = self._layer(layer)
            if isinstance(result, _Remove):
                result = keras.layers.Identity(name=layer.name)
                removed.add(id(result))
            return result

        def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
            return args[0] if id(layer) in removed else layer(*args, **kwargs)

        return keras.models.clone_model(
            view,
            input_tensors=keras.tree.map_structure(_new_input, model.input),
            clone_function=clone,
            call_function=call,
        )

    def _layer(self, layer: keras.Layer) -> keras.Layer | _Remove:
        if id(layer) not in self.results:
            self.results[id(layer)] = self._rewritten(layer)
        return self.results[id(layer)]

    def _rewritten(self, layer: keras.Layer) -> keras.Layer | _Remove:
        if isinstance(layer, keras.Model):
            return self._clone(layer)
        if not isinstance(layer, keras.Layer):  # a plain operation such as `x + y`
            return type(layer).from_config(layer.get_config())
        replacement = self.rewrite(layer)
        if replacement is None:
            clone = type(layer).from_config(layer.get_config())
            self.kept.append((layer, clone))
            return clone
        if isinstance(replacement, keras.Layer) and not replacement.built:
            raise ValueError(
                f"A replacement layer must be built and carry its weights. Received: an "
                f"unbuilt {type(replacement).__name__} for layer {layer.name!r}. Call "
                "its build() and assign its weights first."
            )
        return replacement


def _new_input(tensor: Any) -> Any:
    """An input like the one that `tensor` comes from, with the same name."""
    name = tensor._keras_history.operation.name
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)


def copy_weights(source: keras.Layer, target: keras.Layer) -> None:
    """Give a layer or model the weights and seeds of an equally built one.

    Values go through NumPy: on JAX, assigning a variable to another shares its buffer,
    and the first of the two models to train deletes it for both.

    Args:
        source: Where the values come from.
        target: Where they go; it must have the same variables in the same order.

    Raises:
        ValueError: If the two do not have variables of the same shapes.
    """
    givers, takers = source.variables, target.variables
    shapes = [tuple(variable.shape) for variable in givers]
    expected = [tuple(variable.shape) for variable in takers]
    if shapes != expected:
        raise ValueError(
            f"Weights can only be copied between layers of the same shapes. Received: "
            f"{source.name!r} with {shapes} and {target.name!r} with {expected}."
        )
    for giver, taker in zip(givers, takers, strict=True):
        taker.assign(to_numpy(giver))


def check_model(model: Any) -> None:
    """Raise an `UnsupportedModelError` unless `model` can be rewritten."""
    if not isinstance(model, keras.Model):
        raise UnsupportedModelError(
            "Only Keras 3 models can be compressed. Received: an object of type "
            f"{type(model).__module__}.{type(model).__qualname__}. Load the model with "
            "keras.saving.load_model, or build it again from keras.layers."
        )
    _check_graph(model, name=f"The model {model.name!r}")
    for path, layer in walk(model):
        if isinstance(layer, keras.Model):
            _check_graph(layer, name=f"The inner model {path!r}")


def _check_graph(model: keras.Model, *, name: str) -> None:
    if not model.built:
        raise UnsupportedModelError(
            f"{name} has no weights yet: it was never built. Give it a keras.Input, or "
            "call it once on real data, before it is compressed."
        )
    if not isinstance(model, keras.Sequential | Functional):
        raise UnsupportedModelError(
            f"{name} is a subclassed model ({type(model).__qualname__}), and its layers "
            "cannot be replaced because Keras does not know how they are connected. "
            "Build it with the functional API: keras.Model(inputs, outputs)."
        )
