"""Model files for the tests of the server, good ones and bad ones."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras import layers

WEIGHTS = "model.weights.h5"


def sequential() -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(name="flat"),
            layers.Dense(10, name="out"),
        ],
        name="small",
    )
    kernel, bias = model.get_layer("out").get_weights()
    kernel[np.abs(kernel) < np.quantile(np.abs(kernel), 0.75)] = 0
    model.get_layer("out").set_weights([kernel, bias + 1])
    return model


def nested() -> keras.Model:
    """Two inner models with layers of the same name, and a layer used twice."""
    inputs = keras.Input((8,))
    shared = layers.Dense(8, name="shared")
    hidden = shared(shared(inputs))
    left, right = inner("left"), inner("right")
    outputs = layers.Concatenate()([left(hidden), right(hidden)])
    outputs = layers.Dense(2, name="out")(outputs)
    return keras.Model(inputs, outputs, name="nested")


def inner(name: str) -> keras.Model:
    parts = [keras.Input((8,)), layers.Dense(4, name="dense")]
    return keras.Sequential(parts, name=name)


def wrapped() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((5, 8)),
            layers.TimeDistributed(layers.Dense(3, name="inside"), name="each"),
            layers.Bidirectional(layers.LSTM(4, name="lstm"), name="both"),
            layers.Dense(2, name="half", dtype="bfloat16"),
        ],
        name="wrapped",
    )


def saved(model: keras.Model, path: Path) -> Path:
    model.save(path)
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rezipped(path: Path) -> Path:
    """The same file with its members deflated."""
    return written(path, members(path), zipfile.ZIP_DEFLATED)


def written(
    path: Path, content: dict[str, bytes], compression: int = zipfile.ZIP_STORED
) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def handmade(path: Path, fill: Any, config: dict[str, Any] | None = None) -> Path:
    """A file whose HDF5 part is written by `fill(h5py.File)`."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    config = config or {"class_name": "Sequential", "config": {"name": "handmade"}}
    content = {"config.json": json.dumps(config).encode(), WEIGHTS: buffer.getvalue()}
    return written(path, content)
