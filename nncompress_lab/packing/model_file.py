"""Packing a Keras model into a file of few bytes, and getting the same model back."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np
import numpy.typing as npt
from keras.src.saving import saving_lib

from nncompress_lab.atomic import replace_file, scratch_folder
from nncompress_lab.errors import (
    CorruptFileError,
    ModelFileError,
    UnsupportedModelError,
)
from nncompress_lab.models.building import built_once
from nncompress_lab.models.declared import (
    check_config,
    variable_bytes,
    without_compiling,
)
from nncompress_lab.models.files import (
    OWN_LAYERS,
    REGISTER,
    keras_errors,
    refused_layer,
    write_model,
)
from nncompress_lab.models.graph import check_is_model
from nncompress_lab.models.kernels import own_variables, to_numpy, walk
from nncompress_lab.models.paths import PACKED_SUFFIX, check_packed, check_target
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.models.variables_in_place import in_place
from nncompress_lab.packing import archive, container
from nncompress_lab.packing.tensors import Layout, encode, layout_of
from nncompress_lab.quantization.arrays.codebook_format import View
from nncompress_lab.quantization.layers.stored import QuantizedKernels

_LARGE = 2**26  # bytes of a model from which on the disk is worth its time
_ANY = 2**62  # bytes: of a model that is in memory already
REFUSED = "Keras does not accept its model"


def pack(model: keras.Model, path: str | Path) -> int:
    """Write a model as one file that is as small as the numbers in it allow.

    Nothing of what Keras saves is lost: `unpack` returns a model with the same bits in all
    weights as `keras.saving.load_model` would. (Keras adds the product of LoRA to its
    kernel; one that it has quantized, it rounds again, and outputs differ by that.) What
    is small is what a model has in common: zeros, codes, few different values. Each
    array is stored in the shortest of several forms; `docs/packed-format.md` describes
    them. As in `measure.file_sizes`, the state of an optimizer is left out.

    Args:
        model: Any model that Keras can save. It is not changed.
        path: Ends in `.ncz`; an existing file is replaced as a whole or not at all.

    Returns:
        Bytes of the file.

    Raises:
        ValueError: If the path does not end in `.ncz`.
        FileNotFoundError: If its folder does not exist.
        UnsupportedModelError: If the model is compiled and cannot be copied, has
            variables of a type that Keras does not save, or could not be read again,
            as one with a Lambda layer; the message names the layer.
    """
    check_is_model(model)
    check_target(path, suffix=PACKED_SUFFIX)
    with replace_file(path) as temporary:
        with temporary.open("wb") as file:
            _write(model, file)
        _check_readable(model, temporary)
        return temporary.stat().st_size


def _check_readable(model: keras.Model, path: Path) -> None:
    try:
        unpack(path, max_bytes=_ANY)
    except ModelFileError as error:
        reason = str(error).removeprefix(f"{path} cannot be unpacked. ")
        reason = reason.partition(f" {OWN_LAYERS}")[0]
        raise UnsupportedModelError(
            f"{model.name!r} cannot be packed, because nobody could read the file: "
            f"{refused_layer(model, read=True)}{reason} {REGISTER}"
        ) from error


def packed_bytes(model: keras.Model) -> int:
    """How many bytes `pack` would write for a model."""
    return len(packed(model))


def packed(model: keras.Model) -> bytes:
    """The content of the file that `pack` writes."""
    return keras_and_packed(model)[1]


def keras_and_packed(model: keras.Model) -> tuple[int, bytes]:
    """Bytes of a model's `.keras` file without an optimizer, and what `pack` writes."""
    check_is_model(model)
    file = io.BytesIO()
    return _write(model, file), file.getvalue()


def _write(model: keras.Model, file: IO[bytes]) -> int:
    """Pack a model into a file; bytes of its `.keras` file."""
    with saved_without_optimizer(model) as path, opened_contents(model, path) as inside:
        container.write(file, *inside)
        return path.stat().st_size


@contextmanager
def saved_without_optimizer(model: keras.Model) -> Iterator[Path]:
    """A `.keras` file of the model, gone after the block."""
    with scratch_folder() as folder:
        path = folder / "model.keras"
        with _kept_on_disk():
            write_model(copy_model(model) if model.compiled else model, path)
        yield path


@contextmanager
def _kept_on_disk() -> Iterator[None]:
    """While the block runs, Keras writes and reads large models through the disk.

    Where the memory allows it, it holds them a second and a third time in memory.
    """
    known = getattr(saving_lib, "is_memory_sufficient", None)
    if known is None:  # a Keras that goes about it in another way
        yield
        return
    store = saving_lib.H5IOStore.__setitem__

    def is_sufficient(model: keras.Model) -> bool:
        size = sum(math.prod(one.shape) * 4 for one in model.variables)
        return size < _LARGE and bool(known(model))

    def store_once(self: Any, key: str, value: Any) -> None:
        store(
            self, key, in_place(value) if isinstance(value, keras.Variable) else value
        )

    saving_lib.is_memory_sufficient = is_sufficient
    saving_lib.H5IOStore.__setitem__ = store_once
    try:
        yield
    finally:
        saving_lib.is_memory_sufficient = known
        saving_lib.H5IOStore.__setitem__ = store


