"""The HDF5 file with the weights: what lies where, and samples of large arrays.

Nothing is believed that would cost memory: arrays are read in blocks, links are followed
only inside the file, and sizes that the file declares must match the bytes it holds.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import ModelFileError
from nncompress_lab.server.model_config import ConfigNode

MAX_DEPTH = 60
MAX_ROWS = 5000
MAX_WEIGHTS = 20_000
MAX_CHUNK_BYTES = 64 * 2**20
MAX_NAME = 200
MOST_DEFLATED = 1100  # zlib's limit is about 1030 : 1
BLOCKS = 64  # that a sample of an array consists of
ALIGNMENT = 210  # packed integers of any width start at multiples of it
OPTIMIZER = "optimizer"
VARIABLES = "vars"


@dataclass(frozen=True)
class StoredWeight:
    """One array in the file; made by `contents_of`.

    Args:
        key: Its name in the file, usually its position.
        dataset: The HDF5 data set.
    """

    key: str
    dataset: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """As declared, and checked against the bytes in the file."""
        return tuple(int(size) for size in self.dataset.shape)

    @property
    def size(self) -> int:
        """Numbers in the array."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> str:
        """Keras's name of the type; HDF5 has no bfloat16 and no float8."""
        written = self.dataset.attrs.get("dtype")
        return str(written)[:MAX_NAME] if written else str(self.dataset.dtype)

    @property
    def raw_bytes(self) -> int:
        """Bytes of the array in memory."""
        return self.size * int(self.dataset.dtype.itemsize)

    @property
    def stored_bytes(self) -> int:
        """Bytes in the file: fewer if HDF5 compresses."""
        return int(self.dataset.id.get_storage_size())

    def read(self, most: int) -> npt.NDArray[Any] | None:
        """The numbers, flat; an even sample in contiguous blocks if there are more.

        None if these are words.

        Args:
            most: Numbers to read at most.

        Returns:
            An array of the stored type. A sample is in the order of the array.
        """
        if self.dataset.dtype.hasobject:
            return None
        if self.size == 0:
            return np.empty(0, self.dataset.dtype)
        if self.size <= most:
            return np.asarray(self.dataset[()]).reshape(-1)
        blocks = [self.dataset[place] for place in even_blocks(self.shape, most)]
        return np.concatenate([np.asarray(block).reshape(-1) for block in blocks])


@dataclass(frozen=True)
class StoredLayer:
    """The weights of one layer.

    Args:
        path: Names from the model down to the layer, joined by slashes.
        node: What the configuration says about it, or about what contains it.
        weights: In the order of the file.
    """

    path: str
    node: ConfigNode
    weights: tuple[StoredWeight, ...]


@dataclass
class Contents:
    """All that a weights file holds.

    Args:
        layers: Those with weights, `MAX_ROWS` at most.
        optimizer_bytes: What the optimizer's state takes in the file.
        left_out: Whether there were more layers.
    """

    layers: list[StoredLayer] = field(default_factory=list)
    optimizer_bytes: int = 0
    left_out: bool = False


def contents_of(root: Any, model: ConfigNode) -> Contents:
    """List what lies in a weights file.

    Args:
        root: The opened `h5py.File`.
        model: Its model's configuration.

    Raises:
        ModelFileError: If the file declares what it does not hold, or is not bounded.
    """
    return _Walk().run(root, model)


