"""What `config.json` says about the layers whose weights lie in the file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nncompress_lab.errors import ModelFileError
from nncompress_lab.models.kernels import KERNELS

MAX_DEPTH = 60
_QUANTIZED = "Quantized"
_SCALES = {"none": (), "float": ("scale",), "power_of_two": ("exponent",)}
_CELLS = ("LSTM", "GRU", "SimpleRNN")
_GATES = {"SimpleRNNCell": 1, "GRUCell": 3, "LSTMCell": 4, "ConvLSTMCell": 4}
_PROJECTIONS = "MultiHeadAttention"
_NOT_LAYERS = {"dtype", "inbound_nodes"}  # policies have names too


@dataclass(frozen=True)
class ConfigNode:
    """One object of the configuration: a model, a layer, or a layer inside a layer.

    Args:
        class_name: As Keras writes it, without its module.
        config: The arguments that build it.
        build_config: The shapes it was built for.
    """

    class_name: str
    config: dict[str, Any]
    build_config: dict[str, Any]

    @classmethod
    def of(cls, value: dict[str, Any]) -> "ConfigNode":
        """The node that a serialized object describes."""
        config, build = value.get("config"), value.get("build_config")
        return cls(
            str(value.get("class_name", "")),
            config if isinstance(config, dict) else {},
            build if isinstance(build, dict) else {},
        )

    @property
    def name(self) -> str:
        """The name its author gave it."""
        return str(self.config.get("name", ""))

    @cached_property
    def children(self) -> tuple["ConfigNode", ...]:
        """The nearest objects with a name inside this one, in order."""
        return tuple(_named(self.config, MAX_DEPTH))

    def child(self, name: str) -> "ConfigNode | None":
        """The object of this name inside this one, or None."""
        if self.class_name.endswith(_PROJECTIONS):
            return self._projection(name)
        return self._by_name.get(name)

    def place_of(self, name: str) -> int:
        """Where the object of this name stands among the others; last if unknown."""
        return self._places.get(name, len(self.children))

    def name_of_group(self, group: str) -> str:
        """The name of the layer that Keras keeps under this HDF5 group.

        Newer files hold the name beside the weights. In older ones the group is all
        there is: the class in snake case, numbered in the order of the layers.
        """
        return self._by_group.get(group, group)

    @cached_property
    def _by_name(self) -> dict[str, "ConfigNode"]:
        return {child.name: child for child in self.children}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {child.name: place for place, child in enumerate(self.children)}

    @cached_property
    def _by_group(self) -> dict[str, str]:
        groups: dict[str, str] = {}
        used: dict[str, int] = {}
        for child in self.children:
            stem = _snake_case(child.class_name)
            count = used[stem] = used.get(stem, -1) + 1
            groups[f"{stem}_{count}" if count else stem] = child.name
        return groups

    def _projection(self, name: str) -> "ConfigNode":
        """A projection of attention: one of its own, or what stands in for it."""
        config = {"name": name, "bias_axes": self.config.get("use_bias", True)}
        return self._by_name.get(name, ConfigNode("EinsumDense", config, {}))

    @property
    def quantization(self) -> dict[str, Any] | None:
        """Fields of the kernels' format, or None if they are floats."""
        format_ = self.config.get("quantization")
        if not self.class_name.startswith(_QUANTIZED) or not isinstance(format_, dict):
            return None
        return format_ if "bits" in format_ else None

    @property
    def kernel_names(self) -> tuple[str, ...]:
        """Names of the kernels; none for a class that is not known."""
        return KERNELS.get(self._float_class, ())

    @property
    def _float_class(self) -> str:
        return self.class_name.removeprefix(_QUANTIZED)

    def weight_names(self, count: int) -> list[str] | None:
        """Names of the weights in the order of the file; None if they are not known.

        Args:
            count: How many weights the file holds for this layer.
        """
        names = self._weight_names()
        return names if len(names) == count else None

    def _weight_names(self) -> list[str]:
        config, name = self.config, self._float_class
        if name in _CELLS:
            bias = ["bias"] if config.get("use_bias", True) else []
            return ["kernel", "recurrent_kernel", *bias]
        if name.endswith("Normalization"):
            moving = ["moving_mean", "moving_variance"] if name.startswith("B") else []
            gamma = ["gamma"] if config.get("scale", True) else []
            beta = ["beta"] if config.get("center", True) else []
            return [*gamma, *beta, *moving]
        switch = "bias_axes" if name == "EinsumDense" else "use_bias"
        bias = ["bias"] if name != "Embedding" and config.get(switch, True) else []
        if self.quantization is None:
            return [*self.kernel_names, *bias]
        if self.quantization.get("kind") == "codebook":  # tables are made to train
            tables = [f"{kernel}_table" for kernel in self.kernel_names]
            scale = _SCALES[self.quantization.get("scales", "none")]
            parts = ["q", *scale]
            return [
                *tables,
                *bias,
                *(f"{k}_{part}" for k in self.kernel_names for part in parts),
            ]
        parts = ["q", "scale"]
        if not self.quantization.get("symmetric", True):
            parts.append("zero_point")
        return bias + [f"{k}_{part}" for k in self.kernel_names for part in parts]

    def kernel_shape(self, name: str) -> tuple[int, ...] | None:
        """Shape of a kernel before it was packed; None if that is not known."""
        try:
            shape = tuple(self._kernel_shape(name))
        except (KeyError, TypeError, IndexError, ZeroDivisionError):
            return None
        whole = all(isinstance(size, int) and size > 0 for size in shape)
        return shape if whole else None

    def _kernel_shape(self, name: str) -> list[Any]:
        config, class_name = self.config, self._float_class
        if class_name == "Embedding":
            return [config["input_dim"], config["output_dim"]]
        channels_first = config.get("data_format") == "channels_first"
        inputs = self.build_config["input_shape"][1 if channels_first else -1]
        if class_name == "Dense":
            return [inputs, config["units"]]
        if class_name.startswith("Depthwise") or name == "depthwise_kernel":
            return [*config["kernel_size"], inputs, config["depth_multiplier"]]
        if name == "pointwise_kernel":
            return [inputs * config["depth_multiplier"], config["filters"]]
        if gates := _GATES.get(class_name):
            units = config["filters" if class_name.startswith("Conv") else "units"]
            rows = units if name == "recurrent_kernel" else inputs
            return [*config.get("kernel_size", ()), rows, gates * units]
        groups = config.get("groups", 1)
        return [*config["kernel_size"], inputs // groups, config["filters"]]


def _named(value: Any, depth: int) -> Iterator[ConfigNode]:
    if depth == 0:
        raise ModelFileError(
            f"The configuration is nested more than {MAX_DEPTH} deep, which no model "
            "needs. The file is damaged or was made to mislead; do not load it."
        )
    if _is_named(value):
        yield ConfigNode.of(value)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _NOT_LAYERS:
                yield from _named(item, depth - 1)


def _is_named(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and "class_name" in value
        and isinstance(value.get("config"), dict)
        and isinstance(value["config"].get("name"), str)
    )


def _snake_case(name: str) -> str:
    """As Keras does it, or the names of older files' groups would not be found."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
