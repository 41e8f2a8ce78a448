"""A model's configuration as a graph: plain data that a student is drawn up from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Config = dict[str, Any]


@dataclass(frozen=True)
class Tensor:
    """An output of a layer.

    Args:
        layer: Name of the layer that computes it.
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


def calls(entry: Config) -> list[list[Tensor]]:
    """For each call of a layer the tensors that go in."""
    return [list(_tensors(node)) for node in entry["inbound_nodes"]]


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


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            layer, call, output = value["config"]["keras_history"]
            shape = tuple(value["config"]["shape"])
            yield Tensor(layer, call, output, shape)
            return
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _tensors(one)


def _is_history(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and isinstance(value[0], str)
        and all(isinstance(one, int) for one in value[1:])
    )