def even_blocks(shape: tuple[int, ...], most: int) -> Iterator[tuple[Any, ...]]:
    """Places of evenly spread blocks, each contiguous in the file.

    Args:
        shape: Of an array with more than `most` numbers.
        most: Numbers in all blocks together, at most.

    Yields:
        Indices to read the array at.

    Example:
        >>> list(even_blocks((8, 100), 250))[:2]
        [(0, slice(0, 3, None)), (0, slice(12, 15, None))]
    """
    block = max(1, most // BLOCKS)
    if block > ALIGNMENT:
        block -= block % ALIGNMENT
    axis = next(i for i in range(len(shape)) if math.prod(shape[i + 1 :]) <= block)
    tail = math.prod(shape[axis + 1 :])
    rows = min(shape[axis], max(1, block // tail))
    slots = shape[axis] // rows
    units = math.prod(shape[:axis]) * slots
    for unit in np.linspace(0, units - 1, min(units, BLOCKS)).astype(np.int64):
        line, slot = divmod(int(unit), slots)
        leading = np.unravel_index(line, shape[:axis]) if axis else ()
        yield (*map(int, leading), slice(slot * rows, (slot + 1) * rows))


class _Walk:
    """One walk through a file; every object is visited once, whatever links to it."""

    def __init__(self) -> None:
        self.found = Contents()
        self.seen: set[int] = set()
        self.weights = 0

    def run(self, root: Any, model: ConfigNode) -> Contents:
        import h5py

        self.h5py = h5py
        self._layer(root, (), model, MAX_DEPTH)
        return self.found

    def _links(self, group: Any) -> Iterator[tuple[str, Any]]:
        """Children that lie in this file and were not visited yet."""
        for name in group:
            if not isinstance(group.get(name, getlink=True), self.h5py.HardLink):
                raise ModelFileError(
                    "The weights contain a link to another place or file, which Keras "
                    "never writes. The file was made to mislead; do not load it."
                )
            child = group[name]
            address = self.h5py.h5o.get_info(child.id).addr
            if address not in self.seen:
                self.seen.add(address)
                yield name, child

    def _layer(
        self, group: Any, path: tuple[str, ...], node: ConfigNode, depth: int
    ) -> None:
        if depth == 0:
            raise ModelFileError("The weights are nested too deeply; do not load them.")
        weights: list[StoredWeight] = []
        inner: list[tuple[str, Any]] = []
        for name, child in self._links(group):
            if isinstance(child, self.h5py.Dataset):
                weights.append(self._checked(name, child))
            elif name == VARIABLES:
                weights += self._arrays(child, depth)
            elif name == OPTIMIZER and depth == MAX_DEPTH:
                state = self._arrays(child, depth)
                self.found.optimizer_bytes = sum(one.stored_bytes for one in state)
            else:
                inner.append((_name_of(name, child, node), child))
        if weights:
            self._add(path or (node.name,), node, weights)
        for name, child in sorted(inner, key=lambda pair: node.place_of(pair[0])):
            self._inner(name, child, path, node, depth - 1)

    def _inner(
        self, name: str, group: Any, path: tuple[str, ...], node: ConfigNode, depth: int
    ) -> None:
        child = node.child(name)
        if VARIABLES in group or child:
            path, node = (*path, name[:MAX_NAME]), child or node
        self._layer(group, path, node, depth)  # else it is a list of layers

    def _add(
        self, path: tuple[str, ...], node: ConfigNode, weights: list[StoredWeight]
    ) -> None:
        if len(self.found.layers) == MAX_ROWS:
            self.found.left_out = True
            return
        weights.sort(key=lambda weight: (len(weight.key), weight.key))
        self.found.layers.append(StoredLayer("/".join(path), node, tuple(weights)))

    def _arrays(self, group: Any, depth: int) -> list[StoredWeight]:
        arrays: list[StoredWeight] = []
        for name, child in self._links(group):
            if isinstance(child, self.h5py.Dataset):
                arrays.append(self._checked(name, child))
            elif depth > 1:
                arrays += self._arrays(child, depth - 1)
        return arrays

    def _checked(self, key: str, dataset: Any) -> StoredWeight:
        self.weights += 1
        weight = StoredWeight(key[:MAX_NAME], dataset)
        plain = dataset.chunks is None
        if self.weights > MAX_WEIGHTS or dataset.shape is None:
            raise ModelFileError("The file holds more arrays than any model.")
        if dataset.external or dataset.is_virtual:
            raise ModelFileError(
                "The weights refer to other files, which Keras never writes. The file "
                "was made to mislead; do not load it."
            )
        held = weight.stored_bytes * (1 if plain else MOST_DEFLATED)
        chunk = 0 if plain else math.prod(dataset.chunks) * dataset.dtype.itemsize
        if weight.raw_bytes > held or chunk > MAX_CHUNK_BYTES:
            raise ModelFileError(
                f"The file declares weights of shape {weight.shape} and does not hold "
                "them. It is damaged or was made to mislead; do not load it."
            )
        return weight


def _name_of(group_name: str, group: Any, parent: ConfigNode) -> str:
    written = group[VARIABLES].attrs.get("name") if VARIABLES in group else None
    return str(written) if written else parent.name_of_group(group_name)
