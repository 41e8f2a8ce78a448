"""Loading and saving models, with errors that say what is wrong."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import keras

from nncompress_lab.atomic import replace_file
from nncompress_lab.errors import ModelFileError, UnsupportedModelError
from nncompress_lab.limits import EXPANSION_OF_ZIP, most_bytes
from nncompress_lab.models.building import built_once
from nncompress_lab.models.declared import check_config, variable_bytes
from nncompress_lab.models.graph import check_is_model
from nncompress_lab.models.keras_calibrated import check_saved, holds_layers
from nncompress_lab.models.kernels import walk
from nncompress_lab.models.paths import check_source, check_target
from nncompress_lab.models.rewrite import copy_model

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
OF_CONFIG = 16  # what JSON takes in memory, as a multiple of its text
LONGEST_REASON = 400
OWN_LAYERS = "If it uses layers of your own"
REGISTER = (
    "Register functions and layers of your own with "
    "keras.saving.register_keras_serializable; replace Lambda layers by them."
)


def load_model(path: str | Path) -> keras.Model:
    """Load a model; unlike `keras.saving.load_model` it explains what is wrong.

    Code in the file (Lambda layers) is refused, as in Keras's safe mode.

    Args:
        path: A `.keras` file.

    Returns:
        The model.

    Raises:
        ModelFileError: If the file is missing, is not a Keras model, is damaged, or
            holds a layer that is not known here.
    """
    check_source(path)
    with keras_errors(f"{path} cannot be loaded"):
        size = Path(path).stat().st_size
        _check_declared(Path(path), most_bytes(size, EXPANSION_OF_ZIP))
        with built_once():
            return keras.saving.load_model(path)


def _check_declared(path: Path, most: int) -> None:
    """Raise unless what a file says about itself fits into what it may become."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(one.file_size for one in archive.infolist())
        _check_bytes("unpack to", unpacked, most)
        described = archive.getinfo(CONFIG).file_size
        _check_bytes("describe itself in", described, most // OF_CONFIG)
        config = json.loads(archive.read(CONFIG))
        if WEIGHTS in archive.namelist():
            with archive.open(WEIGHTS) as member, h5py.File(member, "r") as weights:
                _check_bytes("hold arrays of", _array_bytes(weights), most)
    check_config(config, most)
    _check_bytes("build a model of", variable_bytes(config, most), most)


def _check_bytes(what: str, needed: int, most: int) -> None:
    if needed > most:
        raise ValueError(
            f"it would {what} {needed} bytes or more, and by its length {most} are "
            "allowed. It is damaged or was made to mislead."
        )


def _array_bytes(weights: h5py.File) -> int:
    sizes: list[int] = []

    def note(_name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(int(item.nbytes))

    weights.visititems(note)
    return sum(sizes)


@contextmanager
def keras_errors(problem: str) -> Iterator[None]:
    """While the block runs, say in one sentence what Keras does not accept.

    Args:
        problem: How the sentence begins.

    Raises:
        ModelFileError: Instead of whatever the block raises.
    """
    try:
        yield
    except Exception as error:  # Keras raises many kinds for damaged and foreign files
        raise ModelFileError(
            f"{problem}: {_reason(error).rstrip('.')}. {OWN_LAYERS}, import the module "
            "that registers them with keras.saving.register_keras_serializable."
        ) from error


def _reason(error: Exception) -> str:
    """What it comes from, of an error of Keras that tells where it went on from there."""
    if isinstance(error, RecursionError):
        return "what describes it is nested too deeply"
    text = str(error).strip() or type(error).__name__
    for before in ("Exception encountered: ", "Example error message for object"):
        text = text.rpartition(before)[2]
    # Not the configuration of the whole model, which may follow in the same line.
    lines = text.partition("Full object config")[0].strip().splitlines()
    said = [line.strip() for line in lines if line.strip()]
    most = 2 if text != str(error).strip() else 1
    return " ".join(said[:most])[:LONGEST_REASON]


def save_model(model: keras.Model, path: str | Path) -> None:
    """Save a model; an existing file is replaced as a whole or not at all.

    Args:
        model: Any model that Keras can save.
        path: Ends in `.keras`.

    Raises:
        ValueError: If the path does not end in `.keras`.
        FileNotFoundError: If its folder does not exist.
        UnsupportedModelError: If Keras cannot write it down; the message names the layer.
    """
    check_is_model(model)
    check_target(path)
    with replace_file(path) as temporary:
        write_model(model, temporary)


def write_model(model: keras.Model, path: Path) -> None:
    """Let Keras save a model, and name the layer that it cannot write down.

    Raises:
        UnsupportedModelError: If there is one.
    """
    layers = [layer for _, layer in walk(model)]
    for layer in layers:
        check_saved(layer)
    if any(holds_layers(getattr(one, "quantization_config", None)) for one in layers):
        model = copy_model(model)  # which can be written down
    try:
        model.save(path)
    except OSError:  # of the disk
        raise
    except Exception as error:  # Keras raises many kinds
        raise UnsupportedModelError(
            f"{model.name!r} cannot be saved: {refused_layer(model, read=False)}"
            f"{_reason(error).rstrip('.')}. {REGISTER}"
        ) from error


def refused_layer(model: keras.Model, *, read: bool) -> str:
    """Which layer Keras does not write down, as the beginning of a sentence.

    Args:
        model: Any model.
        read: Whether to find the one that it does not make again in its safe mode, too.
    """
    refused = []
    for path, layer in walk(model):
        try:
            config = keras.saving.serialize_keras_object(layer)
            with keras.StatelessScope():
                if read:
                    keras.saving.deserialize_keras_object(config, safe_mode=True)
        except Exception:
            refused.append((path, type(layer).__name__))
    if not refused:
        return ""
    path, kind = max(refused, key=lambda one: one[0].count("/"))  # not what it is in
    return f"it is layer {path!r} ({kind}). "
