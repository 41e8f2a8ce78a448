"""Layers made like other layers: the only code that reads a layer's configuration.

A configuration is what Keras would write into a file, and not every layer of a model that
others wrote has a complete one. What the layer itself holds fills the gaps, and an error
names the layer.
"""

import inspect
import math
import warnings
from contextlib import nullcontext, suppress
from typing import Any

import keras

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.keras_calibrated import without_layers

Config = dict[str, Any]

# What Keras's base class writes down of every layer, whether or not its class takes it,
# and the attribute that holds it.
OF_EVERY_LAYER = {"name": "name", "trainable": "trainable", "dtype": "dtype_policy"}


def cloned(layer: Any, kind: Any = None, /, **changes: Any) -> Any:
    """A layer, not built yet, with the settings of another.

    Args:
        layer: A Keras layer. It is not changed.
        kind: The class to make; that of the layer by default.
        **changes: Settings that are to be others.

    Raises:
        UnsupportedModelError: If the layer does not tell how it was made.
    """
    return made(layer, kind or type(layer), {**settings(layer), **changes})


def settings(layer: Any) -> Config:
    """The configuration of a layer, with what a layer like it needs and no file could hold.

    Functions and objects that Keras could not find again, such as an activation of one's
    own, are there themselves. Initializers that hold arrays are left to the defaults of
    the class: the weights are given to the new layer, and have another shape, perhaps.

    Args:
        layer: A Keras layer.

    Raises:
        UnsupportedModelError: If it has no configuration.
    """
    own = _own_functions(layer)
    twin = object.__new__(type(layer))  # Keras writes its own functions down, at least
    vars(twin).update(vars(layer) | dict.fromkeys(own, keras.activations.linear))
    if quantized := vars(layer).get("quantization_config"):
        vars(twin)["quantization_config"] = without_layers(quantized)
    try:
        with warnings.catch_warnings(
            action="ignore"
        ):  # about files, and lambdas in them
            config = dict(twin.get_config())
    except Exception as error:  # of whoever wrote the layer
        raise _refused(layer, error) from error
    if is_foreign(type(layer)):
        config = {**_recorded(layer, config), **config}
    config = {"name": layer.name, **config}
    held = {name: own.get(name, own.get(f"_{name}")) for name in config}
    kept = {name: held[name] or _living(layer, name, config[name]) for name in config}
    without: Config = _without_arrays(kept)
    return without


def made(source: Any, kind: Any, config: Config) -> Any:
    """A layer of a class from settings that are those of another layer, or nearly.

    Args:
        source: The layer that the settings are of; errors name it.
        kind: The class to make.
        config: As `settings` gives them.

    Raises:
        UnsupportedModelError: If the class does not take its own configuration.
    """
    taken = _taken(kind, config)
    kinds = {type(one) for one in source._flatten_layers(include_self=False)}
    unknown = {one.__name__: one for one in kinds if _is_unregistered(one)}
    # One such scope hides another, which who calls this may have opened.
    scope = keras.saving.custom_object_scope(unknown) if unknown else nullcontext()
    try:
        with scope:
            clone = _constructed(source, kind, taken)
    except Exception as error:  # of whoever wrote the layer
        raise _refused(source, error) from error
    for name, attribute in OF_EVERY_LAYER.items():
        if name in config and name not in taken:
            setattr(clone, attribute, config[name])
    return clone


def _constructed(source: Any, kind: Any, config: Config) -> Any:
    """By `from_config` if that finds all again, else by the class itself."""
    inner = source._flatten_layers(include_self=False)
    if not any(_own_functions(one) for one in inner):
        with suppress(Exception):
            return kind.from_config(dict(config))
    parts = {
        name: clones
        for name, value in config.items()
        if not isinstance(value, keras.Layer)
        and (clones := _inner_clones(getattr(source, name, None))) is not None
    }
    if parts or any(map(callable, config.values())):
        return kind(**{**config, **parts})
    if is_foreign(kind):  # some write down more than they take
        known = {one for base in kind.__mro__ for one in _parameters(base)}
        if extra := config.keys() - known:
            with suppress(Exception):
                return kind(**{name: config[name] for name in config.keys() - extra})
    return kind.from_config(dict(config))


