"""A model's configuration as a graph: plain data that a student is drawn up from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

Config = dict[str, Any]


@dataclass(frozen=True)
class Tensor:
    """An output of a layer.

    Args:
        layer: Path of the layer that computes it.
        call: Which of the calls of that layer, from 0.
        output: Which of the outputs of that call, from 0.
        shape: With the batch axis; empty where the configuration does not tell it.
    """

    layer: str
    call: int = 0
    output: int = 0
    shape: tuple[int | None, ...] = ()

    @property
    def key(self) -> tuple[str, int, int]:
        """What tells it from all other tensors."""
        return self.layer, self.call, self.output


def functional_config(model: keras.Model) -> Config:
    """The configuration of a model, with sequential models as graphs like all others."""
    config: Config = keras.Model(
        model.inputs, model.outputs, name=model.name
    ).get_config()
    layers = {layer.name: layer for layer in model.layers}
    for entry in config["layers"]:
        inner = layers.get(entry["name"])
        if isinstance(inner, keras.Model):
            entry["config"] = functional_config(inner)
    return config


def calls(entry: Config, *, prefix: str = "") -> list[list[Tensor]]:
    """For each call of a layer the tensors that go in."""
    return [list(_tensors(node, prefix)) for node in entry["inbound_nodes"]]


def outputs(config: Config, *, prefix: str = "") -> list[Tensor]:
    """The tensors that a model returns."""
    return [Tensor(prefix + one[0], *one[1:]) for one in _histories(config, "output")]


def inputs(config: Config, *, prefix: str = "") -> list[Tensor]:
    """The tensors that a model takes, in order."""
    return [Tensor(prefix + one[0], *one[1:]) for one in _histories(config, "input")]


def redirect(config: Any, to: dict[tuple[str, int, int], list[Any]]) -> None:
    """Let all that took certain tensors take others, in place."""
    if isinstance(config, dict):
        history = config.get("keras_history")
        if history is not None and tuple(history) in to:
            config["keras_history"] = to[tuple(history)]
        for value in config.values():
            redirect(value, to)
    elif isinstance(config, list | tuple):
        for position, value in enumerate(config):
            if isinstance(config, list) and _is_history(value) and tuple(value) in to:
                config[position] = to[tuple(value)]
            else:
                redirect(value, to)


def _tensors(value: Any, prefix: str) -> Iterator[Tensor]:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            layer, call, output = value["config"]["keras_history"]
            shape = tuple(value["config"]["shape"])
            yield Tensor(prefix + layer, call, output, shape)
            return
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _tensors(one, prefix)


def _histories(config: Config, which: str) -> Iterator[list[Any]]:
    waiting = [config[f"{which}_layers"]]
    while waiting:
        one = waiting.pop(0)
        if _is_history(one):
            yield one
        elif isinstance(one, dict):
            waiting = [*one.values(), *waiting]
        else:
            waiting = [*one, *waiting]


def _is_history(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and isinstance(value[0], str)
        and all(isinstance(one, int) for one in value[1:])
    )
