"""What a layer knows, given to another: the only code that copies weights."""

from collections.abc import Callable, Set
from operator import attrgetter
from typing import Any

import keras

from nncompress_lab.atomic import scratch_folder
from nncompress_lab.errors import no_model
from nncompress_lab.models.cloning import definer, is_foreign
from nncompress_lab.models.keras_calibrated import (
    CALIBRATED,
    check_calibrated,
    without_layers,
)
from nncompress_lab.models.kernels import own_variables, quantized_by_keras, to_numpy


def copy_weights(source: keras.Layer, target: keras.Layer) -> None:
    """Give a layer or model the weights and seeds of an equally built one.

    Values go through NumPy: on JAX, assigning a variable to another shares its buffer,
    and the first of the two models to train deletes it for both.

    Args:
        source: Where the values come from.
        target: Where they go; it must have the same variables.

    Raises:
        UnsupportedModelError: If one of them is no layer or model.
        ValueError: If the two do not have variables of the same shapes.
    """
    for one in (source, target):
        if not isinstance(one, keras.Layer):
            raise no_model(one)
    copy_all_but(source, target, set())


def copy_all_but(source: keras.Layer, target: keras.Layer, copied: Set[int]) -> None:
    """`copy_weights`, but for variables of the target with an id in `copied`."""
    for from_part, to_part in _parts(source, target):
        _change_alike(from_part, to_part)
    givers, takers = _in_one_order(source.variables, target.variables)
    shapes = [tuple(variable.shape) for variable in givers]
    expected = [tuple(variable.shape) for variable in takers]
    if shapes != expected:
        raise ValueError(
            f"Weights can only be copied between layers of the same shapes. Received: "
            f"{source.name!r} with {shapes} and {target.name!r} with {expected}."
        )
    for giver, taker in zip(givers, takers, strict=True):
        if id(taker) not in copied:
            taker.assign(to_numpy(giver))
    for from_part, to_part in _parts(source, target):
        _copy_other_state(from_part, to_part)
        use_variables(to_part)


def inherit(
    source: keras.Layer, target: keras.Layer, part: Callable[[Any], Any]
) -> None:
    """Give a layer what another one of its kind knows, as far as it fits.

    Args:
        source: Where the values come from.
        target: Where they go. Weights of another shape than what they are to get stay.
        part: Gives the array of what is to be taken of a variable.
    """
    shapes = [[tuple(x.shape) for x in layer.variables] for layer in (source, target)]
    if shapes[0] == shapes[1]:
        copy_weights(source, target)
        return
    givers, takers = own_variables(source), own_variables(target)
    for giver, taker in zip(givers, takers, strict=False):
        if (values := part(giver)).shape == tuple(taker.shape):
            taker.assign(values)
    use_variables(target)


def _parts(source: keras.Layer, target: keras.Layer) -> list[tuple[Any, Any]]:
    """Two equal layers, and the layers inside them, side by side; what is outside first."""
    parts = zip(source._flatten_layers(), target._flatten_layers(), strict=False)
    return list(parts)


def _change_alike(source: Any, target: Any) -> None:
    """Let Keras quantize a layer, or give it LoRA, as another has been after its build.

    A layer tells so in its configuration, but the class that it is inside of does not.
    """
    check_calibrated(source)
    if quantized_by_keras(source) and not quantized_by_keras(target):
        config = without_layers(source.quantization_config)
        target.quantize(source.quantization_mode, config=config)
    for name in vars(source).keys() & CALIBRATED.values():
        setattr(target, name, getattr(source, name))
    with_lora = getattr(source, "lora_enabled", False)
    if with_lora and not target.lora_enabled:
        target.enable_lora(source.lora_rank, lora_alpha=source.lora_alpha)


def _in_one_order(givers: list[Any], takers: list[Any]) -> tuple[list[Any], list[Any]]:
    """By name where two layers made the same variables in another order.

    Keras does so in mode "float8": `quantize` comes after `build`, but in a layer made
    from its configuration before the kernel.
    """
    names = [one.name for one in givers], [one.name for one in takers]
    if names[0] == names[1] or sorted(names[0]) != sorted(names[1]):
        return givers, takers
    by_name = attrgetter("name")  # equal names stay in the order of their layers
    return sorted(givers, key=by_name), sorted(takers, key=by_name)


def freeze_alike(source: keras.Layer, target: keras.Layer) -> None:
    """Let the layers inside a layer train where those inside an equal one do.

    What a class makes in its `__init__` begins trainable, whatever it was made like.
    """
    for from_part, to_part in _parts(source, target):  # which sets what is inside
        if to_part.trainable != from_part.trainable:
            to_part.trainable = from_part.trainable


def use_variables(layer: keras.Layer) -> None:
    """Let a layer whose variables were assigned compute with them."""
    if isinstance(layer, keras.layers.Normalization):
        layer.finalize_state()  # it computes with constants made of its variables


def _copy_other_state(source: keras.Layer, target: keras.Layer) -> None:
    """What a layer saves beside its variables, as a vocabulary, the way a file holds it."""
    has_assets = hasattr(source, "save_assets")
    if has_assets or is_foreign(definer(type(source), "save_own_variables")):
        store: dict[str, Any] = {}
        source.save_own_variables(store)
        target.load_own_variables(store)
    if not has_assets:
        return
    with scratch_folder() as folder:
        source.save_assets(str(folder))
        target.load_assets(str(folder))