def _parameters(kind: Any) -> list[str]:
    return list(inspect.signature(kind.__init__).parameters)


def _taken(kind: Any, config: Config) -> Config:
    """The settings without those of every layer that the class has no argument for."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
    reads_itself = is_foreign(definer(kind, "from_config"))
    if takes_any or reads_itself or not is_foreign(kind):
        return config
    names = {one.name for one in parameters}
    return {
        name: value
        for name, value in config.items()
        if name in names or name not in OF_EVERY_LAYER
    }


def _recorded(layer: Any, config: Config) -> Config:
    """Arguments the layer was made with that its own `get_config` leaves out."""
    if is_foreign(definer(type(layer), "from_config")):
        return {}
    # Keras notes the arguments of every layer as it is made, if they are plain.
    noted = getattr(layer, "_auto_config", None)
    parameters = inspect.signature(type(layer).__init__).parameters
    return {
        name: value
        for name, value in (noted.config if noted else {}).items()
        if name not in config
        and name in parameters
        and value != parameters[name].default
    }


def _own_functions(layer: Any) -> Config:
    """The attributes of a layer that are functions Keras would not find by their names."""
    return {name: held for name, held in vars(layer).items() if _is_unknown(held)}


def _living(layer: Any, name: str, value: Any) -> Any:
    """A setting; or what the layer holds in its place, if Keras would not find it again."""
    held = getattr(layer, name, None)
    return held if _is_unknown(held) else value


def _is_unknown(held: Any) -> bool:
    kind = held if inspect.isroutine(held) else type(held)
    if not callable(held) or isinstance(held, keras.Layer | type):
        return False
    return _is_unregistered(kind)


def _is_unregistered(kind: Any) -> bool:
    """Whether Keras cannot find a class or a function by its name."""
    name = keras.saving.get_registered_name(kind)
    return is_foreign(kind) and keras.saving.get_registered_object(name) is not kind


def _without_arrays(config: Any) -> Any:
    """A configuration without the initializers in it that hold arrays or are unknown."""
    if isinstance(config, list | tuple):
        return type(config)(map(_without_arrays, config))
    if not isinstance(config, dict):
        return config
    return {
        name: _without_arrays(value)
        for name, value in config.items()
        if not (name.endswith("initializer") and _is_bound_to_a_shape(value))
    }


def _is_bound_to_a_shape(initializer: Any) -> bool:
    if not isinstance(initializer, dict):
        return callable(initializer)
    if _holds_array(initializer.get("config")):
        return True
    if str(initializer.get("module")).startswith("keras."):
        return False  # which Keras knows; making one would draw a seed
    try:
        keras.saving.deserialize_keras_object(initializer)
    except Exception:  # not registered, or its class does not say how it is made
        return True
    return False


def _holds_array(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_array, value.values()))
    if isinstance(value, list | tuple):
        return len(value) > 1 or any(map(_holds_array, value))
    return math.prod(getattr(value, "shape", ())) > 1


def _inner_clones(held: Any) -> Any:
    """Clones of a layer, or of several, that another one holds; None of anything else."""
    if isinstance(held, list | tuple) and held:
        clones = [_inner_clones(one) for one in held]
        return None if None in clones else clones
    return cloned(held) if isinstance(held, keras.Layer) else None


def definer(kind: Any, method: str) -> Any:
    """The class that defines a method of a class."""
    return next(one for one in kind.__mro__ if method in vars(one))


def is_foreign(thing: Any) -> bool:
    """Whether a class or a function is neither Keras's nor of this library."""
    package = str(getattr(thing, "__module__", "")).partition(".")[0]
    return package not in {"keras", "nncompress_lab"}


def _refused(layer: Any, error: Exception) -> UnsupportedModelError:
    inner = str(error).rpartition("Exception encountered: ")[2]
    reason = inner.strip().partition("\n")[0] or type(error).__name__
    if isinstance(error, NotImplementedError):  # a page from Keras
        reason = "it has no get_config of its own, and its arguments are not all plain."
    return UnsupportedModelError(
        f"Layer {layer.name!r} ({type(layer).__name__}) cannot be made again from its "
        f"configuration: {reason} Let its get_config return all arguments of its "
        "__init__, and register classes and functions of your own with "
        "keras.saving.register_keras_serializable."
    )
