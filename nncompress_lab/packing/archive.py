"""What Keras writes into a `.keras` file, as a configuration and named arrays, and back.

Keras itself saves and loads, so that every layer stores what it wants to and Keras's own
checks apply; this module only takes the archive apart and puts it together again.
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import numpy.typing as npt

from nncompress_lab.atomic import scratch_folder
from nncompress_lab.errors import CorruptFileError, UnsupportedModelError
from nncompress_lab.packing.tensors import DTYPES

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ASSETS = "assets/"  # files beside the weights, say a vocabulary
_BFLOAT16 = "bfloat16"
_VARIABLES = "vars"
_SHARED = "shared_object_id"
_LONGEST_NAME = 4096


@dataclass(frozen=True, eq=False)
class Member:
    """An array of the archive.

    Args:
        name: Its path in the weights file, or of its file if that begins with `assets/`.
        dtype: One of the names in `DTYPES`.
        shape: Of what it holds.
        read: Reads that while the archive is open; of bfloat16, the bits.
        layer: Names from the model down to the layer that it belongs to, joined by `/`.
        index: Its place among the layer's variables.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], npt.NDArray[Any]]
    layer: str = ""
    index: int = 0


@dataclass(frozen=True, eq=False)
class Archive:
    """The content of a `.keras` file.

    Args:
        config: How the model is built, as Keras serializes it.
        keras_version: That saved it.
        members: Its arrays.
    """

    config: dict[str, Any]
    keras_version: str
    members: list[Member]


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """A `.keras` file taken apart, whose arrays are read one by one within the block.

    Raises:
        UnsupportedModelError: If a variable has a type that cannot be packed.
    """
    with zipfile.ZipFile(path) as archive, scratch_folder() as folder:
        config = _renumbered(archive.read(CONFIG))
        version = json.loads(archive.read(METADATA))["keras_version"]
        with h5py.File(archive.extract(WEIGHTS, folder), "r") as weights:
            assets = [_asset(archive, one) for one in archive.infolist()]
            members = [*_variables(weights), *(one for one in assets if one)]
            yield Archive(config, version, members)


def _asset(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member | None:
    if not info.filename.startswith(ASSETS) or info.is_dir():
        return None

    def read() -> npt.NDArray[np.uint8]:
        return np.frombuffer(archive.read(info), np.uint8)

    return Member(info.filename, "uint8", (info.file_size,), read)


def write(
    path: Path,
    config: dict[str, Any],
    keras_version: str,
    members: Iterable[tuple[str, str, npt.NDArray[Any]]],
) -> None:
    """Put a `.keras` file together.

    Args:
        path: Of the file.
        config: As in `Archive`.
        keras_version: As in `Archive`.
        members: Name, dtype and array of each member, as in `Member`.

    Raises:
        CorruptFileError: If a name is none that Keras gives.
    """
    with (
        scratch_folder() as folder,
        zipfile.ZipFile(path, "w") as archive,
        h5py.File(folder / WEIGHTS, "w") as weights,
    ):
        archive.writestr(METADATA, json.dumps({"keras_version": keras_version}))
        archive.writestr(CONFIG, json.dumps(config))
        for name, dtype, array in members:
            _check_name(name)
            if name.startswith(ASSETS):
                archive.writestr(name, array.tobytes())
            else:
                _store(weights, name, dtype, array)
        weights.close()
        archive.write(folder / WEIGHTS, WEIGHTS)


def _renumbered(text: bytes) -> dict[str, Any]:
    """The configuration, with what marks shared objects counted from 1.

    Keras marks them by their addresses, which are long and differ from run to run.
    """
    numbers: dict[Any, int] = {}

    def renumber(value: dict[str, Any]) -> dict[str, Any]:
        if _SHARED in value:
            address = value[_SHARED]
            value[_SHARED] = numbers.setdefault(address, len(numbers) + 1)
        return value

    config: dict[str, Any] = json.loads(text, object_hook=renumber)
    return config


def _variables(group: h5py.Group, layer: tuple[str, ...] = ()) -> Iterator[Member]:
    if _VARIABLES in group:
        name = group[_VARIABLES].attrs.get("name")
        layer = (*layer, name) if group.name != "/" and name else layer
    for key, item in group.items():
        if isinstance(item, h5py.Group):
            yield from _variables(item, layer)
        else:
            index = int(key) if key.isdecimal() else 0
            yield _variable(item, "/".join(layer), index)


def _variable(dataset: h5py.Dataset, layer: str, index: int) -> Member:
    name = dataset.name.lstrip("/")
    dtype = dataset.attrs.get("dtype", dataset.dtype.name)
    if dtype not in DTYPES:
        raise UnsupportedModelError(
            f"A variable of type {dtype} cannot be packed. Received: {name}. The types "
            f"that can: {', '.join(DTYPES)}."
        )

    def read() -> npt.NDArray[Any]:
        array = np.asarray(dataset[()])
        return array.view(np.uint16) if dtype == _BFLOAT16 else array

    return Member(name, dtype, dataset.shape, read, layer, index)


def _store(weights: h5py.File, name: str, dtype: str, array: Any) -> None:
    if dtype == _BFLOAT16:
        array = array.view(ml_dtypes.bfloat16)
    try:
        dataset = weights.create_dataset(name, data=array)
    except (ValueError, TypeError) as error:  # another array has part of this name
        raise CorruptFileError(f"{name!r} cannot be the name of a tensor") from error
    if dtype == _BFLOAT16:
        dataset.attrs["dtype"] = _BFLOAT16


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    in_folder = not path.is_absolute() and ".." not in path.parts and str(path) == name
    if not in_folder or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise CorruptFileError(f"{name[:99]!r} cannot be the name of a tensor")
