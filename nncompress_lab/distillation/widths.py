"""Which numbers of a model's configuration make it narrower, and stay consistent.

Every tensor has as many channels as its last axis is long. Layers with a kernel choose
that number; additions force their inputs to agree; inputs and outputs of the model keep
theirs, and so does whatever must agree with them.
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import keras

from nncompress_lab.distillation import config_graph as graph
from nncompress_lab.distillation.config_graph import Config, Tensor
from nncompress_lab.models.einsum import Einsum
from nncompress_lab.models.kernels import keras_classes, walk

# The number of channels in the configuration of a layer that chooses it.
CHANNELS = {
    "Dense": "units",
    "EinsumDense": "output_shape",
    "BaseConv": "filters",
    "BaseConvTranspose": "filters",
    "BaseSeparableConv": "filters",
    "Embedding": "output_dim",
    "SimpleRNN": "units",
    "LSTM": "units",
    "GRU": "units",
}
# Numbers inside a layer, which no other layer has to agree with.
INNER = {
    "MultiHeadAttention": ("key_dim", "value_dim"),
    "GroupedQueryAttention": ("head_dim",),
}
MERGING = {"Merge", "Add", "Subtract", "Multiply", "Maximum", "Minimum"}
MIXING = {"Dot", "Einsum", "Matmul", "Permute", "RepeatVector", "Transpose"}

Key = tuple[Any, ...]


def narrower(model: keras.Model, width: float) -> dict[str, Config]:
    """What to change in the configurations of a model's layers.

    Args:
        model: A built functional or sequential model.
        width: Fraction of the channels that stay, in (0, 1].

    Returns:
        New values by the path of the layer; layers that stay as they are have none.
    """
    channels = _Channels({path: keras_classes(layer) for path, layer in walk(model)})
    config = graph.functional_config(model)
    channels.add_model(config, prefix="")
    for tensor in graph.inputs(config) + graph.outputs(config):
        channels.fix([tensor.key])
    channels.settle()
    return {
        path: changes
        for path in channels.configs
        if (changes := channels.changes(path, width))
    }


class _Channels:
    """Groups of tensors that have the same number of channels.

    A key is a tensor's, or `(path,)` for the number that a layer chooses.
    """

    def __init__(self, kinds: dict[str, list[str]]) -> None:
        self.kinds = kinds
        self.configs: dict[str, Config] = {}
        self.parent: dict[Key, Key] = {}
        self.size: dict[Key, int] = {}
        self.fixed: set[Key] = set()
        self.multiple: dict[Key, int] = {}
        self.made_of: dict[Key, list[Key]] = {}

    def add_model(self, config: Config, *, prefix: str) -> None:
        for entry in config["layers"]:
            path = prefix + entry["name"]
            self.configs[path] = entry["config"]
            self.kinds.setdefault(path, [entry["class_name"]])
            if entry["class_name"] == "InputLayer":
                self._know(Tensor(path, shape=tuple(entry["config"]["batch_shape"])))
            if "layers" in entry["config"]:
                self.add_model(entry["config"], prefix=f"{path}/")
            for call, tensors in enumerate(graph.calls(entry, prefix=prefix)):
                for tensor in tensors:
                    self._know(tensor)
                self._add_call(path, tensors, call)

    def _add_call(self, path: str, tensors: list[Tensor], call: int) -> None:
        config, kinds = self.configs[path], set(self.kinds[path])
        keys, out = [tensor.key for tensor in tensors], (path, call, 0)
        if "layers" in config:
            self._add_inner_model(path, keys, call)
        elif name := _chosen_by(kinds):
            self._add_kernel(path, name, keys[0], out)
        elif kinds & set(INNER):
            self._join(out, keys[0])
        elif kinds & MIXING or {"layer", "cell"} & set(config):
            self.fix([*keys, out])
        elif "Concatenate" in kinds and _is_last(config, tensors[0]):
            self.made_of[out] = keys
        elif kinds & MERGING:
            self._add_merge(keys, out)
        else:
            self.made_of[out] = keys
            self._must_divide(out, config.get("groups", 1))

    def _add_inner_model(self, path: str, keys: list[Key], call: int) -> None:
        config, prefix = self.configs[path], f"{path}/"
        for inner, key in zip(graph.inputs(config, prefix=prefix), keys, strict=False):
            self._join(inner.key, key)
        for index, inner in enumerate(graph.outputs(config, prefix=prefix)):
            self._join(inner.key, (path, call, index))

    def _add_kernel(self, path: str, name: str, taken: Key, out: Key) -> None:
        config = self.configs[path]
        self.size[(path,)] = _last(config[name])
        self._join((path,), out)
        # Its kernel has one shape, however often the layer is called.
        self._join((path, "inputs"), taken)
        for key in ((path,), taken):
            self._must_divide(key, config.get("groups", 1))
        if name == "output_shape":
            einsum = Einsum.parse(config["equation"])
            if einsum.output[-1] in einsum.given:
                self.fix([taken, out])

    def _add_merge(self, keys: list[Key], out: Key) -> None:
        widest = max(self.size.get(key, 1) for key in keys)
        for key in keys:
            if self.size.get(key, 1) == widest:
                self._join(key, out)
            else:  # it is broadcast
                self.fix([key])

    def _must_divide(self, key: Key, groups: int) -> None:
        if groups > 1:
            self.multiple[key] = math.lcm(self.multiple.get(key, 1), groups)

    def _know(self, tensor: Tensor) -> None:
        if len(tensor.shape) > 1 and tensor.shape[-1] is not None:
            self.size[tensor.key] = tensor.shape[-1]
        else:
            self.fix([tensor.key])

    def _join(self, one: Key, other: Key) -> None:
        self.parent[self._group(one)] = self._group(other)

    def _group(self, key: Key) -> Key:
        while key in self.parent and self.parent[key] != key:
            key = self.parent[key]
        return key

    def fix(self, keys: Iterable[Key]) -> None:
        """Say that the channels of these tensors stay as many as they are."""
        self.fixed.update(keys)

    def settle(self) -> None:
        """Make the groups final: join what passes channels on, spread what is fixed."""
        for out, keys in list(self.made_of.items()):
            if len(keys) == 1 and self.size.get(out) in {None, self.size.get(keys[0])}:
                self._join(out, keys[0])
                del self.made_of[out]
        masters = Counter(self._group(out) for out in self.made_of)
        masters.update({self._group(key) for key in self.size if len(key) == 1})
        for out, keys in self.made_of.items():
            if masters[self._group(out)] > 1:
                self.fix([out, *keys])
        self.size = {self._group(key): size for key, size in self.size.items()}
        self.fixed = {self._group(key) for key in self.fixed}
        self.made_of = {
            self._group(out): [self._group(key) for key in keys]
            for out, keys in self.made_of.items()
        }
        for key, groups in list(self.multiple.items()):
            self._must_divide(self._group(key), groups)
        before = -1
        while before != len(self.fixed):
            before = len(self.fixed)
            for out, keys in self.made_of.items():
                self._spread(out, keys)

    def _spread(self, out: Key, keys: list[Key]) -> None:
        uneven = self.size.get(out, 1) % sum(self.size[key] for key in keys)
        if uneven or out in self.fixed:
            self.fix([*keys, out])
        elif set(keys) <= self.fixed:
            self.fix([out])

    def _narrowed(self, key: Key, width: float) -> int:
        group = self._group(key)
        size, unit = self.size[group], self.multiple.get(group, 1)
        if group in self.fixed:
            return size
        if group in self.made_of:
            parts = self.made_of[group]
            ratio = size // sum(self.size[part] for part in parts)
            return ratio * sum(self._narrowed(part, width) for part in parts)
        return unit * max(1, round(size * width / unit))

    def changes(self, path: str, width: float) -> Config:
        """New values for the configuration of one layer."""
        config, kinds = self.configs[path], set(self.kinds[path])
        inner = {name for kind in kinds & set(INNER) for name in INNER[kind]}
        changed: Config = {
            name: max(1, round(config[name] * width)) for name in inner if config[name]
        }
        if name := _chosen_by(kinds):
            changed[name] = _with_last(config[name], self._narrowed((path,), width))
        for kind, name in (("Reshape", "target_shape"), ("InputLayer", "batch_shape")):
            if kind in kinds and _last(config.get(name, -1)) not in {-1, None}:
                channels = self._narrowed((path, 0, 0), width)
                changed[name] = _with_last(config[name], channels)
        return {name: new for name, new in changed.items() if new != config[name]}


def _chosen_by(kinds: set[str]) -> str | None:
    return next((CHANNELS[kind] for kind in CHANNELS if kind in kinds), None)


def _is_last(config: Config, tensor: Tensor) -> bool:
    return config.get("axis", -1) in {-1, len(tensor.shape) - 1}


def _last(value: Any) -> Any:
    return value[-1] if isinstance(value, list | tuple) else value


def _with_last(value: Any, last: int) -> Any:
    return [*value[:-1], last] if isinstance(value, list | tuple) else last