@contextmanager
def opened_contents(
    model: keras.Model, saved_as: Path
) -> Iterator[tuple[dict[str, Any], Iterator[container.Tensor]]]:
    """What the packed file of a model holds: how to build it, and its tensors.

    Args:
        model: The model.
        saved_as: Its `.keras` file.

    Yields:
        The first as JSON values; the tensors are read one by one within the block.
    """
    layouts = _layouts(model)
    with archive.opened(saved_as) as saved:
        tensors = (
            container.Tensor(
                one.name,
                one.dtype,
                one.read(),
                layouts.get((one.layer, one.index), layout_of(one.shape)),
            )
            for one in saved.members
        )
        yield {"keras": saved.keras_version, "config": saved.config}, tensors


def unpack(path: str | Path, *, max_bytes: int | None = None) -> keras.Model:
    """Read a model that `pack` wrote.

    The file is not trusted. Every size in it is checked before memory is taken for it,
    and Keras builds the model in its safe mode: code (Lambda layers) is refused.

    Args:
        path: A packed file.
        max_bytes: Of all arrays together, and of the variables of the model; by default
            64 MiB and 1000 times the bytes of the file. While reading, about twice as
            many bytes are taken, of small models three times; for packed 1-bit integers
            up to 34 times.

    Returns:
        The model, not compiled.

    Raises:
        CorruptFileError: If the file is damaged, is not a packed file, or would take
            more memory than is allowed; the message names the part.
        ModelFileError: If the file is missing, needs a newer version of this library,
            or holds a layer that is not known here.
    """
    path = Path(path)
    check_packed(path)
    try:
        with path.open("rb") as file:
            reader = container.Reader(file, path.stat().st_size, max_bytes)
            return _restored(reader)
    except CorruptFileError as error:
        raise CorruptFileError(
            f"{path} cannot be unpacked: {error}. Copy the file again, or pack the model "
            "again."
        ) from error
    except ModelFileError as error:
        raise ModelFileError(f"{path} cannot be unpacked. {error}") from error


def _restored(reader: container.Reader) -> keras.Model:
    config, version = reader.about.get("config"), reader.about.get("keras")
    if not isinstance(config, dict) or not isinstance(version, str):
        raise CorruptFileError("it describes no model")
    with keras_errors(REFUSED):
        config = without_compiling(config)
        check_config(config, reader.max_bytes)
        needed = variable_bytes(config, reader.max_bytes)
    if needed > reader.max_bytes:
        raise CorruptFileError(
            f"its model would take {needed} bytes or more and {reader.max_bytes} are "
            "allowed; if you trust this file, say max_bytes"
        )
    with scratch_folder() as folder:
        path = folder / "model.keras"
        members = ((one.name, one.dtype, array) for one, array in reader.tensors())
        archive.write(path, config, version, members)
        with keras_errors(REFUSED), built_once(), _kept_on_disk():
            return keras.saving.load_model(path, compile=False, safe_mode=True)


def layer_bytes(layer: keras.Layer) -> int:
    """Bytes that the weights of one layer take in a packed file, without what frames them.

    Those of layers inside it are not counted.
    """
    layouts = _layouts_of(layer)
    return sum(
        array_bytes(to_numpy(one), str(one.dtype), layouts.get(id(one)))
        for one in own_variables(layer)
    )


def array_bytes(
    array: npt.NDArray[Any], dtype: str, layout: Layout | None = None
) -> int:
    """Bytes that an array takes in a packed file, without checksum and place in the index.

    Args:
        array: Of any shape.
        dtype: What Keras calls its type.
        layout: What is known of it; None if its last axis counts outputs.
    """
    if dtype == "bfloat16":  # which NumPy lacks: its bits
        array = array.view(np.uint16)
    coded = encode(array, dtype, layout or layout_of(array.shape))
    return len(coded)


def _layouts(model: keras.Model) -> dict[tuple[str, int], Layout]:
    """The layouts of packed integers, by the path of their layer and their place in it."""
    found = {}
    for path, layer in walk(model):
        # In the order in which a layer saves its variables.
        saved = [*layer._trainable_variables, *layer._non_trainable_variables]
        layouts = _layouts_of(layer)
        for place, variable in enumerate(saved):
            if id(variable) in layouts:
                found[path, place] = layouts[id(variable)]
    return found


def _layouts_of(layer: keras.Layer) -> dict[int, Layout]:
    """The layouts of the packed integers of one layer, by the ids of its variables."""
    if not isinstance(layer, QuantizedKernels):
        return {}
    return {
        id(layer.stored_kernel(name)["q"]): layout_of_codes(view)
        for name, view in layer.views.items()
    }


def layout_of_codes(view: View) -> Layout:
    """The layout of the integers of a kernel, which are packed if they are no bytes."""
    bits = view.format.bits
    return Layout(columns=view.channels, bits=bits if bits < 8 else 0)
